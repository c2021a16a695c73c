"""What lies between a client and a real server: it can be cut, and it can be encrypted."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

TLS = Path(__file__).parents[1] / "data" / "tls"
CERTIFICATE = TLS / "cert.pem"


def self_signed() -> ssl.SSLContext:
    """A server's context with a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, TLS / "key.pem")
    return context


class Wire:
    """A TCP connection to the server that can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._open: set[asyncio.StreamWriter] = set()
        self.cuts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._open |= {writer, far_writer}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._copy(reader, far_writer))
            tasks.create_task(self._copy(far_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self._open.discard(writer)

    def cut(self) -> None:
        """Drop what is on its way, both ways."""
        self.cuts += 1
        for writer in list(self._open):
            writer.transport.abort()


@asynccontextmanager
async def wire_to(url: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Wire, str]]:
    """Give a wire to a server without TLS, and its URL; the wire itself can have it."""
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    wire = Wire(parts.hostname, parts.port)
    async with await asyncio.start_server(wire.serve, "127.0.0.1", 0, ssl=tls) as server:
        scheme = "http" if tls is None else "https"
        yield wire, f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
