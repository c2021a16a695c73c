"""A resampler for ratios of small whole numbers that holds back no more than a few milliseconds.

soxr works in blocks of an FFT: at 20 ms a message it holds back 64 ms of 8 kHz input on average and 118 ms
at worst, 21 and 37 ms of 48 kHz. On the way in, that is time during which nobody knows that the user
has stopped. Here each output sample is computed as soon as the filter's second half has arrived.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from voicesrv.audio.pcm import EMPTY, Samples

MAX_RATIO = 4
"""Largest term of the reduced ratio that this is meant for: 8, 12, 24, 32 and 48 kHz to 16 kHz. It makes
``up * down`` passes over the input, so time grows with the terms."""

_ZERO_CROSSINGS = 32
"""Of the sinc on each side, at the lower rate: the delay, 4 ms at 8 kHz, 2 ms at 16 kHz. Measured on tones:
within 0.01 dB up to 0.85 of the lower Nyquist frequency, which is where telephony ends, and aliases below
-80 dB from 1.02 of it on. 16 gave -0.8 dB at 0.85."""
_CUTOFF = 0.925
"""Where the response is halved, as a part of the lower Nyquist frequency."""
_KAISER_BETA = 8.0
"""Of the window; 80 dB of stopband [Kaiser 1974: beta = 0.1102 (dB - 8.7)]."""


class Polyphase:
    """Converts one mono stream from ``in_rate`` to ``out_rate`` Hz; state is kept from call to call.

    Arithmetic is float64, so that the output does not depend on how the input was cut.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        divisor = math.gcd(in_rate, out_rate)
        self._up, self._down = out_rate // divisor, in_rate // divisor
        self._reach, self._phases = _filters(self._up, self._down)
        self.reset()

    def reset(self) -> None:
        """Start anew, as before the first sample."""
        self._input: NDArray[np.float64] = np.zeros(self._reach - 1)
        self._next = 0
        """Time of the next output sample, in 1/up of input samples after the centre of the first window."""

    def feed(self, samples: Samples) -> Samples:
        """Return the output samples whose windows ``samples`` completes."""
        data: NDArray[np.float64] = np.concatenate((self._input, samples), dtype=np.float64)
        n_windows = data.size - 2 * self._reach + 1
        n_out = -(-(n_windows * self._up - self._next) // self._down)
        if n_out <= 0:
            self._input = data
            return EMPTY
        out = np.empty(n_out)
        # Every up-th output sample has the same filter and lies down input samples after the one before it.
        for first in range(min(self._up, n_out)):
            start, phase = divmod(self._next + first * self._down, self._up)
            target = out[first :: self._up]
            self._filter(data[start:], self._phases[phase], target)
        used, self._next = divmod(self._next + n_out * self._down, self._up)
        self._input = data[used:]
        return np.clip(np.rint(out), -32_768, 32_767).astype(np.int16)

    def flush(self) -> Samples:
        """Return the rest, as if silence followed, and start anew.

        All calls together have then returned ``ceil(n_samples * out_rate / in_rate)`` samples.
        """
        rest = self.feed(np.zeros(self._reach, np.int16))
        self.reset()
        return rest

    def _filter(self, data: NDArray[np.float64], taps: list[NDArray[np.float64]], out: NDArray[np.float64]) -> None:
        """Correlate at every down-th place: the sum over each down-th sample with each down-th tap."""
        out[:] = 0.0
        for offset, part in enumerate(taps):
            out += np.correlate(data[offset :: self._down][: out.size + part.size - 1], part)


@functools.lru_cache(maxsize=64)
def _filters(up: int, down: int) -> tuple[int, list[list[NDArray[np.float64]]]]:
    """A windowed sinc: its reach to each side in input samples, and the taps of each phase, dealt out by ``down``."""
    scale = min(1.0, up / down)
    reach = math.ceil(_ZERO_CROSSINGS / scale)
    times = np.arange(-reach + 1, reach + 1) - np.arange(up)[:, None] / up
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0.0, 1 - (times / reach) ** 2)))
    taps = np.sinc(times * scale * _CUTOFF) * window
    taps /= taps.sum(axis=1, keepdims=True)  # each phase passes a constant unchanged
    return reach, [[phase[offset::down].copy() for offset in range(down)] for phase in taps]
