"""``voicesrv bench``: many conversations at once, and what they cost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from voicesrv.cli.choices import Token
from voicesrv.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicesrv.bench.stats import Result

MAX_CONVERSATIONS = 10_000


def bench(
    url: Annotated[str | None, typer.Option(help="Server to load; else one is started for each load.")] = None,
    token: Token = None,
    conversations: Annotated[
        str, typer.Option("-n", "--conversations", metavar="N,N,...", help="How many at once; each number is a load.")
    ] = "1,5,20,50,100",
    duration: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Of each load; small ones take longer, for 20 turns.")
    ] = 30,
    endpointing_ms: Annotated[int, typer.Option(min=30, help="Silence that ends a turn.")] = 200,
    eager_ms: Annotated[int, typer.Option(min=0, help="Silence after which a reply is prepared; 0 never does.")] = 0,
    message_ms: Annotated[int, typer.Option(min=10, max=1000, help="Audio in one message.")] = 20,
    engines: Annotated[
        Literal["null", "real"],
        typer.Option(help="null: fixed delays, on one core; real: those of the settings, on all cores."),
    ] = "null",
    barge_in: Annotated[bool, typer.Option("--barge-in", help="Interrupt every reply.")] = False,
    idle: Annotated[int, typer.Option(min=0, help="Measure so many connections that only ping, too.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Write all figures here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a PNG here; needs matplotlib.")] = None,
) -> None:
    """Measure how many conversations a server holds, and what one of them costs."""
    numbers = parsed(conversations)
    if sys.platform != "linux":
        raise ConfigError("bench reads CPU and memory from Linux's /proc, and this is another system")

    from rich.console import Console

    from voicesrv.bench import report
    from voicesrv.bench.run import BenchOptions, about, run_idle, run_load

    options = BenchOptions(
        url=url,
        token=token,
        duration_s=duration,
        endpointing_ms=endpointing_ms,
        eager_ms=eager_ms,
        message_ms=message_ms,
        real=engines == "real",
        barge_in=barge_in,
    )
    progress = Console(stderr=True)
    results = []
    for n in numbers:
        with progress.status(f"{n} conversations"):
            results.append(run_load(options, n))
    idle_result = None
    if idle:
        with progress.status(f"{idle} idle connections"):
            idle_result = run_idle(options, idle)
    print(report.text(results, idle_result))
    if json:
        write(json, report.to_json(results, idle_result, about()))
    if plot:
        draw(plot, results)


def parsed(conversations: str) -> list[int]:
    """Read ``1,5,20``.

    Raises:
        ConfigError: it is something else.
    """
    try:
        numbers = sorted({int(number) for number in conversations.split(",")})
    except ValueError:
        numbers = [0]
    if not 0 < numbers[0] <= numbers[-1] <= MAX_CONVERSATIONS:
        raise ConfigError(
            f"-n {conversations!r} is not a list of numbers from 1 to {MAX_CONVERSATIONS}, such as 1,5,20"
        )
    return numbers


def write(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def draw(path: Path, results: Sequence[Result]) -> None:
    """Draw a picture of the results.

    Raises:
        ConfigError: it cannot be written, or matplotlib is not installed.
    """
    from voicesrv.bench.report import plot

    try:
        plot(results, path)
    except ImportError as error:
        raise ConfigError("--plot needs matplotlib: pip install matplotlib") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
