"""Takes the place of PortAudio for a process: a microphone that hears a recording, a speaker that keeps what it plays.

``LOOPBACK_HEARD`` names the recording, a WAV file of 16 kHz, and ``LOOPBACK_PLAYED`` the file for bare samples.
"""

from __future__ import annotations

import os
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any


class PortAudioError(Exception):
    pass


class _Stream:
    """Calls back at the pace of a device, on a thread of its own."""

    def __init__(
        self, samplerate: int, channels: int, dtype: str, blocksize: int, callback: Callable[..., Any]
    ) -> None:
        assert (channels, dtype) == (1, "int16")
        self._period_s = blocksize / samplerate
        self._n_bytes = 2 * blocksize
        self._callback = callback
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._closed.wait(max(0.0, due - time.monotonic())):
            self._block()
            due += self._period_s

    def _block(self) -> None:
        raise NotImplementedError


class RawInputStream(_Stream):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        with wave.open(os.environ["LOOPBACK_HEARD"]) as file:
            assert file.getframerate() == options["samplerate"]
            self._heard = file.readframes(file.getnframes())

    def _block(self) -> None:
        block, self._heard = self._heard[: self._n_bytes], self._heard[self._n_bytes :]
        self._callback(block.ljust(self._n_bytes, b"\0"), self._n_bytes // 2, None, None)


class RawOutputStream(_Stream):
    def _block(self) -> None:
        block = bytearray(b"\x7f" * self._n_bytes)
        self._callback(block, self._n_bytes // 2, None, None)
        with Path(os.environ["LOOPBACK_PLAYED"]).open("ab") as file:
            file.write(block)
