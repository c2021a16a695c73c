"""``voicesrv bench``: many conversations at once, and what they cost."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from voicesrv.cli.choices import Token
from voicesrv.errors import ConfigError, VoicesrvError

if TYPE_CHECKING:
    from voicesrv.bench.run import BenchOptions
    from voicesrv.bench.stats import IdleResult, Result

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
        typer.Option(
            help="Of a server that is started. null: fixed delays, on one core; real: those of the settings, "
            "on all cores."
        ),
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
    if url is not None and engines == "real":
        raise ConfigError("--engines is for a server that is started; the one at --url says which engines it has")
    for path in (json, plot):
        if path is not None:
            check_writable(path)
    if plot:
        check_drawing()

    from voicesrv.bench.run import BenchOptions
    from voicesrv.cli.ending import INTERRUPTED, first
    from voicesrv_client import VoiceClientError

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
    results: list[Result | IdleResult] = []
    try:
        measure(options, numbers, idle, results)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        fault = first(error)
        if isinstance(fault, VoiceClientError):
            raise VoicesrvError(str(fault)) from error
        raise fault from None
    finally:
        if results:  # those from before a load that failed or was interrupted took their time, too
            tell(results, json, plot)


def measure(options: BenchOptions, numbers: Sequence[int], idle: int, results: list[Result | IdleResult]) -> None:
    """Run one load after the other, and show how far it is.

    Args:
        options: of all loads.
        numbers: how many conversations each has.
        idle: connections that only ping, as a last load; 0 for none.
        results: where the result of each load is put as soon as it is there.

    Raises:
        ConfigError, VoiceClientError, VoicesrvError: as ``bench.run`` says.
    """
    from rich.console import Console

    from voicesrv.bench import run
    from voicesrv.cli.bench_progress import announcement, progress

    run.check(options)
    print(announcement(run.expected_s(options, numbers, idle)), file=sys.stderr)
    with progress(Console(stderr=True)) as show:

        def during(load: str) -> run.Tell:
            return lambda what, seconds: show(f"{load}: {what}", seconds)

        for n in numbers:
            results.append(run.run_load(options, n, during(f"{n} conversation{'' if n == 1 else 's'}")))
        if idle:
            results.append(run.run_idle(options, idle, during(f"{idle} idle")))


def tell(results: Sequence[Result | IdleResult], json: Path | None, plot: Path | None) -> None:
    """Print results, and write them where they are wanted.

    Raises:
        ConfigError: they cannot be written.
    """
    from voicesrv.bench import report
    from voicesrv.bench.run import about
    from voicesrv.bench.stats import Result

    loads = [result for result in results if isinstance(result, Result)]
    idle = next((result for result in results if not isinstance(result, Result)), None)
    print(report.text(loads, idle))
    try:
        if path := json:
            path.write_text(report.to_json(loads, idle, about(sys.argv[1:])), encoding="utf-8")
        if path := plot:
            report.plot(loads, path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


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


def check_writable(path: Path) -> None:
    """See whether a file can be written, before it takes minutes to have something for it.

    Raises:
        ConfigError: it cannot be.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: cannot be written: it is a folder")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise ConfigError(f"{path}: cannot be written: there is no such folder, or it is not yours to write to")


def check_drawing() -> None:
    """See whether pictures can be drawn.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError("--plot needs matplotlib: pip install matplotlib") from error
