"""The evaluation runs on the recordings of a clone, and finds what is known of them."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "tests" / "data" / "speech"
MICRO = f"whisper:{ROOT / 'models' / 'micro-whisper'}"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    command = [sys.executable, ROOT / "scripts" / "evaluate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def table(*arguments: str | Path) -> dict[str, list[str]]:
    """Run the script; the rows of its table by their names."""
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line[2:-2].split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def two_numbers(cell: str) -> tuple[float, float]:
    middle, late = map(float, cell.split(" / "))
    return middle, late


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """One clip that is understood, and one without speech."""
    chosen = [
        entry
        for entry in json.loads((SPEECH / "manifest.json").read_text())
        if entry["file"] in ("en_go_forward.wav", "neg_ding.wav")
    ]
    for entry in chosen:
        (tmp_path / entry["file"]).symlink_to(SPEECH / entry["file"])
    path = tmp_path / "manifest.json"
    german = {"file": "none.wav", "category": "clips", "language": "de", "text_norm": "ja"}
    path.write_text(json.dumps([*chosen, german]))
    return path


def test_transcription_as_fast_as_it_goes(manifest: Path) -> None:
    done = run("transcription", manifest, "--fast", "--each")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line[2:-2].split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    cells = {row[0]: row[1:] for row in rows}
    assert rows[0] == ["", "clips", "negative", "all speech"]
    assert cells["recordings"] == ["1", "1", "1"]
    assert cells["word error rate"][0] == "0.0 %"
    assert cells["word error rate"][1].endswith("words, none spoken")
    assert cells["the same against offline, points"] == ["+0.0", "–", "+0.0"]
    assert cells["stable characters that changed"] == ["0", "0", "0"]
    assert "end of turn → final, p50 / p95 ms" not in cells, "no delay is told of audio that nobody speaks"
    assert "- en_go_forward (0/4): go forward ten meters → go forward ten meters\n" in done.stdout


def test_a_sentence_in_real_time_under_two_loads_and_its_picture(tmp_path: Path) -> None:
    picture = tmp_path / "delays.png"
    rows = table(
        *("transcription", "--sentences", "2", "--streams", "1,2", "--stt", MICRO, "--set", "threads=1"),
        *("--vad", "silero", "--picture", picture),
    )
    assert rows["recordings"] == ["2", "2"]
    assert rows["stable characters that changed"] == ["0", "0"]
    for cell in rows["word error rate"]:
        assert float(cell.removesuffix(" %")) <= 25
    for cell in rows["word's end → stable, p50 / p95 ms"]:
        assert 100 < two_numbers(cell)[0] < 3000
    for cell in rows["end of turn → final, p50 / p95 ms"]:
        # Nought where the text that was asked for during the closing silence had come before the silence was over.
        assert 0 <= two_numbers(cell)[0] < 3000
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_silero_on_our_recordings() -> None:
    rows = table("endpointing", "--waits", "300,800")
    assert rows["wait, ms"] == ["300", "800"]
    assert rows["false starts a minute without speech"] == ["0.0", "0.0"]
    assert rows["recordings of speech in which no turn began"] == ["0 of 5", "0 of 5"]
    assert rows["labelled utterances cut in two"] == ["0 of 4", "0 of 4"]
    # The gaps between them are 0.4, 0.7 and 1.2 s of silence beside the clips' own.
    assert rows["labelled utterances joined with the next"] == ["0 of 4", "1 of 4"]
    quick, patient = (two_numbers(cell)[0] for cell in rows["end: speech ends → turn ends, p50 / p95 ms"])
    assert 200 < quick < 400
    assert 700 < patient < 900


def test_webrtc_hears_the_speech_as_well() -> None:
    rows = table("endpointing", "--vad", "webrtc", "--waits", "300")
    assert rows["recordings of speech in which no turn began"] == ["0 of 5"]


def test_waits_that_depend_on_the_words_cut_fewer_sentences_with_a_pause_in_them(tmp_path: Path) -> None:
    picture = tmp_path / "waits.png"
    rows = table(
        *("endpointing", "--sentences", "24", "--waits", "300", "--adaptive", "300-1300", "--oracle"),
        *("--picture", picture),
    )
    assert rows["wait, ms"] == ["300", "300–1300"]
    cut, cut_less = (int(cell.split(" of ")[0]) for cell in rows["labelled utterances cut in two"])
    assert cut_less < cut / 1.5
    same, longer = (two_numbers(cell)[0] for cell in rows["end: speech ends → turn ends, p50 / p95 ms"])
    assert longer < same + 50, "most sentences end as soon as they did"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_a_recogniser_hears_at_a_pause_decides_too() -> None:
    rows = table("endpointing", "--sentences", "8", "--waits", "300", "--adaptive", "300-1300", "--stt", MICRO)
    cut, cut_less = (int(cell.split(" of ")[0]) for cell in rows["labelled utterances cut in two"])
    assert cut_less < cut


@pytest.fixture
def narrowband(tmp_path: Path) -> Path:
    with wave.open(str(tmp_path / "clip.wav"), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(1600))
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps([{"file": "clip.wav", "category": "clips"}]))
    return manifest


def test_other_rates_are_refused(narrowband: Path) -> None:
    done = run("endpointing", narrowband)
    assert (done.returncode, done.stderr) == (1, "clip.wav is not 16 kHz mono 16-bit\n")


def test_a_manifest_without_a_recording_in_the_language(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps([{"file": "none.wav", "category": "clips", "language": "de", "text_norm": "ja"}]))
    done = run("transcription", manifest)
    assert (done.returncode, done.stderr) == (1, f"{manifest} has no such recordings\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("transcription", "--stt", "nobody"), "stt: 'nobody' is no engine here"),
        (("transcription", "--stt", "null", "--set", "speed=2"), "--set: null has no option speed"),
        (("transcription", "--stt", MICRO, "--set", "final_beam=99"), "--set: Value error, final_beam: 99 is outside"),
        (("transcription", "--stt", "whisper:/nowhere"), "nowhere"),
        (("transcription", "--language", "fr", "--no-offline", "--fast"), "pocketsphinx: it has no model for 'fr'"),
        (("endpointing", "/nowhere/manifest.json"), "/nowhere/manifest.json"),
        (("endpointing", "--adaptive", "300-1200"), "--adaptive needs a text: either --stt or --oracle"),
        (("endpointing", "--adaptive", "300"), "invalid"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
