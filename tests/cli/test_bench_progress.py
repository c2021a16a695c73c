from __future__ import annotations

import io

from rich.console import Console
from rich.progress import BarColumn

from voicesrv.cli.bench_progress import Timed, announcement, progress


def test_a_bar_goes_by_the_clock() -> None:
    now = 100.0
    bars = Timed(BarColumn(), console=Console(file=io.StringIO()), auto_refresh=False, get_time=lambda: now)
    bars.add_task("measuring", total=20)
    (task,) = bars.tasks
    now = 105.0
    list(bars.get_renderables())
    assert (task.completed, task.fields["left"]) == (5, "15 s")
    now = 130.0
    list(bars.get_renderables())
    assert (task.completed, task.fields["left"]) == (20, "0 s")


def test_nobody_knows_how_long_a_start_takes() -> None:
    bars = Timed(BarColumn(), console=Console(file=io.StringIO()), auto_refresh=False)
    bars.add_task("starting", total=None, left="")
    (task,) = bars.tasks
    list(bars.get_renderables())
    assert (task.completed, task.fields["left"]) == (0, "")


def shown(terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    with progress(console) as show:
        show("starting a server", None)
        show("measuring", 20)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_shows_what_is_done_and_for_how_long() -> None:
    assert "measuring" in shown(terminal=True)
    assert "20 s" in shown(terminal=True)


def test_nothing_is_shown_elsewhere() -> None:
    assert shown(terminal=False) == ""


def test_announces_minutes_where_there_are_any() -> None:
    assert announcement(45.2) == "voicesrv: this takes about 45 s"
    assert announcement(228) == "voicesrv: this takes about 3 min 48 s"
