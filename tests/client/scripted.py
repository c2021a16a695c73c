"""A server that does what a test tells it, one script for each connection."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The server's end of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.socket = socket
        self.query = dict(parse_qsl(urlsplit(socket.request.path).query))
        self.headers = socket.request.headers
        self.audio = bytearray()
        self.commands: list[dict[str, Any]] = []

    async def ready(self, **fields: Any) -> None:
        await self.say("ready", **{"protocol": "voicesrv.v1", "conversation": "c1", "resume": "r1"} | fields)

    async def say(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def hear(self) -> None:
        """Take one message."""
        message = await self.socket.recv()
        if isinstance(message, bytes):
            self.audio += message
        else:
            self.commands.append(json.loads(message))

    async def hear_audio(self, n_bytes: int) -> None:
        while len(self.audio) < n_bytes:
            await self.hear()

    async def hear_command(self) -> dict[str, Any]:
        while not self.commands:
            await self.hear()
        return self.commands.pop(0)

    def drop(self) -> None:
        """Break the connection without a close frame."""
        self.socket.transport.abort()


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[str]:
    """Give the URL of a server that runs one script for each connection; all must be run."""
    remaining = list(scripts)
    failures: list[Exception] = []

    async def handle(socket: ServerConnection) -> None:
        try:
            await remaining.pop(0)(Peer(socket))
        except ConnectionClosed:
            return
        except Exception as error:
            failures.append(error)
            await socket.close(4999, "the script failed")

    async with serve(handle, "127.0.0.1", 0, compression=None, subprotocols=[Subprotocol("voicesrv.v1")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    if failures:
        raise ExceptionGroup("the scripted server", failures)
    assert not remaining, "a connection that the test expects was not made"
