"""How far ``voicesrv models pull`` is: a bar in a terminal, lines elsewhere; all of it on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from voicesrv.engines.model_catalogue import Model
from voicesrv.engines.model_pull import Show
from voicesrv.engines.model_store import megabytes

_LINE_S = 10.0
"""Between two lines of a download that nobody sees a bar of."""


class Screen(Show, Protocol):
    """Shows downloads, and says things between."""

    def say(self, text: str) -> None: ...


class Bars:
    """A bar for each model."""

    def __init__(self, console: Console, bars: Progress) -> None:
        self._console = console
        self._bars = bars
        self._task = TaskID(0)

    def begin(self, model: Model, total: int, have: int) -> None:
        self._task = self._bars.add_task(str(model), total=total, completed=have)

    def advance(self, n_bytes: int) -> None:
        self._bars.advance(self._task, n_bytes)

    def check(self, model: Model) -> None:
        self._bars.update(self._task, description=f"{model} is checked")

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class Lines:
    """A line now and then.

    Args:
        before: what each line begins with.
        is_wanted: asked as bytes come; when it says no, the download is stopped as by Ctrl-C.
        clock: seconds, of any beginning.
    """

    def __init__(
        self,
        before: str = "",
        is_wanted: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._before = before
        self._is_wanted = is_wanted
        self._clock = clock
        self._name = ""
        self._have = self._total = 0
        self._told_at = 0.0

    def begin(self, model: Model, total: int, have: int) -> None:
        self._name, self._total, self._have, self._told_at = str(model), total, have, self._clock()
        self.say(
            f"downloading {model}, {megabytes(total)}" + (f", {megabytes(have)} of it here already" if have else "")
        )

    def advance(self, n_bytes: int) -> None:
        if not self._is_wanted():
            raise KeyboardInterrupt
        self._have += n_bytes
        if self._clock() - self._told_at >= _LINE_S:
            self._told_at = self._clock()
            self.say(f"{self._name}: {megabytes(self._have)} of {megabytes(self._total)}")

    def check(self, model: Model) -> None:
        """Takes a second or two, which need no line."""

    def say(self, text: str) -> None:
        print(self._before + text, file=sys.stderr, flush=True)


@contextmanager
def progress() -> Iterator[Screen]:
    """Show bars on a terminal, and lines elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        yield Bars(console, bars)
