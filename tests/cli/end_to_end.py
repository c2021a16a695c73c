"""A server with null engines in the test's own loop, and the commands as processes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO

from voicesrv.app import create_app
from voicesrv.bench.caller import tone
from voicesrv.settings import Settings
from voicesrv.transport.server import ServerOptions, running

REPLY = "One two three."
SPEECH = tone(0.6) + bytes(32 * 600)
"""16 kHz linear16: what the null detector takes for speech, and silence that ends the turn."""

_MAIN = "from voicesrv.cli.app import main; main()"


@asynccontextmanager
async def null_server() -> AsyncIterator[str]:
    settings = Settings(
        vad="null", stt="null", llm="null", tts="null", log_level="warning", engines={"null": {"reply": REPLY}}
    )
    async with running(create_app(settings, keeps=False), ServerOptions(port=0)) as url:
        yield url


@dataclass(frozen=True)
class Ended:
    """A command that has come to its end."""

    code: int
    out: bytes
    err: str

    def __post_init__(self) -> None:
        assert "Traceback" not in self.err, self.err


async def start(
    *arguments: str,
    stdin: int | BinaryIO = asyncio.subprocess.PIPE,
    stdout: int = asyncio.subprocess.PIPE,
    main: str = _MAIN,
    **environment: str,
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", main, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )


async def ended(process: asyncio.subprocess.Process, stdin: bytes | None = None) -> Ended:
    out, err = await asyncio.wait_for(process.communicate(stdin), 60)
    assert process.returncode is not None
    return Ended(process.returncode, out or b"", err.decode())
