"""How far a download is: lines that come now and then, and a bar in a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.progress import Progress

from voicesrv.cli.models_progress import Bars, Lines, progress
from voicesrv.engines.model_catalogue import Model, named

MODEL: Model = named("whisper:base.en")


def ticking(*seconds: float) -> Callable[[], float]:
    """A clock that shows these, one after the other, and then the last."""
    left = list(seconds)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def test_lines_come_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines("models: ", clock=ticking(0, 5, 11, 11, 15, 30))
    lines.begin(MODEL, 200_000_000, 20_000_000)
    for _ in range(4):
        lines.advance(10_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "models: downloading whisper:base.en, 200 MB, 20 MB of it here already",
        "models: whisper:base.en: 40 MB of 200 MB",
        "models: whisper:base.en: 60 MB of 200 MB",
    ]


def test_what_nobody_wants_any_more_is_stopped() -> None:
    with pytest.raises(KeyboardInterrupt):
        Lines(is_wanted=lambda: False).advance(1)


def test_a_bar_shows_name_and_amount() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    bars = Progress(console=console)
    shown = Bars(console, bars)
    shown.begin(MODEL, 200, 50)
    shown.advance(100)
    assert [(task.description, task.completed, task.total) for task in bars.tasks] == [("whisper:base.en", 150, 200)]
    shown.check(MODEL)
    assert bars.tasks[0].description == "whisper:base.en is checked"


def test_elsewhere_than_in_a_terminal_there_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as show:
        show.say("done")
    assert isinstance(show, Lines) and capsys.readouterr().err == "done\n"
