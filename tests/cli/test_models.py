"""``voicesrv models`` as a process, against a hub on loopback that serves the micro models of the clone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engines.hub_server import COMMIT, Hub, running_hub

ROOT = Path(__file__).parents[2]
WHISPER = ROOT / "models" / "micro-whisper"
VOICE = ROOT / "models" / "micro-voice" / "en_US-micro-low.onnx"
MODEL_BIN = (WHISPER / "model.bin").read_bytes()
MAIN = """
import sys
from pathlib import Path
from voicesrv.engines import model_catalogue
model_catalogue._DATA = Path(sys.argv.pop(1))
from voicesrv.cli.app import main
main()
"""
"""The command, with the test's catalogue in place of the real one."""


@dataclass
class Done:
    code: int
    out: str
    err: str


@dataclass
class Place:
    """A user's machine: its folder of models, its catalogue, and how it reaches the hub."""

    folder: Path
    catalogue: Path
    environment: dict[str, str]

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, self.catalogue, "models", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.catalogue.parent,
            env=os.environ | self.environment | environment,
        )

    def run(self, *arguments: str, **environment: str) -> Done:
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return Done(process.returncode, out, err)

    def listed(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in json.loads(self.run("--json").out)}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        for path in WHISPER.iterdir():
            hub.put("us/whisper-micro", path.name, path)
        hub.put("us/voices", "en/en_US-micro-low.onnx", VOICE)
        hub.put("us/voices", "en/en_US-micro-low.onnx.json", Path(f"{VOICE}.json"))
        hub.put("us/voices", "en/MODEL_CARD", VOICE.parent / "README.md")
        yield hub


