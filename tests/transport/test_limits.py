from __future__ import annotations

import pytest

from voicesrv.transport.limits import AudioPace, TokenBucket


def test_a_bucket_lets_its_burst_and_then_its_rate_through() -> None:
    bucket = TokenBucket(20, 40, now=100.0)
    assert sum(bucket.take(100.0) for _ in range(100)) == 40
    assert sum(bucket.take(100.5) for _ in range(100)) == 10
    assert sum(bucket.take(1000.0) for _ in range(100)) == 40


def test_a_bucket_tells_how_long_to_wait() -> None:
    bucket = TokenBucket(20, 1, now=0.0)
    assert bucket.wait_ms(0.0) == 0
    assert bucket.take(0.0)
    assert bucket.wait_ms(0.0) == 50
    assert bucket.wait_ms(0.03) == 20
    assert not bucket.take(0.049)
    assert bucket.take(0.05)


def test_what_a_bucket_refuses_costs_nothing() -> None:
    bucket = TokenBucket(1, 2, now=0.0)
    assert not bucket.take(0.0, 3)
    assert bucket.take(0.0, 2)


@pytest.mark.parametrize("pace", [0.5, 1.0, 1.25])
def test_audio_at_the_allowed_pace_is_never_too_fast(pace: float) -> None:
    account = AudioPace(1.25, 30.0, now=0.0)
    # An hour in messages of 20 ms; 1e-6 s for what floats lose on the way.
    assert all(account.add(20, i * (0.02 / pace + 1e-6)) is None for i in range(180_000))


def test_a_burst_may_be_thirty_seconds() -> None:
    account = AudioPace(1.25, 30.0, now=0.0)
    assert account.add(30_000, 0.0) is None
    assert account.add(1, 0.0) == "over"
    assert account.wait_ms(0.0) == 1
    assert account.add(1, 1.0) is None


def test_twice_real_time_is_told_and_then_ended() -> None:
    account = AudioPace(1.25, 30.0, now=0.0)
    verdicts = [account.add(20, i * 0.01) for i in range(10_000)]
    first_over, first_fatal = verdicts.index("over") * 0.01, verdicts.index("fatal") * 0.01
    assert first_over == pytest.approx(30 / 0.75, abs=0.1)
    assert first_fatal == pytest.approx((30 + 12.5) / 0.75, abs=0.1)


def test_a_minute_at_once_is_ended_and_slowing_down_in_time_is_forgiven() -> None:
    account = AudioPace(1.25, 30.0, now=0.0)
    assert [account.add(10_000, 0.1 * i) for i in range(6)] == [None, None, None, "over", "fatal", "fatal"]
    account = AudioPace(1.25, 30.0, now=0.0)
    assert account.add(40_000, 0.0) == "over"
    assert account.wait_ms(0.0) == 8000
    assert account.add(20, 8.02) is None
