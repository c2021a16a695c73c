"""Room is what the measured cost leaves."""

from __future__ import annotations

import pytest

from voicesrv.engines.whisper.room import TARGET, Load


def test_room_is_what_is_left_of_the_models_time() -> None:
    load = Load(cost=0.099)
    assert load.room() == 7
    load.streams = 5
    assert load.room() == 2
    load.streams = 9
    assert load.room() == 0


def test_workers_are_so_much_more_time() -> None:
    assert Load(cost=0.099, workers=2).room() == 14


def test_one_stream_fits_however_slow_the_model_is() -> None:
    load = Load(cost=3)
    assert load.room() == 1
    load.streams = 1
    assert load.room() == 0


def test_cost_follows_what_streams_have_cost() -> None:
    load = Load(cost=0.5)
    for _ in range(100):
        load.count(busy_s=0.2, audio_s=4.0)
    assert load.cost == pytest.approx(0.05, rel=0.05)
    assert load.room() == pytest.approx(TARGET / 0.05, abs=1)
    load.count(busy_s=10.0, audio_s=4.0)  # one that was expensive is not all of them
    assert 0.05 < load.cost < 0.5
