"""The examples of clients/python and of its README as processes of their own, against a server with real engines."""

from __future__ import annotations

import asyncio
import builtins
import os
import re
import signal
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

import voicesrv_client
from voicesrv.app import create_app
from voicesrv.settings import Settings
from voicesrv.transport.server import ServerOptions, running
from voicesrv_client import events

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"
EXAMPLES = CLIENT / "examples"
SPEECH = ROOT / "tests" / "data" / "speech" / "en_go_forward.wav"
LOOPBACK = Path(__file__).parent / "loopback"
SAID = "go forward ten meters"


@asynccontextmanager
async def embedded_server() -> AsyncIterator[str]:
    settings = Settings(stt="pocketsphinx", llm="echo", tts="espeak", log_level="warning")
    async with running(create_app(settings, keeps=False), ServerOptions(port=0)) as url:
        yield url


async def start(*arguments: object, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(CLIENT)} | environment,
    )


async def output(process: asyncio.subprocess.Process) -> str:
    """What is left of stdout, of a process that ends well and without a word on stderr."""
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, err.decode()) == (0, "")
    return out.decode()


def loudness(samples: bytes) -> float:
    return float(np.abs(np.frombuffer(samples, "<i2").astype(float)).max(initial=0))


def test_each_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == {"say.py", "talk.py", "transcribe.py"}


async def test_a_recording_is_transcribed() -> None:
    async with embedded_server() as url:
        assert await output(await start(EXAMPLES / "transcribe.py", SPEECH, url)) == f"{SAID}\n"


async def test_a_text_is_said(tmp_path: Path) -> None:
    target = tmp_path / "said.wav"
    async with embedded_server() as url:
        assert await output(await start(EXAMPLES / "say.py", "Dinner is ready.", target, url)) == ""
    with wave.open(str(target)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert 0.5 < file.getnframes() / 24_000 < 3
        assert loudness(file.readframes(file.getnframes())) > 1000


async def test_a_microphone_is_answered_until_ctrl_c(tmp_path: Path) -> None:
    played = tmp_path / "played.raw"
    path = f"{CLIENT}{os.pathsep}{LOOPBACK}"
    async with embedded_server() as url:
        process = await start(
            *(EXAMPLES / "talk.py", url), PYTHONPATH=path, LOOPBACK_HEARD=str(SPEECH), LOOPBACK_PLAYED=str(played)
        )
        assert process.stdout is not None
        async with asyncio.timeout(60):
            lines = [(await process.stdout.readline()).decode() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert await output(process) == ""
    assert lines[0] == f"you:   {SAID}\n"
    assert lines[1].startswith(f"agent: I heard: {SAID}")  # heard to its end: the speaker told how far it was
    sound = played.read_bytes()
    assert loudness(sound) > 1000
    assert len(sound) > 48 * 2000  # 2 s with the silence before it


async def test_the_readme_tells_no_lies() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    async with embedded_server() as url:
        outputs = [await output(await start("-c", block.replace("http://127.0.0.1:8000", url))) for block in blocks]
    assert len(outputs) == 1
    assert outputs[0].startswith("I heard: Hello there.")


def test_what_the_readme_names_is_had_from_the_package_or_its_events() -> None:
    text = re.sub(r"```.*?```", "", (CLIENT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    names = set(re.findall(r"`([A-Z]\w+)", text))
    assert {"VoiceClient", "Playout", "ToolCall"} <= names
    assert {name for name in names if not any(hasattr(it, name) for it in (voicesrv_client, events, builtins))} == set()
