from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.audio.pcm import Samples, to_int16
from voicesrv.audio.resample import Resampler

RATES = [
    (22_050, 24_000, False),
    (24_000, 8000, False),
    (24_000, 48_000, False),
    (44_100, 16_000, True),
    (11_025, 16_000, True),
    (8000, 16_000, True),
    (48_000, 16_000, True),
]


def tone(rate: int, n_samples: int, frequency: float = 1000.0) -> Samples:
    return to_int16(0.3 * np.sin(2 * np.pi * frequency * np.arange(n_samples) / rate))


def whole(samples: Samples, in_rate: int, out_rate: int, low_delay: bool) -> Samples:
    resampler = Resampler(in_rate, out_rate, low_delay=low_delay)
    return np.concatenate([resampler.feed(samples), resampler.flush()])


@pytest.mark.parametrize(("in_rate", "out_rate", "low_delay"), RATES)
def test_a_tone_comes_out_as_the_same_tone(in_rate: int, out_rate: int, low_delay: bool) -> None:
    out = whole(tone(in_rate, in_rate // 2), in_rate, out_rate, low_delay)
    edge = out_rate // 50
    error = out[edge:-edge].astype(float) - tone(out_rate, out.size)[edge:-edge]
    assert np.abs(error).max() < 10  # 0.1 %


@given(st.sampled_from(RATES), st.lists(st.integers(0, 900), max_size=8))
def test_any_split_gives_the_same_samples(rates: tuple[int, int, bool], sizes: list[int]) -> None:
    samples = tone(rates[0], sum(sizes))
    resampler = Resampler(rates[0], rates[1], low_delay=rates[2])
    parts = [resampler.feed(part) for part in np.split(samples, np.cumsum(sizes))]
    np.testing.assert_array_equal(np.concatenate([*parts, resampler.flush()]), whole(samples, *rates))


@pytest.mark.parametrize(("in_rate", "out_rate", "low_delay"), RATES)
def test_the_output_lasts_as_long_as_the_input(in_rate: int, out_rate: int, low_delay: bool) -> None:
    out = whole(tone(in_rate, 12_345), in_rate, out_rate, low_delay)
    assert abs(out.size - 12_345 * out_rate / in_rate) < 1


@pytest.mark.parametrize("low_delay", [False, True])
def test_equal_rates_pass_the_same_array(low_delay: bool) -> None:
    resampler = Resampler(16_000, 16_000, low_delay=low_delay)
    samples = tone(16_000, 320)
    assert resampler.feed(samples) is samples
    assert resampler.flush().size == 0


@pytest.mark.parametrize(("in_rate", "out_rate", "low_delay"), RATES)
def test_reset_and_flush_leave_nothing_behind(in_rate: int, out_rate: int, low_delay: bool) -> None:
    resampler = Resampler(in_rate, out_rate, low_delay=low_delay)
    expected = whole(tone(in_rate, 999), in_rate, out_rate, low_delay)
    for end in (resampler.reset, resampler.flush):
        resampler.feed(tone(in_rate, 777, 300.0))
        end()
        got = np.concatenate([resampler.feed(tone(in_rate, 999)), resampler.flush()])
        np.testing.assert_array_equal(got, expected)


def test_low_delay_is_low() -> None:
    resampler = Resampler(8000, 16_000, low_delay=True)
    # 20 ms in; all but 4 ms out, at once.
    assert resampler.feed(tone(8000, 160)).size == 256
