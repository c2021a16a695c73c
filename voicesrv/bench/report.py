"""Results as a table, as JSON and as a picture."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from voicesrv.bench.stats import IdleResult, Result, Spread, largest_held


def table(results: Sequence[Result]) -> Table:
    """A row per load; times in ms."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    barge_in = any(result.clear.n for result in results)
    columns = ["N", "turns", "voice to voice\np50/p95/p99", "transcript\np50/p95/p99", "late chunk\np50/p95/p99/max"]
    columns += ["onset to clear\np50/p95/p99"] if barge_in else []
    columns += ["lost", "failed", "CPU s per\nstream-s", "cores", "KB per\nconversation", "generator\nlate p99", "held"]
    for column in columns:
        shown.add_column(column, justify="right", no_wrap=True)
    for result in results:
        cells = [
            str(result.conversations),
            str(result.turns),
            _spread(result.voice_to_voice),
            _spread(result.transcript),
            f"{_spread(result.late)}/{result.late.max:.0f}",
        ]
        cells += [_spread(result.clear)] if barge_in else []
        cells += [
            str(result.lost),
            str(result.failed),
            _number(result.cpu_per_stream, ".4f"),
            _number(result.cpu_cores, ".2f"),
            _number(result.kb_per_conversation, ".0f"),
            f"{result.generator_late.p99:.1f}",
            "invalid" if not result.valid else "yes" if result.holds(results[0].voice_to_voice) else "no",
        ]
        shown.add_row(*cells)
    return shown


def text(results: Sequence[Result], idle: IdleResult | None, width: int = 200) -> str:
    """Everything as lines."""
    console = Console(file=io.StringIO(), width=width)
    console.print(table(results))
    lines = [verdict(results), *faults([*results, *([idle] if idle else [])])]
    if idle:
        lines.insert(1, idle_line(idle))
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def idle_line(result: IdleResult) -> str:
    """What idle connections cost, in a sentence."""
    return (
        f"{result.connections} idle connections: {_number(result.kb_per_connection, '.1f')} KB each, "
        f"{_number(result.cpu_percent, '.1f')} % of a core, pong p50/p95/p99 {_spread(result.pong)} ms, "
        f"{result.failed} failed"
    )


def verdict(results: Sequence[Result]) -> str:
    """The largest load that held, in a sentence."""
    held = largest_held(results)
    if held is None:
        return "no load held"
    return f"largest load that held: {held} conversation{'' if held == 1 else 's'}"


def faults(results: Sequence[Result | IdleResult]) -> list[str]:
    """What failed or was lost, a line for each load with faults."""
    return [
        f"{result.name}: " + ", ".join(f"{count} × {kind}" for kind, count in sorted(result.faults.items()))
        for result in results
        if result.faults
    ]


def to_json(results: Sequence[Result], idle: IdleResult | None, about: dict[str, Any]) -> str:
    """Everything that was measured, and on what."""
    body = {
        "about": about,
        "loads": [dataclasses.asdict(result) | {"valid": result.valid} for result in results],
        "idle": dataclasses.asdict(idle) if idle else None,
        "largest_held": largest_held(results),
    }
    return json.dumps(body, indent=2)


def plot(results: Sequence[Result], path: Path) -> None:
    """Draw latency and CPU over the number of conversations.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure  # an extra, and slow to import

    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    n = [result.conversations for result in results]
    for name in ("p50", "p95", "p99"):
        above.plot(n, [getattr(result.voice_to_voice, name) for result in results], marker="o", label=name)
    above.set_ylabel("voice to voice, ms")
    above.set_ylim(bottom=0)
    above.legend()
    known = [result for result in results if result.cpu_cores is not None]
    below.plot([r.conversations for r in known], [r.cpu_cores for r in known], marker="o", color="tab:red")
    below.set_ylabel("server, cores")
    below.set_ylim(bottom=0)
    below.set_xlabel("conversations")
    figure.savefig(path, dpi=120, format="png")


def _spread(spread: Spread) -> str:
    return f"{spread.p50:.0f}/{spread.p95:.0f}/{spread.p99:.0f}" if spread.n else "–"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
