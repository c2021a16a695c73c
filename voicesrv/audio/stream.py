"""The client's bytes -> 16 kHz samples, and 24 kHz samples -> the client's bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from voicesrv.audio import encodings
from voicesrv.audio.encodings import SAMPLE_BYTES
from voicesrv.audio.framing import message_size
from voicesrv.audio.pcm import EMPTY, INPUT_RATE, OUTPUT_RATE, Samples, to_int16
from voicesrv.audio.resample import Resampler


class InputDecoder:
    """Turns messages of audio, however they cut the stream, into mono int16 at 16 kHz.

    Args:
        encoding: ``linear16`` or ``float32`` (both little-endian), ``mulaw`` or ``alaw``.
        sample_rate: of the input, in Hz.
        channels: 1 or 2, interleaved; 2 are mixed down.
    """

    def __init__(self, encoding: str, sample_rate: int, channels: int) -> None:
        if encoding not in SAMPLE_BYTES:
            raise ValueError(f"encoding is {encoding!r}; it must be one of {', '.join(SAMPLE_BYTES)}")
        self._encoding = encoding
        self._channels = channels
        self._step = SAMPLE_BYTES[encoding] * channels
        self._rest = b""
        self._resampler = Resampler(sample_rate, INPUT_RATE, low_delay=True)

    def feed(self, data: bytes) -> Samples:
        """Return the samples that ``data`` completes; what it breaks off waits for the next call.

        Any bytes will do: float32 that is NaN becomes silence, and what is beyond full scale
        saturates.
        """
        if self._rest:
            data = self._rest + data
        over = len(data) % self._step
        self._rest = data[len(data) - over :]
        if over:
            data = data[:-over]
        if not data:
            return EMPTY
        samples = self._decode(data)
        if self._channels == 2:
            # Added up in 32 bits: two loud channels would overflow 16.
            samples = (samples[0::2].astype(np.int32) + samples[1::2] >> 1).astype(np.int16)
        return self._resampler.feed(samples)

    def flush(self) -> Samples:
        """Return what the resampler still holds, as at the end of a turn, and start anew.

        Nothing is lost or counted twice: the samples of all calls together are as many as the input
        lasts. Half a sample that waits for the next message goes on waiting.
        """
        return self._resampler.flush()

    def reset(self) -> None:
        """Forget what is held back, as after a gap in the input."""
        self._rest = b""
        self._resampler.reset()

    def _decode(self, data: bytes) -> Samples:
        match self._encoding:
            case "linear16":
                return np.frombuffer(data, "<i2").astype(np.int16, copy=False)
            case "mulaw":
                return encodings.mulaw_decode(data)
            case "alaw":
                return encodings.alaw_decode(data)
            case _:
                return to_int16(np.frombuffer(data, "<f4"))


class OutputEncoder:
    """Turns mono linear16 at 24 kHz into what the client asked for.

    Args:
        encoding: ``linear16``, ``mulaw`` or ``alaw``.
        sample_rate: of the output, in Hz.
    """

    def __init__(self, encoding: str, sample_rate: int) -> None:
        if encoding not in ("linear16", "mulaw", "alaw"):
            raise ValueError(f"encoding is {encoding!r}; it must be one of linear16, mulaw, alaw")
        self._encoding = encoding
        self._resampler = Resampler(OUTPUT_RATE, sample_rate)
        self._identity = encoding == "linear16" and sample_rate == OUTPUT_RATE

    def encode(self, pcm: bytes) -> bytes:
        """Encode the next piece of a reply.

        Args:
            pcm: whole samples, int16 little-endian, 24 kHz.

        Returns:
            Whole samples; the same object where nothing is to be done.
        """
        if self._identity:
            return pcm
        return self._encode(self._resampler.feed(np.frombuffer(pcm, "<i2").astype(np.int16, copy=False)))

    def flush(self) -> bytes:
        """Return the end of the reply, which the resampler still holds, and start anew."""
        return self._encode(self._resampler.flush())

    def reset(self) -> None:
        """Forget the end of the reply, as after a barge-in."""
        self._resampler.reset()

    def _encode(self, samples: Samples) -> bytes:
        match self._encoding:
            case "linear16":
                return samples.astype("<i2", copy=False).tobytes()
            case "mulaw":
                return encodings.mulaw_encode(samples)
            case _:
                return encodings.alaw_encode(samples)


MIN_MESSAGE_MS = 20
MAX_MESSAGE_MS = 100


class OutputMessages:
    """A reply's audio -> messages of 20 to 100 ms in the client's format, in order, whole samples.

    A resampler gives back uneven pieces, so they are put together and cut anew; what is in the
    right format already passes as it is.
    """

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._encoder = OutputEncoder(encoding, sample_rate)
        self._passes = encoding == "linear16" and sample_rate == OUTPUT_RATE
        self._step = SAMPLE_BYTES[encoding]
        self._per_ms = sample_rate / 1000
        self._held = bytearray()

    def feed(self, pcm: bytes) -> Sequence[bytes]:
        """Take the next piece, int16 at 24 kHz; return the messages that it completes."""
        return (pcm,) if self._passes else self._cut(self._encoder.encode(pcm), ended=False)

    def end(self) -> Sequence[bytes]:
        """The reply is complete: return what is left of it."""
        return () if self._passes else self._cut(self._encoder.flush(), ended=True)

    def _cut(self, data: bytes, *, ended: bool) -> list[bytes]:
        self._held += data
        messages = []
        least, most = math.ceil(MIN_MESSAGE_MS * self._per_ms), int(MAX_MESSAGE_MS * self._per_ms)
        while n_samples := message_size(len(self._held) // self._step, least, most, ended=ended):
            size = n_samples * self._step
            messages.append(bytes(self._held[:size]))
            del self._held[:size]
        return messages
