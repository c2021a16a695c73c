"""Standard input and output without blocking the event loop, whatever they are: pipes, files, terminals.

Threads do the reading and writing, because the loop's own pipe transports refuse regular files. They are
daemons: a read that never returns does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator

if sys.platform == "linux":
    import fcntl

_READ_AHEAD = 8
"""Chunks that are read before the loop has taken them."""
_PIPE_BYTES = 16_384
"""Room in the pipe to stdout: 340 ms at 24 kHz. Linux's default of 64 KiB would hold 1.4 s that an
interruption could not take back."""
_LOOK_S = 0.5
"""How often a writer with nothing to write looks whether its reader has gone."""


class Reader:
    """Chunks of a file descriptor as they arrive, to its end."""

    def __init__(self, fd: int, chunk_bytes: int) -> None:
        """Begin to read; ``chunk_bytes`` is the most a chunk holds."""
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()  # bounded by the semaphore
        self._room = threading.Semaphore(_READ_AHEAD)
        threading.Thread(target=self._read, args=(fd, chunk_bytes), name="stdin", daemon=True).start()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._chunks.get():
            self._room.release()
            yield chunk

    def _read(self, fd: int, chunk_bytes: int) -> None:
        chunk = b"."
        while chunk:
            self._room.acquire()
            try:
                chunk = os.read(fd, chunk_bytes)
            except OSError:  # a terminal that hung up, or a closed descriptor: the end as well
                chunk = b""
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)


class Writer:
    """Audio to a file descriptor, in order; what waits of a reply can be taken back."""

    def __init__(self, fd: int, max_bytes: int) -> None:
        """Begin to write.

        Args:
            max_bytes: may wait; ``write`` then waits for room.
        """
        self.closed = asyncio.Event()
        """Set when whoever read the other end has gone."""
        self._fd = fd
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._n_waiting = 0
        self._changed = threading.Condition()
        self._ending = False
        _shorten(fd)
        self._thread = threading.Thread(target=self._write, name="stdout", daemon=True)
        self._thread.start()

    async def write(self, reply: int, pcm: bytes) -> None:
        """Put audio of a reply in line; does nothing once ``closed`` is set. Cancelling is safe."""
        while self._n_waiting > self._max_bytes and not self.closed.is_set():
            self._room.clear()
            await self._room.wait()
        with self._changed:
            self._waiting.append((reply, pcm))
            self._n_waiting += len(pcm)
            self._changed.notify()

    def clear(self, reply: int) -> None:
        """Take back what waits of a reply."""
        with self._changed:
            self._waiting = deque(entry for entry in self._waiting if entry[0] != reply)
            self._n_waiting = sum(len(pcm) for _, pcm in self._waiting)

    async def drain(self) -> None:
        """Wait until everything is written, or the reader has gone. Nothing may be written after it."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        await self.closed.wait()

    def _write(self) -> None:
        try:
            while (pcm := self._next()) is not None:
                view = memoryview(pcm)
                while view:
                    view = view[os.write(self._fd, view) :]
        except OSError:  # broken pipe, full disk: nobody takes it any more
            pass
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._set_closed)

    def _next(self) -> bytes | None:
        """Wait for audio; None at the end."""
        with self._changed:
            while not self._waiting:
                if self._ending:
                    return None
                if not self._changed.wait(_LOOK_S) and _reader_gone(self._fd):
                    return None
            _, pcm = self._waiting.popleft()
            self._n_waiting -= len(pcm)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._room.set)
        return pcm

    def _set_closed(self) -> None:
        self.closed.set()
        self._room.set()


def _shorten(fd: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # not a pipe
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _reader_gone(fd: int) -> bool:
    if sys.platform == "win32":
        return False  # the next write finds out
    poll = select.poll()
    poll.register(fd, 0)  # errors and hang-ups are always told
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
