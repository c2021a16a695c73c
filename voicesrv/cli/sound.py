"""Where replies are heard: a speaker, a file, both, or nowhere but in time."""

from __future__ import annotations

import asyncio
import queue
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from voicesrv.audio.files import WavWriter
from voicesrv.cli.ticks import Ticks
from voicesrv.errors import ConfigError
from voicesrv_client.playout import Playout

if TYPE_CHECKING:
    from voicesrv_client.devices import Microphone, Speaker

_RATE = 24_000
_TICK_MS = 20
_TICK_BYTES = _RATE * 2 * _TICK_MS // 1000


class Sound:
    """Plays replies at the pace of a speaker, or of a clock where there is none; a context manager."""

    def __init__(self, *, aloud: bool, out: Path | None) -> None:
        """Args:
        aloud: whether to use the speaker, where there is one.
        out: a WAV file to keep what was played.
        """
        self.playout = Playout(_RATE * 2)
        self._aloud = aloud
        self._out = out
        self._heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._stack = ExitStack()
        self._writer: WavWriter | None = None
        self._has_speaker = False

    def __enter__(self) -> Self:
        """Open file and speaker; a speaker that is not there is said on stderr, and done without.

        Raises:
            ConfigError: the file cannot be written.
        """
        if self._out is not None:
            try:
                self._writer = self._stack.enter_context(WavWriter(self._out, _RATE))
            except OSError as error:
                raise ConfigError(f"{self._out}: cannot be written: {error.strerror}") from error
        if self._aloud:
            try:
                self._stack.enter_context(self._speaker())
                self._has_speaker = True
            except _NoDevice as error:
                kept = f"kept in {self._out}" if self._out else "kept with --out FILE"
                print(f"voicesrv: {error}; replies are not played, but can be read here and {kept}", file=sys.stderr)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    async def play(self) -> None:
        """Play until cancelled."""
        if self._has_speaker:
            await asyncio.Event().wait()
        ticks = Ticks(_TICK_MS / 1000)
        while True:
            await ticks.next()
            if pcm := self.playout.pull(_TICK_BYTES):
                self._heard.put(pcm)

    def keep(self) -> None:
        """Write what was played since the last call."""
        while not self._heard.empty():
            pcm = self._heard.get_nowait()
            if self._writer is not None:
                self._writer.write(np.frombuffer(pcm, dtype="<i2"))

    def _speaker(self) -> Speaker:
        with _needs_devices():
            from voicesrv_client import devices
        try:
            return devices.Speaker(self.playout, self._heard.put, _RATE)
        except devices.DeviceError as error:
            raise _NoDevice(f"there is no speaker ({error})") from error


def microphone() -> Microphone:
    """The microphone, to be entered and iterated.

    Raises:
        ConfigError: there is none, or what it takes is not installed.
    """
    instead = "talk with a recording instead: voicesrv talk FILE"
    try:
        with _needs_devices():
            from voicesrv_client import devices
    except _NoDevice as error:
        raise ConfigError(f"{error}; {instead}") from error
    try:
        return devices.Microphone()
    except devices.DeviceError as error:
        raise ConfigError(f"there is no microphone ({error}); {instead}") from error


class _NoDevice(Exception):
    """Why sound cannot be had here."""


@contextmanager
def _needs_devices() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise _NoDevice("microphone and speaker need the extra mic: pip install 'voicesrv[mic]'") from error
    except OSError as error:  # the package is there, its library is not
        raise _NoDevice("microphone and speaker need the PortAudio library (Debian: libportaudio2)") from error
