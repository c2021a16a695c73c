from __future__ import annotations

import pytest

from voicesrv_client.pace import Pace


def test_a_burst_then_the_rate_and_some_is_kept_for_what_cannot_wait() -> None:
    pace = Pace(20, 40, 1.0)
    for _ in range(15):
        assert pace.wait_s(1.0) == 0
        pace.spend(1.0)
    assert pace.wait_s(1.0) == pytest.approx(1 / 18)
    assert pace.wait_s(1.06) == 0
    for _ in range(5):
        assert pace.has_any(1.0)
        pace.spend(1.0)
    assert not pace.has_any(1.0)
    assert pace.wait_s(1.0) == pytest.approx(6 / 18)


def test_what_is_not_used_does_not_heap_up() -> None:
    pace = Pace(20, 40, 0.0)
    for _ in range(15):
        pace.spend(100.0)
    assert pace.wait_s(100.0) > 0


def test_a_server_that_takes_few_at_once_is_still_spoken_to() -> None:
    pace = Pace(1, 2, 0.0)
    assert pace.wait_s(0.0) == 0
    pace.spend(0.0)
    assert pace.wait_s(0.0) == pytest.approx(1 / 0.9)
