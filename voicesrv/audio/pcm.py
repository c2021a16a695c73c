"""Samples, milliseconds, int16 and float32: the arithmetic that everything else shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INPUT_RATE = 16_000
"""Hz of all audio inside the server on its way to the detectors and recognisers."""
OUTPUT_RATE = 24_000
"""Hz of all audio inside the server on its way from the voices to the client."""

Samples = NDArray[np.int16]
"""Mono PCM: int16, shape ``(n_samples,)``."""

EMPTY: Samples = np.zeros(0, np.int16)
"""No samples; shared, and read-only so that nobody's silence becomes another's noise."""
EMPTY.flags.writeable = False

_FULL_SCALE = 32_768.0


def samples_to_ms(n_samples: int, rate: int) -> int:
    """Whole milliseconds in ``n_samples`` at ``rate`` Hz, rounded down."""
    return n_samples * 1000 // rate


def ms_to_samples(ms: int, rate: int) -> int:
    """Whole samples in ``ms`` milliseconds at ``rate`` Hz, rounded down."""
    return ms * rate // 1000


def to_float32(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Scale int16 of any shape to float32 in [-1, 1)."""
    return np.multiply(samples, np.float32(1 / _FULL_SCALE), dtype=np.float32)


def to_int16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    """Scale floats of any shape, full scale being [-1, 1), to int16.

    What is louder saturates, infinity too; NaN becomes silence. The inverse of ``to_float32``: what
    that gave comes back exactly.
    """
    # A signalling NaN off the wire sets the CPU's "invalid" flag, which numpy would turn into a warning.
    with np.errstate(invalid="ignore"):
        # Clipped before it is scaled: the largest floats overflow when multiplied.
        scaled = np.clip(samples, -1.0, 1.0) * _FULL_SCALE
        scaled[np.isnan(scaled)] = 0.0
        rounded: NDArray[np.int16] = np.minimum(np.rint(scaled), 32_767.0).astype(np.int16)
        return rounded
