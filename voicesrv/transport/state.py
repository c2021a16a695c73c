"""What all connections of one server share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import uvicorn.server

from voicesrv.transport.places import Places

if TYPE_CHECKING:
    from voicesrv.transport.http_protocol import HttpProtocol

REFUSED = logging.getLogger("voicesrv.transport.refused")
"""One line for every violation of a protocol; ``logs`` lets a few a second through."""

LINGER_S = 1.0
"""Between our last word and the end of a connection. Closing at once, with data of the client's unread,
would send a reset, and a reset can overtake the answer or the close frame that says why."""


def half_close(transport: asyncio.Transport) -> None:
    """Tell the client that no more comes, and go on reading."""
    if transport.can_write_eof():
        with contextlib.suppress(OSError):  # asyncio's own transport raises it where the client is gone already
            transport.write_eof()


class ServerState(uvicorn.server.ServerState):
    """uvicorn's shared state, without the timer that uvicorn's own server keeps it up to date by."""

    def __init__(self) -> None:
        self._date = (0, b"")
        super().__init__()
        self.is_draining = False
        self.idle: Places[HttpProtocol] = Places()
        """Connections that ask nothing: their request is not whole yet, or was answered."""
        self.empty = asyncio.Event()
        """Set when the last connection has gone; it means something only once no new one can come."""

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of every answer: the date (RFC 9110, section 6.6.1), and no name or version of ours."""
        now = int(time.time())
        if now != self._date[0]:
            self._date = (now, formatdate(now, usegmt=True).encode())
        return [(b"date", self._date[1])]

    @default_headers.setter
    def default_headers(self, value: list[tuple[bytes, bytes]]) -> None:
        """Ignore what uvicorn's constructor sets."""

    def left(self) -> None:
        """A connection has gone."""
        if not self.connections:
            self.empty.set()