@pytest.fixture
def place(tmp_path: Path, hub: Hub) -> Place:
    names = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.json")
    common = {"licence": "Apache-2.0", "note": "", "cpus": 1, "ram_mb": 64, "revision": COMMIT}
    weights = {"size": len(MODEL_BIN), "sha256": hashlib.sha256(MODEL_BIN).hexdigest()}
    voice = {"size": VOICE.stat().st_size, "md5": hashlib.md5(VOICE.read_bytes()).hexdigest()}
    rows = [
        common
        | {"engine": "whisper", "name": "micro", "repo": "us/whisper-micro", "languages": ["en"], "gpu_mb": 1}
        | {"files": [{"path": name} | (weights if name == "model.bin" else {}) for name in names]},
        common
        | {"engine": "piper", "name": "en_US-micro-low", "repo": "us/voices", "languages": ["en-US"], "gpu_mb": 0}
        | {"note": "it sounds like a machine"}
        | {
            "files": [
                {"path": "en/en_US-micro-low.onnx"} | voice,
                {"path": "en/en_US-micro-low.onnx.json"},
                {"path": "en/MODEL_CARD"},
            ]
        },
    ]
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(json.dumps({"models": rows}))
    folder = tmp_path / "models"
    environment = {"VOICESRV_MODELS": str(folder), "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}
    return Place(folder, catalogue, environment | {"NO_PROXY": "127.0.0.1", "PATH": "/nowhere"})


# --- pull -------------------------------------------------------------------------------------------


def test_models_are_pulled_whole_and_recorded(place: Place, hub: Hub) -> None:
    done = place.run("pull", "whisper:micro", "en_US-micro-low")
    assert done.code == 0, done.err
    assert f"whisper:micro is now in {place.folder}/whisper/micro" in done.err
    assert "note: it sounds like a machine" in done.err
    for path in WHISPER.iterdir():
        if path.name != "README.md":
            assert (place.folder / "whisper" / "micro" / path.name).read_bytes() == path.read_bytes()
    assert (place.folder / "piper" / VOICE.name).read_bytes() == VOICE.read_bytes()
    assert (place.folder / "piper" / "en_US-micro-low.MODEL_CARD").is_file()
    record = json.loads((place.folder / "whisper" / "micro" / "voicesrv.json").read_text())
    assert record["repo"], record["commit"] == ("us/whisper-micro", COMMIT)
    assert record["files"]["model.bin"]["sha256"] == hashlib.sha256(MODEL_BIN).hexdigest()
    assert not any((place.folder / ".partial").rglob("*.*")), "nothing is left over"
    assert not any("xet" in path for _, path, _ in hub.asked)

    hub.asked.clear()
    again = place.run("pull", "whisper:micro")
    assert (again.code, hub.asked) == (0, []) and "was already in" in again.err


def test_the_pair_is_recommended_and_taken(place: Place) -> None:
    rows = place.listed()
    assert [row["here"] for row in rows.values()] == [["recommended"], ["recommended"]]
    assert place.run("pull", "recommended").code == 0
    assert [row["here"] for row in place.listed().values()] == [["installed", "auto takes it"]] * 2
    shown = place.run().out
    assert "Apache-2.0*" in shown and "installed, auto takes it" in shown


def test_a_cut_connection_goes_on_by_itself(place: Place, hub: Hub) -> None:
    hub.cut_after = 300_000
    assert place.run("pull", "whisper:micro").code == 0
    assert hub.ranges() == ["", "bytes=300000-"]


def test_ctrl_c_keeps_what_has_come(place: Place, hub: Hub) -> None:
    hub.holds.clear()
    with place.start("pull", "whisper:micro") as process:
        assert hub.halfway.wait(30)
        part = place.folder / ".partial" / "whisper" / "micro"
        while not any(path.stat().st_size > 10_000 for path in part.glob("model.bin.*")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in err
    assert "stopped; what has come is kept" in err
    row = place.listed()["whisper:micro"]
    assert row["here"][0].startswith("stopped at ")
    hub.holds.set()
    assert place.run("pull", "whisper:micro").code == 0
    first, second = hub.ranges()
    assert first == "" and int(second.removeprefix("bytes=").removesuffix("-")) > 10_000
    assert (place.folder / "whisper" / "micro" / "model.bin").read_bytes() == MODEL_BIN


def test_a_hub_that_sends_all_of_it_again_is_understood(place: Place, hub: Hub) -> None:
    hub.cut_after, hub.ignores_range = 300_000, True
    assert place.run("pull", "whisper:micro").code == 0
    assert (place.folder / "whisper" / "micro" / "model.bin").read_bytes() == MODEL_BIN


def test_what_was_damaged_on_its_way_is_thrown_away(place: Place, hub: Hub) -> None:
    hub.damages = True
    done = place.run("pull", "whisper:micro", "piper:en_US-micro-low")
    assert done.code == 1
    assert "whisper:micro: model.bin was damaged on its way: its sha256 checksum is" in done.err
    assert "piper:en_US-micro-low: en_US-micro-low.onnx was damaged" in done.err
    assert place.run("path", "whisper:micro").code == 1
    hub.damages = False
    assert place.run("pull", "whisper:micro").code == 0


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"vocabulary.json": (404, "EntryNotFound")}, "us/whisper-micro has no vocabulary.json at 0123456789ab"),
        ({"config.json": (403, "GatedRepo")}, "us/whisper-micro is for those who accepted its terms"),
        ({"config.json": (404, "RepoNotFound")}, "us/whisper-micro is not there, or not for everybody"),
        ({"config.json": (503, "")}, "us/whisper-micro answers 503 for config.json\n  Behind a proxy"),
    ],
)
def test_what_the_hub_refuses(place: Place, hub: Hub, answers: dict[str, tuple[int, str]], message: str) -> None:
    hub.answers = answers
    done = place.run("pull", "whisper:micro")
    assert done.code == 1 and message in done.err


def test_without_a_network_it_says_what_to_copy(place: Place) -> None:
    done = place.run("pull", "whisper:micro", "piper:en_US-micro-low", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.code == 1
    assert "whisper:micro: http://127.0.0.1:9 cannot be reached: " in done.err
    assert "set HTTPS_PROXY" in done.err and "HF_ENDPOINT=" in done.err
    assert f"from http://127.0.0.1:9/us/whisper-micro/tree/{COMMIT}" in done.err
    assert f"to   {place.folder}/whisper/micro/" in done.err
    assert "piper" not in done.err, "the next would fail likewise, and is not tried"
    assert "HF_HUB_OFFLINE is set" in place.run("pull", "whisper:micro", HF_HUB_OFFLINE="1").err


def test_a_full_disk_is_told_before_and_while(place: Place, hub: Hub) -> None:
    small = "import shutil; shutil.disk_usage = lambda path: type('U', (), {'free': 5})\n"
    done = _limited(place, small)
    assert done.code == 1 and "it needs 2 MB in" in done.err and "where 0 MB are free" in done.err
    assert hub.ranges() == []
    full = (
        "import errno, resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000)); errno.ENOSPC = errno.EFBIG\n"
    )
    done = _limited(place, full)
    assert done.code == 1 and "whisper:micro: the disk is full" in done.err
    assert place.run("pull", "whisper:micro").code == 0
    assert hub.ranges()[-1] == "bytes=500000-"


def _limited(place: Place, limit: str) -> Done:
    """Pull in a process that was limited first; no disk can be made full without rights."""
    with subprocess.Popen(
        [sys.executable, "-c", limit + MAIN, place.catalogue, "models", "pull", "whisper:micro"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | place.environment,
    ) as process:
        _, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    return Done(process.returncode, "", err)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("whisper:mirco", "'whisper:mirco' is not in the catalogue; did you mean whisper:micro?"),
        ("piper:micro", "'micro' is no model of piper; it is whisper:micro"),
        ("espeak:micro", "models are for whisper and piper"),
    ],
)
def test_names_that_are_none(place: Place, name: str, message: str) -> None:
    done = place.run("pull", name)
    assert done.code == 2 and message in done.err


