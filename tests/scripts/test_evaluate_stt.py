"""The transcription evaluation runs on the recordings of a clone and finds what is known of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "evaluate_stt"
SPEECH = ROOT / "tests" / "data" / "speech"


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
    path.write_text(json.dumps([*chosen, {"file": "none.wav", "language": "de", "text_norm": "ja"}]))
    return path


def test_the_table(manifest: Path) -> None:
    done = subprocess.run([sys.executable, SCRIPT, manifest, "--each"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")]
    cells = {row[0]: row[1:] for row in rows}
    assert rows[0] == ["clips", "negative", "all speech"]
    assert cells["recordings"] == ["1", "1", "1"]
    assert cells["word error rate"][0] == "0.0 %"
    assert cells["word error rate"][1].endswith("words, none spoken")
    assert cells["stable text that changed"] == ["0", "0", "0"]
    assert "en_go_forward (0/4): go forward ten meters → go forward ten meters" in done.stdout
