from __future__ import annotations

import pytest

from voicesrv_client.pacing import Pacer


def test_never_holds_back_what_comes_in_real_time() -> None:
    pacer = Pacer(rate=1000, burst=40)
    assert [pacer.wait_s(20, n * 0.02) for n in range(500)] == [0.0] * 500


def test_lets_a_file_go_at_the_rate() -> None:
    pacer = Pacer(rate=1000, burst=40)
    now = 0.0
    for n in range(100):
        now += pacer.wait_s(20, now)
        assert now == pytest.approx(max(0, n - 1) * 0.02)


def test_a_rest_earns_no_more_than_the_burst() -> None:
    pacer = Pacer(rate=1000, burst=40)
    assert pacer.wait_s(40, 0.0) == 0
    assert pacer.wait_s(100, 3600.0) == pytest.approx(0.06)
