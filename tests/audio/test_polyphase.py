from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.audio.pcm import Samples, to_int16
from voicesrv.audio.polyphase import Polyphase

RATIOS = [(8000, 16_000), (12_000, 16_000), (24_000, 16_000), (32_000, 16_000), (48_000, 16_000), (24_000, 8000)]


def tone(frequency: float, rate: int, n_samples: int) -> Samples:
    return to_int16(0.3 * np.sin(2 * np.pi * frequency * np.arange(n_samples) / rate))


def converted(samples: Samples, in_rate: int, out_rate: int) -> Samples:
    polyphase = Polyphase(in_rate, out_rate)
    return np.concatenate([polyphase.feed(samples), polyphase.flush()])


@pytest.mark.parametrize(("in_rate", "out_rate"), RATIOS)
def test_a_tone_stays_where_it_was_as_loud_as_it_was(in_rate: int, out_rate: int) -> None:
    frequency = 0.85 * min(in_rate, out_rate) / 2
    out = converted(tone(frequency, in_rate, in_rate // 2), in_rate, out_rate)
    expected = tone(frequency, out_rate, out_rate // 2)
    # The first and last 10 ms hold the tone's sudden start and end, which no band-limited signal has.
    edge = out_rate // 100
    error = out[edge:-edge].astype(float) - expected[edge:-edge]
    assert np.abs(error).max() < 10  # 0.1 %: 60 dB below the tone


@pytest.mark.parametrize(("in_rate", "out_rate"), [(24_000, 16_000), (48_000, 16_000), (24_000, 8000)])
def test_what_the_lower_rate_cannot_carry_is_gone(in_rate: int, out_rate: int) -> None:
    out = converted(tone(1.05 * out_rate / 2, in_rate, in_rate // 2), in_rate, out_rate)
    edge = out_rate // 100
    assert np.abs(out[edge:-edge]).max() <= 2  # of 9830: 73 dB and rounding


@given(st.sampled_from(RATIOS), st.lists(st.integers(0, 700), max_size=8))
def test_any_split_gives_the_same_samples(rates: tuple[int, int], sizes: list[int]) -> None:
    noise = np.random.default_rng(1).integers(-32_768, 32_767, sum(sizes)).astype(np.int16)
    polyphase = Polyphase(*rates)
    parts = [polyphase.feed(part) for part in np.split(noise, np.cumsum(sizes))]
    np.testing.assert_array_equal(np.concatenate([*parts, polyphase.flush()]), converted(noise, *rates))


@given(st.sampled_from(RATIOS), st.integers(0, 2000))
def test_the_output_lasts_as_long_as_the_input(rates: tuple[int, int], n_samples: int) -> None:
    out = converted(np.zeros(n_samples, np.int16), *rates)
    assert out.size == math.ceil(n_samples * rates[1] / rates[0])


@pytest.mark.parametrize(("in_rate", "most_ms"), [(8000, 4.1), (24_000, 2.1), (48_000, 2.1)])
def test_it_holds_back_few_milliseconds_at_any_time(in_rate: int, most_ms: float) -> None:
    polyphase = Polyphase(in_rate, 16_000)
    n_in = n_out = 0
    for _ in range(50):
        n_in += in_rate // 50
        n_out += polyphase.feed(np.zeros(in_rate // 50, np.int16)).size
        assert 1000 * (n_in / in_rate - n_out / 16_000) < most_ms


def test_full_scale_saturates_and_does_not_wrap() -> None:
    square = np.where(np.arange(480) // 40 % 2, 32_767, -32_768).astype(np.int16)
    out = converted(square, 24_000, 16_000)
    assert out.min() == -32_768
    assert out.max() == 32_767
    # Wherever the input is clearly high or low the output is too: an overflow would flip it.
    middle = out[13 * 5 :: 80]
    assert set(np.sign(middle)) <= {1, -1}
    np.testing.assert_array_equal(np.sign(out[13::27][:12]), np.sign(square[20::40][:12]))


def test_flush_starts_anew() -> None:
    polyphase = Polyphase(8000, 16_000)
    noise = np.random.default_rng(2).integers(-9000, 9000, 400).astype(np.int16)
    first = np.concatenate([polyphase.feed(noise), polyphase.flush()])
    second = np.concatenate([polyphase.feed(noise), polyphase.flush()])
    np.testing.assert_array_equal(first, second)
