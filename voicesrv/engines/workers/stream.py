"""One stream on a worker process, as the engine's adapter sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from voicesrv.engines.workers.frames import BLOCK_BYTES, WINDOW_BYTES, Frame, Kind, encode
from voicesrv.errors import EngineError, EngineUnavailable

UNREAD_SLOW = 32
"""Frames from the worker that wait to be read, from which on it is given no more audio."""
UNREAD_MAX = 4096
"""Frames that may wait at all; a stream nobody reads fails then. 2000 characters of speech make 1000."""


class WorkerStream:
    """Frames to and from one worker, bounded both ways. Close it when done with it, in whatever state.

    Args:
        engine: for errors.
        number: the stream's number on its worker.
        write: sends bytes to the worker.
        release: called once, when the stream is closed.
    """

    def __init__(self, engine: str, number: int, write: Callable[[bytes], None], release: Callable[[], object]) -> None:
        self._engine = engine
        self._number = number
        self._write = write
        self._release = release
        self._arrived: deque[Frame] = deque()
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._under_way = 0  # bytes of samples
        self._failure: Exception | None = None
        self._ended = False  # by the worker
        self._closed = False

    async def send_pcm(self, samples: bytes) -> None:
        """Send linear16 samples of any length; waits while the worker, or who reads it, is behind.

        Cancelling is safe; what was not sent by then is not sent.

        Raises:
            EngineUnavailable: the worker was lost.
        """
        for start in range(0, len(samples), BLOCK_BYTES):
            block = samples[start : start + BLOCK_BYTES]
            while self._under_way >= WINDOW_BYTES or len(self._arrived) >= UNREAD_SLOW:
                self._writable.clear()
                self._check()
                await self._writable.wait()
            self._check()
            self._under_way += len(block)
            self._write(encode(Kind.PCM, self._number, block))

    def send(self, kind: Kind, payload: Mapping[str, Any] | None = None) -> None:
        """Send anything else; never waits."""
        if not self._closed and self._failure is None:
            self._write(encode(kind, self._number, payload or b""))

    async def receive(self) -> Frame | None:
        """The next frame from the worker; None when it has ended the stream. Cancelling is safe.

        Raises:
            EngineUnavailable: the worker was lost.
            EngineError: the worker says that it cannot do what was asked.
        """
        while not self._arrived:
            self._check()
            self._readable.clear()
            await self._readable.wait()
        frame = self._arrived.popleft()
        if len(self._arrived) < UNREAD_SLOW:
            self._writable.set()
        if frame.kind is Kind.END:
            return None
        if frame.kind is Kind.FAIL:
            raise EngineError(f"{self._engine}: {frame.json()['message']}")
        return frame

    def close(self) -> None:
        """Free the stream's place; the worker drops what is left of it."""
        if self._closed:
            return
        if not self._ended:
            self.send(Kind.CANCEL)
        self._closed = True
        self._release()

    def deliver(self, frame: Frame) -> None:
        """Take a frame from the worker, for ``receive``. Called by the pool."""
        if frame.kind is Kind.CREDIT:
            self._under_way -= int(frame.json()["bytes"])
            self._writable.set()
            return
        self._ended = self._ended or frame.kind in (Kind.END, Kind.FAIL)
        if len(self._arrived) >= UNREAD_MAX:
            self.fail(EngineUnavailable(f"{self._engine}: nobody reads what it has to say"))
            return
        self._arrived.append(frame)
        self._readable.set()

    def fail(self, error: Exception) -> None:
        """End the stream with an error, raised once what has arrived is read."""
        self._failure = self._failure or error
        self._readable.set()
        self._writable.set()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
