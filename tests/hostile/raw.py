"""A client that does exactly what it is told, right or wrong, one byte at a time if need be."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.frames import Close

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
WAIT_S = 5.0
"""For whatever the server is expected to do."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True) -> bytes:
    """A frame as clients send them, with nothing checked."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size = len(payload)
    if size < 126:
        head = bytes((first, size | 0x80 * mask))
    elif size < 1 << 16:
        head = bytes((first, 126 | 0x80 * mask)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 127 | 0x80 * mask)) + size.to_bytes(8, "big")
    return head + (b"\0\0\0\0" if mask else b"") + payload  # a mask of zeros changes nothing


def text(message: str | Mapping[str, Any]) -> bytes:
    """A text message."""
    return frame(TEXT, (message if isinstance(message, str) else json.dumps(message)).encode())


class RawClient:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self.reader = reader
        self.writer = writer
        self.host = host

    def send(self, *data: bytes) -> None:
        """Send bytes; never waits."""
        self.writer.write(b"".join(data))

    async def flood(self, data: bytes, n: int) -> bool:
        """Send ``data`` ``n`` times, as fast as the server takes it; say whether it took it all."""
        try:
            for _ in range(n):
                self.writer.write(data)
                await self.writer.drain()
                await asyncio.sleep(0)  # where it need not wait, drain does not let the loop see that the end came
        except OSError:
            return False
        return True

    async def request(self, line: str = "GET / HTTP/1.1", *headers: str, body: bytes = b"") -> Answer:
        """Send a request and read its answer; ``Host`` is added where it is not given."""
        lines = [line, *headers]
        if not any(each.lower().startswith("host:") for each in headers):
            lines.insert(1, f"Host: {self.host}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return await self.answer()

    async def answer(self) -> Answer:
        """Read an HTTP response."""
        async with asyncio.timeout(WAIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in head[1:-2])}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(head[0].split()[1]), headers, body)

    async def upgrade(self, path: str = "/", *headers: str) -> Answer:
        """Ask for a WebSocket."""
        key = base64.b64encode(os.urandom(16)).decode()
        usual = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
        }
        given = {each.partition(":")[0].lower() for each in headers}
        added = [f"{name}: {value}" for name, value in usual.items() if name.lower() not in given]
        return await self.request(f"GET {path} HTTP/1.1", *added, *(each for each in headers if ":" in each))

    async def frame(self) -> tuple[int, bytes]:
        """Read a frame; raises ``IncompleteReadError`` where the connection ends instead."""
        async with asyncio.timeout(WAIT_S):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return first & 0x0F, await self.reader.readexactly(size)

    async def message(self) -> Any:
        """Read the next message: text as JSON where it is that, binary as bytes."""
        while True:
            opcode, payload = await self.frame()
            if opcode == TEXT:
                return json.loads(payload) if payload[:1] == b"{" else payload.decode()
            if opcode == BINARY:
                return payload
            if opcode == CLOSE:
                raise AssertionError(f"closed with {Close.parse(payload)}")

    async def close(self) -> tuple[int, str]:
        """Read up to the close frame, answer it, read to the end of the connection; return code and reason."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                close = Close.parse(payload)
                self.send(frame(CLOSE, payload))
                await self.end()
                return close.code, close.reason

    async def end(self) -> bytes:
        """Read until the server ends the connection, by FIN or by reset."""
        rest = b""
        async with asyncio.timeout(WAIT_S):
            with contextlib.suppress(ConnectionError):
                while data := await self.reader.read(1 << 16):
                    rest += data
        return rest


@contextlib.asynccontextmanager
async def connected(
    url: str, *, receive_buffer: int | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[RawClient]:
    """Connect over TCP, or over TLS where the URL is https.

    Args:
        url: of the server.
        trust: whom, where the URL is https; None speaks no TLS there either.
        receive_buffer: bytes of the kernel's buffer, for a client that shall be a slow reader. It reads
            nothing but what it asks for, and a little more.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = socket.socket(socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET)
    connection.setblocking(False)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (parts.hostname, parts.port))
    except OSError:
        connection.close()
        raise
    secure = {"ssl": trust, "server_hostname": parts.hostname} if trust and parts.scheme == "https" else {}
    limit = 1 << 16 if receive_buffer is None else 1024
    try:
        reader, writer = await asyncio.open_connection(sock=connection, limit=limit, **secure)
    except OSError:
        connection.close()
        raise
    try:
        yield RawClient(reader, writer, parts.netloc)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def upgraded(
    url: str,
    path: str = "/",
    *headers: str,
    receive_buffer: int | None = None,
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[RawClient]:
    """Connect a WebSocket."""
    async with connected(url, receive_buffer=receive_buffer, trust=trust) as client:
        answer = await client.upgrade(path, *headers)
        assert answer.status == 101, answer
        yield client