# --- what is here -----------------------------------------------------------------------------------


def test_verify_path_and_rm(place: Place) -> None:
    shutil.copytree(WHISPER, place.folder / "whisper" / "mine")
    assert place.run("pull", "whisper:micro").code == 0
    assert place.run("path", "micro").out == f"{place.folder}/whisper/micro\n"
    assert place.run("path").out == f"{place.folder}\n"
    checked = place.run("verify")
    assert checked.out == "whisper:micro  as it was published\nwhisper:mine  whole; no checksum of it is known\n"

    with (place.folder / "whisper" / "micro" / "model.bin").open("r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    broken = place.run("verify", "whisper:micro")
    assert broken.code == 1 and "model.bin is damaged" in broken.err
    assert "get it anew: voicesrv models pull whisper:micro" in broken.err
    assert place.run("pull", "whisper:micro").code == 0, "a damaged one is replaced"
    assert place.run("verify", "whisper:micro").code == 0

    assert place.run("rm", "whisper:micro", "whisper:mine").code == 0
    assert list((place.folder / "whisper").iterdir()) == []
    gone = place.run("rm", "whisper:micro")
    assert gone.code == 1 and "whisper:micro is not here" in gone.err


@pytest.mark.parametrize("name", ["whisper:../../x", "whisper:.", "piper:..", "whisper:", "."])
def test_only_models_are_deleted(place: Place, name: str) -> None:
    shutil.copytree(WHISPER, place.folder / "whisper" / "mine")
    done = place.run("rm", "--", name)
    assert done.code == 2 and "names no model" in done.err
    assert (place.folder / "whisper" / "mine" / "model.bin").is_file()


# --- the first run of scripts/serve -----------------------------------------------------------------


def test_the_first_run_pulls_the_pair_once(place: Place, hub: Hub) -> None:
    assert place.run("first-run", "--help").err == ""
    done = place.run("first-run", "--port", "9000", "--llm", "echo")
    assert done.code == 0
    assert "piper:en_US-micro-low is here: the next conversation has it; it sounds like a machine" in done.err
    assert place.run("rm", "whisper:micro").code == 0
    hub.asked.clear()
    assert place.run("first-run").err == "" and hub.asked == [], "what was removed is not brought back"


def test_the_first_run_gets_only_what_auto_lacks(place: Place) -> None:
    done = place.run("first-run", "--stt", "pocketsphinx")
    assert "whisper" not in done.err and "piper:en_US-micro-low is here" in done.err


def test_the_first_run_without_a_network_is_short_and_the_last(place: Place) -> None:
    done = place.run("first-run", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.code == 0
    assert "cannot be reached" in done.err and "the server goes on without" in done.err
    assert place.run("first-run", HF_ENDPOINT="http://127.0.0.1:9").err == ""


def test_the_first_run_ends_with_the_server_and_goes_on_with_the_next(place: Place, hub: Hub) -> None:
    hub.holds.clear()
    server = (
        "import os, subprocess, sys;"
        " subprocess.Popen([*sys.argv[1:], '--beside', str(os.getpid())]);"
        " sys.stdin.read()"  # ends as the test closes its stdin
    )
    command = [sys.executable, "-c", server, sys.executable, "-c", MAIN, str(place.catalogue), "models", "first-run"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | place.environment
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        assert hub.halfway.wait(30)
        process.stdin.close()
        process.wait(timeout=30)
        hub.holds.set()
        said = process.stderr.read()  # to the end of the last that holds it: the download has ended as well
    assert "is here" not in said and "Traceback" not in said
    assert place.listed()["whisper:micro"]["here"][0].startswith("stopped at")
    assert place.run("first-run").code == 0
    assert place.listed()["whisper:micro"]["here"] == ["installed", "auto takes it"]
