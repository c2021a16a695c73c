"""Loads from end to end: a server process, a generator process, and what is read of both."""

from __future__ import annotations

import pytest

from voicesrv.bench import run
from voicesrv.bench.run import BenchOptions, about, run_idle, run_load, shares
from voicesrv.errors import VoicesrvError


def test_shares_are_even_and_whole() -> None:
    assert list(shares(10, 3)) == [(0, 3), (3, 3), (6, 4)]
    assert list(shares(1, 1)) == [(0, 1)]


def test_two_conversations_that_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MIN_TURNS", 0)
    result = run_load(BenchOptions(duration_s=5, barge_in=True), 2)
    assert result.faults == {}
    assert result.turns >= 2
    assert result.voice_to_voice.n >= 2
    # 200 ms of silence, and the null engines' 30, 50 and 20 ms.
    assert result.transcript.p50 >= 225
    assert result.voice_to_voice.p50 >= result.transcript.p50 + 65
    assert result.clear.n >= 2
    assert 0 <= result.clear.p50 < 100
    assert result.generator_late.n == pytest.approx(5 * 50 * 2, rel=0.05)
    assert result.cpu_per_stream is not None and 0 < result.cpu_per_stream < 0.5
    assert result.cpu_cores == pytest.approx(2 * result.cpu_per_stream)
    assert result.kb_per_conversation is not None and 0 < result.kb_per_conversation < 20_000


def test_idle_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_IDLE_PING_MS", 500)
    result = run_idle(BenchOptions(duration_s=2), 4)
    assert result.faults == {}
    assert result.pong.n in range(14, 18)
    assert result.cpu_percent is not None and result.cpu_percent < 50
    assert result.kb_per_connection is not None


def test_says_what_it_was_measured_on() -> None:
    assert about().keys() == {"command", "python", "system", "processor", "cores"}


def test_a_bad_address_is_told() -> None:
    with pytest.raises(VoicesrvError, match="no address of a server"):
        run_load(BenchOptions(url="localhost:8000"), 1)
