"""Records what client and server say to each other: ``python -m tests.client.record_wire``, from the root.

It writes ``tests/data/wire/native/*.jsonl`` anew, against the server of this checkout with null engines.
A line is one message, or the opening of a connection::

    {"open": "/ws?…"}
    {"from": "client" | "server", "text": "…"}
    {"from": "client" | "server", "base64": "…"}

Audio is mu-law at 8 kHz both ways, to keep the files small; the 20 ms of one ``base64`` are 160 bytes.
"""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.cli.end_to_end import null_server

FOLDER = Path("tests/data/wire/native")
FORMAT = "encoding=mulaw&sample_rate=8000&output_encoding=mulaw&output_sample_rate=8000"
LOUD, SILENT = b"\x10" * 160, b"\xff" * 160


class Recording:
    """One conversation, over one connection or several."""

    def __init__(self, url: str) -> None:
        self.url = url.replace("http", "ws")
        self.lines: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.n_audio = 0
        self.heard_last = ""

    async def open(self, path: str) -> None:
        self.lines.append({"open": path})
        self.socket: ClientConnection = await connect(self.url + path, compression=None)

    async def say(self, message: dict[str, Any] | bytes) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message)
        self._keep("client", data)
        await self.socket.send(data)

    async def speak(self, loud_ms: int, silent_ms: int) -> None:
        for n in range((loud_ms + silent_ms) // 20):
            await self.say(LOUD if n < loud_ms // 20 else SILENT)
            await asyncio.sleep(0.02)

    async def hear_until(self, type: str, n: int = 1) -> None:
        """Take messages until the n-th event of this type."""
        while n:
            await self.hear()
            n -= self.heard_last == type

    async def hear(self) -> None:
        """Take one message."""
        message = await self.socket.recv()
        self._keep("server", message)
        self.heard_last = ""
        if isinstance(message, str):
            self.events.append(json.loads(message))
            self.heard_last = self.events[-1]["type"]
        else:
            self.n_audio += len(message)

    async def hear_out(self) -> None:
        async for message in self.socket:
            self._keep("server", message)

    def _keep(self, who: str, data: str | bytes) -> None:
        kind = {"text": data} if isinstance(data, str) else {"base64": base64.b64encode(data).decode()}
        self.lines.append({"from": who, **kind})


async def converse(recording: Recording) -> None:
    """A turn and its reply, with words; a fault; a turn that interrupts the next reply."""
    await recording.open(f"/ws?{FORMAT}&endpointing_ms=200&eager_ms=60&words=true")
    await recording.say({"type": "configure", "instructions": "Be brief."})
    await recording.say({"type": "nonsense"})
    await recording.hear_until("error")
    await asyncio.gather(recording.speak(400, 500), recording.hear_until("reply.end"))
    await recording.say({"type": "text", "text": "And typed."})
    await recording.hear_until("audio.start")
    await asyncio.gather(recording.speak(400, 500), recording.hear_until("reply.end", 2))
    await recording.say({"type": "ping", "id": 7})
    await recording.say({"type": "close"})
    await recording.hear_out()


async def speak(recording: Recording) -> None:
    """Text that is said as it is."""
    await recording.open(f"/ws?{FORMAT}&mode=speak&words=true")
    await recording.say({"type": "speak", "text": "One two.", "flush": False})
    await recording.say({"type": "flush", "id": "a"})
    await recording.say({"type": "close"})
    await recording.hear_out()


async def resume(recording: Recording) -> None:
    """A connection that is lost in the middle of a reply, and the one that goes on with it."""
    await recording.open(f"/ws?{FORMAT}")
    await recording.say({"type": "text", "text": "Hello."})
    await recording.hear_until("audio.start")
    while recording.n_audio < 8 * 200:
        await recording.hear()
    recording.socket.transport.abort()
    ready, last = recording.events[0], recording.events[-1]
    place = f"after={last['seq']}&audio_reply=1&audio_ms={recording.n_audio // 8}"
    await recording.open(f"/ws?{FORMAT}&conversation={ready['conversation']}&resume={ready['resume']}&{place}")
    await recording.hear_until("reply.end")
    await recording.say({"type": "close"})
    await recording.hear_out()


async def join(recording: Recording) -> None:
    """Who joins in the middle of what another has said, and is lost; and the connection that goes on with it."""
    other = Recording(recording.url)
    await other.open(f"/ws?{FORMAT}")
    await other.say({"type": "speak", "text": "One two three four five six seven eight nine ten eleven."})
    await other.hear_until("audio.start")
    while other.n_audio < 8 * 2200:  # at once comes as much as it may be ahead
        await other.hear()
    conversation = other.events[0]["conversation"]
    await recording.open(f"/ws?{FORMAT}&conversation={conversation}")
    while recording.n_audio < 8 * 200:
        await recording.hear()
    recording.socket.transport.abort()
    ready, started = recording.events
    place = f"after={started['seq']}&audio_reply=1&audio_ms={started['start_ms'] + recording.n_audio // 8}"
    await recording.open(f"/ws?{FORMAT}&conversation={conversation}&resume={ready['resume']}&{place}")
    await recording.hear_until("reply.end")
    await recording.say({"type": "close"})
    await recording.hear_out()
    await other.socket.close()


async def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for script in (converse, speak, resume, join):
        async with null_server() as url:
            recording = Recording(url)
            await script(recording)
        lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in recording.lines]
        (FOLDER / f"{script.__name__}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
