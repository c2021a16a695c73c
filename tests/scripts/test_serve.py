"""The first two minutes of a user: scripts/serve, then a conversation by command line; real engines throughout."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[2]
VOICESRV = Path(sys.executable).with_name("voicesrv")
CLIP = ROOT / "tests" / "data" / "speech" / "en_go_forward.wav"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The server as a process, and where it says it listens."""
    (tmp_path / "settings.toml").write_text(f'llm = "echo"\nstate_dir = "{tmp_path}"\n')
    command = [ROOT / "scripts" / "serve", "--port", "0", "--config", tmp_path / "settings.toml"]
    environment = os.environ | {"VOICESRV_PULL": "0"}  # not everybody who tests wants a download
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"listening on (http://\S+)", line):
                    yield process, found[1]
                    break
            else:
                pytest.fail("the server did not start: " + "".join(said))
        finally:
            process.kill()


FAKE_VOICESRV = """#!/usr/bin/env bash
echo "$$: $*" >>"$CALLS"
"""


def test_the_first_download_is_told_who_becomes_the_server(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "scripts", clone / "scripts")
    shutil.copy(ROOT / "pyproject.toml", clone)
    programs = clone / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "voicesrv").write_text(FAKE_VOICESRV)
    (programs / "voicesrv").chmod(0o755)
    stamp = subprocess.run(
        ["cksum"], input=(ROOT / "pyproject.toml").read_bytes(), capture_output=True, check=True
    ).stdout
    for extra in ("embedded", "piper"):
        (clone / ".venv" / f".voicesrv-{extra}").write_bytes(stamp)

    calls = tmp_path / "calls"
    environment = os.environ | {"CALLS": str(calls), "VOICESRV_MODELS": str(tmp_path), "VOICESRV_PULL": "1"}
    with subprocess.Popen(
        [clone / "scripts" / "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE
    ) as serve:
        serve.communicate(timeout=30)  # to the end of the last that holds its stdout
    download, server = sorted(calls.read_text().splitlines(), key=lambda line: " serve " in line)
    assert server == f"{serve.pid}: serve --port 0"
    assert download.endswith(f": models first-run --beside {serve.pid} --port 0")


def test_a_conversation(server: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    process, url = server
    command = [VOICESRV, "talk", CLIP, "--url", url, "--no-play", "--out", tmp_path / "reply.wav"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "you: go forward ten meters" in told
    assert "agent: I heard: go forward ten meters." in told
    assert re.search(r"latency: \d+ ms", told)
    samples, rate = soundfile.read(tmp_path / "reply.wav", dtype="int16")
    assert rate == 24_000
    assert len(samples) > rate
    assert np.abs(samples.astype(np.int32)).mean() > 100

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == 0
