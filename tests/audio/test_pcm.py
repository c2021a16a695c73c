from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicesrv.audio.pcm import EMPTY, ms_to_samples, samples_to_ms, to_float32, to_int16


def test_milliseconds_are_rounded_down() -> None:
    assert samples_to_ms(15_999, 16_000) == 999
    assert samples_to_ms(16_000, 16_000) == 1000
    assert ms_to_samples(1, 22_050) == 22
    assert ms_to_samples(300, 16_000) == 4800


@given(st.integers(0, 10**9), st.sampled_from([8000, 16_000, 22_050, 24_000, 44_100, 48_000]))
def test_milliseconds_survive_a_round_trip_to_within_one(ms: int, rate: int) -> None:
    assert ms - samples_to_ms(ms_to_samples(ms, rate), rate) in (0, 1)


def test_every_sample_survives_the_trip_through_float() -> None:
    samples = np.arange(-32_768, 32_768).astype(np.int16)
    floats = to_float32(samples)
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (-1.0, 32_767 / 32_768)
    np.testing.assert_array_equal(to_int16(floats), samples)


def test_shape_is_kept() -> None:
    assert to_float32(np.zeros((3, 4), np.int16)).shape == (3, 4)
    assert to_int16(np.zeros((3, 4), np.float32)).shape == (3, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_sample_saturates_or_falls_silent(dtype: type) -> None:
    values: NDArray[np.floating] = np.array([np.nan, np.inf, -np.inf, 1.0, -1.0, 1.5, -1.5, 3e38, -3e38, 1e-40], dtype)
    expected = [0, 32_767, -32_768, 32_767, -32_768, 32_767, -32_768, 32_767, -32_768, 0]
    assert to_int16(values).tolist() == expected


def test_a_signalling_nan_falls_silent_without_a_warning() -> None:
    signalling = np.frombuffer(struct.pack("<I", 0x7F800001), np.float32)
    assert to_int16(signalling).tolist() == [0]


def test_nobody_can_write_to_the_shared_silence() -> None:
    assert EMPTY.size == 0
    assert not EMPTY.flags.writeable
