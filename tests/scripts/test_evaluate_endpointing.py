"""The endpointing evaluation runs on the recordings of a clone and finds what is known of them."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "evaluate_endpointing"


def table(*arguments: str) -> dict[str, list[str]]:
    """Run the script; its rows by their names."""
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_silero_on_our_recordings() -> None:
    rows = table("--endpointing", "300,800")
    assert rows["endpointing_ms"] == ["300", "800"]
    assert rows["false starts a minute without speech"] == ["0.0", "0.0"]
    assert rows["recordings of speech in which no turn began"] == ["0 of 5", "0 of 5"]
    assert rows["labelled utterances cut in two"] == ["0 of 4", "0 of 4"]
    # The gaps between them are 0.4, 0.7 and 1.2 s of silence beside the clips' own.
    assert rows["labelled utterances joined with the next"] == ["0 of 4", "1 of 4"]
    quick, patient = (float(cell.split(" / ")[0]) for cell in rows["end: speech ends → turn ends, p50 / p95 ms"])
    assert 200 < quick < 400
    assert 700 < patient < 900


def test_webrtc_hears_the_speech_as_well() -> None:
    rows = table("--vad", "webrtc", "--endpointing", "300")
    assert rows["recordings of speech in which no turn began"] == ["0 of 5"]


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
    done = subprocess.run([sys.executable, SCRIPT, narrowband], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "clip.wav is not 16 kHz mono 16-bit\n"
