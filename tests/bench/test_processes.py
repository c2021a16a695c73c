from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from voicesrv.bench import processes
from voicesrv.bench.processes import Worker
from voicesrv.errors import VoicesrvError


@dataclass
class Order:
    word: str


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "echoing.py").write_text(
        "import json, sys\nprint(json.loads(input())['word'], flush=True)\nsys.stdin.read()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "echoing"


def test_takes_an_order_answers_and_ends_with_its_stdin(module: str) -> None:
    with Worker(module, Order("hello")) as worker:
        assert worker.line() == "hello"
        assert Path(f"/proc/{worker.pid}").exists()
    assert not Path(f"/proc/{worker.pid}").exists()


def test_one_that_dies_is_told(module: str, capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(VoicesrvError, match="no_such_module ended before its time"),
        Worker("no_such_module", Order("")) as worker,
    ):
        worker.line()
    assert "no_such_module" in capfd.readouterr().err


def test_ctrl_c_in_a_terminal_does_not_reach_it(module: str) -> None:
    with Worker(module, Order("hello")) as worker:
        assert os.getpgid(worker.pid) != os.getpgid(0)


def test_one_that_hangs_is_killed_where_something_else_failed(
    tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_GIVE_UP_S", 0)
    (tmp_path / "hanging.py").write_text("import signal\nprint('here', flush=True)\nsignal.pause()\n")
    with pytest.raises(ZeroDivisionError), Worker("hanging", Order("")) as worker:
        assert worker.line() == "here"
        raise ZeroDivisionError
    assert not Path(f"/proc/{worker.pid}").exists()
