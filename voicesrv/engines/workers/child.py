"""What every worker process does around its engine: frames in, work done piece by piece, frames out.

A thread reads the pipe, so that the parent never waits to write and its death is noticed while the
engine works; all else happens on the main thread, so that an answer to a ping means that the engine
is not stuck.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from voicesrv.engines.workers.frames import Frame, FrameError, FrameReader, Kind, encode

_READ_BYTES = 1 << 16


class Program(Protocol):
    """An engine as a worker process runs it."""

    def take(self, frame: Frame) -> None:
        """Note what is asked: ``OPEN``, ``PCM``, ``EVENT``, ``END`` or ``CANCEL`` of a stream. Called between pieces
        of work, and by ``Link.poll`` within one; a stream it does not know is one that it has ended, and ignored."""
        ...

    def work(self) -> bool:
        """Do one piece of work, well under a second; False where there is nothing to do."""
        ...


class Link:
    """The child's end of the pipe.

    Standard output belongs to the frames from here on; what a library prints goes to standard error.
    """

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._arrived: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        """Bounded by what the pool lets be under way: see ``WINDOW_BYTES`` there."""
        self._program: Program | None = None

    def send(self, kind: Kind, stream: int, payload: bytes | Mapping[str, Any] = b"") -> None:
        """Write one frame; waits while the pipe is full."""
        left = memoryview(encode(kind, stream, payload))
        while left:
            left = left[os.write(self._out, left) :]

    def poll(self) -> None:
        """Answer pings and hand on what has arrived; never waits. For use within a long piece of work."""
        while not self._arrived.empty():
            self._handle(self._arrived.get())

    def run(self, start: Callable[[Link], Program]) -> None:
        """Start the engine and serve until the parent closes the pipe. ``start`` says ``HELLO`` when it is warm."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent ends us
        threading.Thread(target=self._read, daemon=True).start()
        program = self._program = start(self)
        try:
            while True:
                self.poll()
                if not program.work():
                    self._handle(self._arrived.get())
        except BrokenPipeError:
            sys.exit(0)

    def _handle(self, frame: Frame) -> None:
        if frame.kind is Kind.PING:
            self.send(Kind.PONG, 0)
        elif self._program is not None:
            self._program.take(frame)

    def _read(self) -> None:
        """Read until the parent is gone, then end the process, whatever the engine is doing."""
        reader = FrameReader()
        try:
            while data := os.read(0, _READ_BYTES):
                for frame in reader.feed(data):
                    self._arrived.put(frame)
        except FrameError as error:
            os.write(2, f"{error}\n".encode())
        finally:
            os._exit(0)
