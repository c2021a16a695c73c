"""The sending half of a WebSocket: what waits for a client that reads at its own pace, and at last the close."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from voicesrv.protocols.base import Message

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Sender:
    """Sends what is put to it, in order, by one task; nothing else here waits."""

    def __init__(self, send: Send) -> None:
        """``send`` is that of ASGI."""
        self.waiting_bytes = 0
        """Of what was put and not sent yet, at most."""
        self._send = send
        self._waiting: deque[Message] = deque()
        self._closing: tuple[int, str] | None = None
        self._more = asyncio.Event()
        self._sending_since: float | None = None

    @property
    def closing(self) -> bool:
        """Whether its end was asked for; what is put after that is dropped."""
        return self._closing is not None

    def put(self, message: Message) -> None:
        """Put a message in line."""
        if self._closing is not None:
            return
        self._waiting.append(message)
        self.waiting_bytes += _size(message)
        self._more.set()

    def close(self, code: int, reason: str) -> None:
        """Close after what waits; only the first close counts."""
        if self._closing is None:
            self._closing = code, reason
            self._more.set()

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self.waiting_bytes = 0

    def stalled_s(self, now: float) -> float:
        """How long one message, or the close, has waited for the client to read; ``now`` is of ``time.monotonic``."""
        return 0.0 if self._sending_since is None else now - self._sending_since

    async def run(self) -> None:
        """Send until the close is sent, or the client goes away; cancelled, it leaves what waits."""
        try:
            await self._send_each()
        except OSError:  # whoever receives hears of it too
            self.drop()

    async def _send_each(self) -> None:
        send = self._send
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self.waiting_bytes -= _size(message)
                self._sending_since = time.monotonic()
                if isinstance(message, bytes):
                    await send({"type": "websocket.send", "bytes": message})
                else:
                    await send({"type": "websocket.send", "text": message})
                self._sending_since = None
            if self._closing is not None:
                code, reason = self._closing
                self._sending_since = time.monotonic()
                await send({"type": "websocket.close", "code": code, "reason": reason})
                return
            self._more.clear()
            await self._more.wait()


def _size(message: Message) -> int:
    """Bytes on the wire, at most."""
    return len(message) if isinstance(message, bytes) or message.isascii() else 4 * len(message)
