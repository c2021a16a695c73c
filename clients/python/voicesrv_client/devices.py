"""Microphone and speaker, as thin as they can be. Importing it needs the extra ``mic``.

Raises on import:
    ImportError: the package sounddevice is not installed.
    OSError: the PortAudio library is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

try:
    import sounddevice
except ImportError as error:
    raise ImportError("microphone and speaker need the extra mic: pip install 'voicesrv-client[mic]'") from error
except OSError as error:
    raise OSError("microphone and speaker need the PortAudio library (Debian: libportaudio2)") from error

from voicesrv_client.playout import Playout

_MIC_QUEUE = 250
"""Blocks of 20 ms that may wait for the network: 5 s, and then the oldest are dropped and counted."""
DeviceError = sounddevice.PortAudioError
"""Raised where there is no such device, or it does not take the format."""


class Microphone:
    """The default input device as blocks of 20 ms of mono linear16."""

    def __init__(self, sample_rate: int = 16000) -> None:
        """Open the device, inside a running event loop; it is heard from ``with`` on.

        Args:
            sample_rate: of the blocks, in Hz.

        Raises:
            DeviceError: there is none, or it does not take the format.
        """
        self.dropped = 0
        """Blocks that were lost because nobody took them in time."""
        self._blocks: asyncio.Queue[bytes] = asyncio.Queue(_MIC_QUEUE)
        self._loop = asyncio.get_running_loop()
        self._stream = sounddevice.RawInputStream(
            samplerate=sample_rate, channels=1, dtype="int16", blocksize=sample_rate // 50, callback=self._heard
        )

    def __enter__(self) -> Self:
        self._stream.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._blocks.get()

    def _heard(self, data: Any, n_frames: int, time: Any, status: Any) -> None:
        # On the device's thread. The buffer is reused after the return, so it is copied here.
        self._loop.call_soon_threadsafe(self._put, bytes(data))

    def _put(self, block: bytes) -> None:
        if self._blocks.full():
            self._blocks.get_nowait()
            self.dropped += 1
        self._blocks.put_nowait(block)


class Speaker:
    """The default output device, playing what a ``Playout`` holds; silence where that is empty."""

    def __init__(
        self, playout: Playout, heard: Callable[[bytes], object] | None = None, sample_rate: int = 24000
    ) -> None:
        """Open the device.

        Args:
            playout: where the audio comes from, mono linear16.
            heard: called on the device's thread with what was taken, without silence.
            sample_rate: of the audio, in Hz.

        Raises:
            DeviceError: there is none, or it does not take the format.
        """
        self._playout = playout
        self._heard = heard
        self._stream = sounddevice.RawOutputStream(
            samplerate=sample_rate, channels=1, dtype="int16", blocksize=sample_rate // 50, callback=self._play
        )

    def __enter__(self) -> Self:
        self._stream.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()

    def _play(self, out: Any, n_frames: int, time: Any, status: Any) -> None:
        pcm = self._playout.pull(len(out))
        out[: len(pcm)] = pcm
        out[len(pcm) :] = bytes(len(out) - len(pcm))
        if pcm and self._heard is not None:
            self._heard(pcm)
