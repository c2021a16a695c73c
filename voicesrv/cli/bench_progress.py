"""How far ``voicesrv bench`` is, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

Show = Callable[[str, float | None], object]
"""Called when something new begins: what, and how long it takes in s, or None where nobody knows."""


class Timed(Progress):
    """Bars that go by the clock."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Draw every bar as far as it is now."""
        for task in self.tasks:
            if task.total is not None:
                task.completed = min(task.elapsed or 0.0, task.total)
                task.fields["left"] = f"{task.remaining:.0f} s"
        yield from super().get_renderables()


@contextmanager
def progress(console: Console) -> Iterator[Show]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not console.is_terminal:
        yield lambda what, seconds: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Timed(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=None, left="")
        yield lambda what, seconds: bars.reset(task, total=seconds, description=what, left="")


def announcement(seconds: float) -> str:
    """Say how long it will take."""
    minutes, rest = divmod(round(seconds), 60)
    return f"voicesrv: this takes about {f'{minutes} min ' if minutes else ''}{rest} s"
