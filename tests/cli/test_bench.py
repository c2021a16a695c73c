from __future__ import annotations

import dataclasses
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.bench.test_report import IDLE
from tests.bench.test_stats import GOOD
from tests.cli.end_to_end import ended, start
from voicesrv.bench import run
from voicesrv.bench.stats import IdleResult
from voicesrv.bench.stats import Result as Load
from voicesrv.cli.app import app
from voicesrv.cli.bench import parsed
from voicesrv.errors import ConfigError, VoicesrvError
from voicesrv_client import Closed


def bench(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["bench", *arguments])


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Loads that are over at once, but for one of 13 conversations, which is interrupted; what was asked for."""
    asked: list[int] = []

    def run_load(options: run.BenchOptions, callers: int, tell: Callable[[str, float | None], object]) -> Load:
        asked.append(callers)
        tell("measuring", options.duration_s)
        if callers == 13:
            raise KeyboardInterrupt
        if callers == 14:
            raise ExceptionGroup("", [Closed(1006)])
        return dataclasses.replace(GOOD, conversations=callers)

    def run_idle(options: run.BenchOptions, callers: int, tell: object) -> IdleResult:
        return dataclasses.replace(IDLE, connections=callers)

    monkeypatch.setattr(run, "run_load", run_load)
    monkeypatch.setattr(run, "run_idle", run_idle)
    return asked


def test_parses_numbers_of_conversations() -> None:
    assert parsed("5,1, 20,5") == [1, 5, 20]


@pytest.mark.parametrize("text", ["", "one", "0", "1,-5", "1,,2", "100000"])
def test_refuses_what_are_no_numbers_of_conversations(text: str) -> None:
    with pytest.raises(ConfigError, match=r"-n '.*' is not a list of numbers from 1 to 10000"):
        parsed(text)


def test_tells_how_long_it_takes_and_what_it_measured(loads: list[int], tmp_path: Path) -> None:
    done = bench("-n", "2,1", "--idle", "7", "--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.image"))
    assert done.exit_code == 0
    assert loads == [1, 2]
    assert done.stderr == "voicesrv: this takes about 6 min 24 s\n"
    assert "largest load that held: 2 conversations" in done.stdout
    assert "7 idle connections" in done.stdout
    written = json.loads((tmp_path / "a.json").read_text())
    assert [load["conversations"] for load in written["loads"]] == [1, 2]
    assert written["idle"]["connections"] == 7
    assert (tmp_path / "a.image").read_bytes().startswith(b"\x89PNG")


def test_an_interrupt_keeps_what_was_measured_before(loads: list[int], tmp_path: Path) -> None:
    done = bench("-n", "1,13,20", "--json", str(tmp_path / "a.json"))
    assert done.exit_code == 130
    assert loads == [1, 13]
    assert "largest load that held: 1 conversation" in done.stdout
    assert len(json.loads((tmp_path / "a.json").read_text())["loads"]) == 1


def test_an_interrupt_of_the_first_load_prints_nothing(loads: list[int]) -> None:
    done = bench("-n", "13")
    assert (done.exit_code, done.stdout) == (130, "")


def test_a_load_that_fails_keeps_what_was_measured_before(loads: list[int]) -> None:
    done = bench("-n", "1,14")
    assert isinstance(done.exception, VoicesrvError)
    assert "1006" in str(done.exception)
    assert "largest load that held: 1 conversation" in done.stdout


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens on it, and nobody else gets it
        done = await ended(await start("bench", "--url", f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert (done.code, done.out) == (1, b"")
    assert done.err.startswith("voicesrv: no voicesrv answers at 127.0.0.1:")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("option", ["--json", "--plot"])
def test_says_what_cannot_be_written_before_it_measures(loads: list[int], tmp_path: Path, option: str) -> None:
    for path in (tmp_path, tmp_path / "no" / "file"):
        done = bench(option, str(path))
        assert isinstance(done.exception, ConfigError)
        assert "cannot be written" in str(done.exception)
    assert not loads


def test_says_what_drawing_needs_before_it_measures(
    loads: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = bench("--plot", str(tmp_path / "bench.png"))
    assert isinstance(done.exception, ConfigError)
    assert "--plot needs matplotlib" in str(done.exception)
    assert not loads


def test_engines_of_a_server_that_runs_are_its_own(loads: list[int]) -> None:
    done = bench("--url", "http://127.0.0.1:8000", "--engines", "real")
    assert isinstance(done.exception, ConfigError)
    assert "--engines" in str(done.exception)
