"""``voicesrv transcribe``: real recordings with the real recogniser, and every form of output."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jiwer
import pytest
from typer.testing import CliRunner, Result

from voicesrv.cli.app import app

VOICESRV = Path(sys.executable).with_name("voicesrv")
SPEECH = Path(__file__).parents[1] / "data" / "speech"
GO_FORWARD = SPEECH / "en_go_forward.wav"
NULL = ("--stt", "null")
"""What is written where does not depend on what is understood; the null engine understands at once."""
UNDERSTOOD = re.compile(r"null turn of \d+ ms")


def transcribe(*arguments: str | Path, stdin: bytes = b"") -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["transcribe", *map(str, arguments)], input=stdin)


@pytest.fixture(scope="module")
def understood() -> dict[str, dict[str, Any]]:
    """What PocketSphinx makes of the clips, by name; in one run, since its workers take seconds to start."""
    names = ("en_go_forward", "en_turns_austen", "en_austen_0880", "neg_ding")
    files = (SPEECH / f"{name}.wav" for name in names)
    done = subprocess.run([VOICESRV, "transcribe", "--json", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(zip(names, map(json.loads, done.stdout.splitlines()), strict=True))


def test_a_recording_is_understood(understood: dict[str, dict[str, Any]]) -> None:
    assert understood["en_go_forward"]["text"] == "go forward ten meters"
    assert understood["neg_ding"]["text"] == ""


def test_a_sentence_of_a_book_is_mostly_right(understood: dict[str, dict[str, Any]]) -> None:
    """A guard against a wrong rate, lost audio or cut words, not a measure: PocketSphinx errs in a third of words."""
    manifest = {entry["id"]: entry for entry in json.loads((SPEECH / "manifest.json").read_text())}
    name = "en_austen_0880"
    assert jiwer.wer(manifest[name]["text_norm"], understood[name]["text"]) < 0.6


def test_turns_and_words_have_times_in_the_recording(understood: dict[str, dict[str, Any]]) -> None:
    whole = understood["en_turns_austen"]
    assert len(whole["turns"]) > 1
    for turn in whole["turns"]:
        times = [time for word in turn["words"] for time in (word["start_ms"], word["end_ms"])]
        assert times == sorted(times)
        # The recogniser's idea of where words are differs from the detector's by part of a word.
        assert turn["start_ms"] - 500 <= times[0]
        assert times[-1] <= turn["end_ms"] + 700
    assert whole["turns"][-1]["end_ms"] <= whole["duration_ms"]


def test_text_is_a_line_for_each_turn() -> None:
    done = transcribe(*NULL, SPEECH / "en_turns_austen.wav")
    assert len(done.stdout.splitlines()) > 1
    assert all(UNDERSTOOD.fullmatch(line) for line in done.stdout.splitlines())
    assert done.stderr == ""


def test_several_files_are_told_apart() -> None:
    head, text, *rest = transcribe(*NULL, GO_FORWARD, GO_FORWARD).stdout.splitlines()
    assert head == f"==> {GO_FORWARD} <=="
    assert UNDERSTOOD.fullmatch(text)
    assert rest == [head, text]


@pytest.mark.parametrize(("form", "point"), [("srt", ","), ("vtt", ".")])
def test_subtitles(form: str, point: str) -> None:
    done = transcribe(*NULL, f"--{form}", GO_FORWARD)
    clock = rf"00:00:0\d{re.escape(point)}\d\d\d"
    assert re.search(rf"^{clock} --> {clock}\n{UNDERSTOOD.pattern}\n\n", done.stdout, re.MULTILINE)


def test_a_folder_gets_a_file_for_each(tmp_path: Path) -> None:
    done = transcribe(*NULL, "--srt", "-o", tmp_path / "out", GO_FORWARD, SPEECH / "neg_ding.wav")
    assert (done.exit_code, done.stdout) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["en_go_forward.srt", "neg_ding.srt"]
    assert UNDERSTOOD.search((tmp_path / "out" / "en_go_forward.srt").read_text())


def test_stdin_is_read() -> None:
    assert transcribe(*NULL, "-", stdin=GO_FORWARD.read_bytes()).stdout == transcribe(*NULL, GO_FORWARD).stdout


def test_a_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"nothing of the kind")
    done = transcribe(*NULL, tmp_path / "noise.wav", tmp_path / "missing.wav", GO_FORWARD)
    assert done.exit_code == 1
    assert UNDERSTOOD.search(done.stdout)
    assert [line.partition(": file:")[0] for line in done.stderr.splitlines()] == [
        f"voicesrv: {tmp_path / 'noise.wav'}",
        f"voicesrv: {tmp_path / 'missing.wav'}",
    ]


def test_key_terms_are_for_engines_that_take_them() -> None:
    done = transcribe(*NULL, "--keyterms", "Tuttle, Ormskirk", GO_FORWARD)
    assert done.exit_code == 0
    assert done.stderr == "voicesrv: null takes no key terms; it goes on without\n"
    assert UNDERSTOOD.search(done.stdout)


def test_a_bad_key_term_is_refused() -> None:
    done = subprocess.run(
        [VOICESRV, "transcribe", *NULL, "--keyterms", "x" * 300, GO_FORWARD],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("voicesrv: keyterms[0]: ")


def test_what_cannot_go_together_is_refused(tmp_path: Path) -> None:
    shutil.copy(GO_FORWARD, tmp_path / "en_go_forward.wav")
    for arguments, said in (
        (("--srt", "--json", GO_FORWARD), "cannot go together"),
        (("--srt", GO_FORWARD, GO_FORWARD), "subtitles of several files"),
        (("-o", tmp_path, GO_FORWARD, tmp_path / "en_go_forward.wav"), "under one name"),
    ):
        done = transcribe(*arguments)
        assert done.exit_code == 2
        assert said in " ".join(done.stderr.split())
