"""Loads from end to end: a server process, a generator process, and what is read of both."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from voicesrv.bench import procfs, run
from voicesrv.bench.orders import Serving
from voicesrv.bench.processes import Worker
from voicesrv.bench.run import BenchOptions, about, check, expected_s, run_idle, run_load, shares
from voicesrv.errors import ConfigError
from voicesrv_client import Refused, Unreachable


def quiet(what: str, seconds: float | None) -> None:
    """Where nobody wants to know how far it is."""


def test_shares_are_even_and_whole() -> None:
    assert list(shares(10, 3)) == [(0, 3), (3, 3), (6, 4)]
    assert list(shares(1, 1)) == [(0, 1)]


def test_two_conversations_that_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MIN_TURNS", 0)
    told: list[tuple[str, float | None]] = []
    result = run_load(BenchOptions(duration_s=5, barge_in=True), 2, lambda what, seconds: told.append((what, seconds)))
    assert told == [
        ("starting a server", None),
        ("warming up", None),
        ("callers join", 8),
        ("measuring", 5),
        ("ending", None),
    ]
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
    result = run_idle(BenchOptions(duration_s=2), 4, quiet)
    assert result.faults == {}
    assert result.pong.n in range(14, 18)
    assert result.cpu_percent is not None and result.cpu_percent < 50
    assert result.kb_per_connection is not None


def test_a_server_that_runs_is_loaded_as_its_engines_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MIN_TURNS", 0)
    with Worker("voicesrv.bench.server", Serving(null=True, conversations=5)) as server:
        result = run_load(BenchOptions(url=server.line(), duration_s=3, barge_in=True), 1, quiet)
    assert result.faults == {}
    assert result.turns >= 1
    assert result.late.n > 0
    assert (result.cpu_cores, result.cpu_per_stream, result.kb_per_conversation) == (None, None, None)


def test_an_interrupt_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # none of another bench's are in it
    before = set(procfs.tree(os.getpid()))
    begun: set[int] = set()
    folders: set[Path] = set()

    def interrupt(what: str, seconds: float | None) -> None:
        if what == "callers join":
            begun.update(set(procfs.tree(os.getpid())) - before)
            folders.update(tmp_path.glob("voicesrv-bench-*"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_load(BenchOptions(duration_s=60), 1, interrupt)
    assert len(begun) >= 2  # a server and a generator
    assert not [pid for pid in begun if Path(f"/proc/{pid}").exists()]
    assert folders
    assert not [folder for folder in folders if folder.exists()]


def test_engines_that_are_not_there_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name in {"VAD": "null", "STT": "null", "LLM": "nonsense", "TTS": "null"}.items():
        monkeypatch.setenv(f"VOICESRV_{kind}", name)
    with pytest.raises(ConfigError, match="'nonsense' is no engine"):
        run_load(BenchOptions(real=True), 1, quiet)


def test_small_loads_are_measured_for_longer() -> None:
    options = BenchOptions(duration_s=30)
    assert options.measuring_s(1) == 220
    assert options.measuring_s(100) == 30
    assert BenchOptions(duration_s=30, barge_in=True).measuring_s(1) == 50
    assert expected_s(options, [1, 100]) == (5 + 3 + 220) + (5 + 3 + 30)
    assert expected_s(options, [], idle=500) == 10 + 3 + 30
    assert expected_s(BenchOptions(duration_s=1), [], idle=5) == 5 + 3 + 20


def test_says_what_it_was_measured_on_without_the_key() -> None:
    assert about([]).keys() == {"command", "python", "system", "processor", "cores"}
    assert about(["bench", "-n", "1"])["command"] == "voicesrv bench -n 1"
    for arguments in (["bench", "--token", "secret"], ["bench", "--token=secret"]):
        assert "secret" not in about(arguments)["command"]
    assert about(["bench", "--token"])["command"] == "voicesrv bench --token"


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens on it, and nobody else gets it
        with pytest.raises(Unreachable, match="no voicesrv answers"):
            check(BenchOptions(url=f"http://127.0.0.1:{taken.getsockname()[1]}"))


def test_an_option_that_the_server_refuses_is_told_at_once() -> None:
    with Worker("voicesrv.bench.server", Serving(null=True, conversations=1)) as server:
        url = server.line()
        check(BenchOptions(url=url))
        with pytest.raises(Refused, match="eager_ms"):
            check(BenchOptions(url=url, eager_ms=99_999))


def test_a_bad_address_is_told() -> None:
    with pytest.raises(ConfigError, match="no address of a server"):
        check(BenchOptions(url="localhost:8000"))
