from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.bench.stats import Result, Spread, largest_held, percentile


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 100))
def test_percentile_is_the_usual_one(samples: list[float], percent: float) -> None:
    ordered = sorted(samples)
    assert percentile(ordered, percent) == pytest.approx(float(np.percentile(ordered, percent)), abs=1e-6)


def test_spread_takes_samples_in_any_order() -> None:
    assert dataclasses.astuple(Spread.of([3, 1, 2])) == pytest.approx((3, 2, 2.9, 2.98, 3))
    assert Spread.of([]) == Spread()


def spread(p95: float, n: int = 10) -> Spread:
    return Spread(n, p95, p95, p95, p95)


GOOD = Result(
    conversations=1,
    duration_s=30,
    turns=20,
    voice_to_voice=spread(300),
    transcript=spread(200),
    late=spread(5),
    lost=0,
    failed=0,
    clear=Spread(),
    generator_late=spread(1),
)


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"voice_to_voice": spread(599)}, True),
        ({"voice_to_voice": spread(600)}, False),
        ({"late": spread(40)}, True),
        ({"late": Spread(10, 0, 0, 0, 41)}, False),
        ({"lost": 1}, False),
        ({"failed": 1}, False),
        ({"turns": 0}, False),
    ],
)
def test_what_holds(changes: dict[str, object], holds: bool) -> None:
    assert dataclasses.replace(GOOD, **changes).holds(GOOD.voice_to_voice) is holds  # type: ignore[arg-type]


def test_a_late_generator_measures_itself() -> None:
    assert GOOD.valid
    assert not dataclasses.replace(GOOD, generator_late=Spread(10, 0, 0, 11, 11)).valid
    assert not dataclasses.replace(GOOD, turns=0).valid
    refused = dataclasses.replace(GOOD, turns=0, failed=1)
    assert refused.valid and not refused.holds(GOOD.voice_to_voice)


def test_largest_held_stops_at_the_first_failure() -> None:
    def load(n: int, p95: float = 300) -> Result:
        return dataclasses.replace(GOOD, conversations=n, voice_to_voice=spread(p95))

    assert largest_held([]) is None
    assert largest_held([load(50), load(1), load(20)]) == 50
    assert largest_held([load(1), load(20, 700), load(50)]) == 1
    assert largest_held([dataclasses.replace(GOOD, lost=1), load(5)]) is None
