"""``voicesrv config``: every setting in force and where it came from."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from voicesrv.cli.start import ConfigFile, read_settings

_MAX_SHOWN = 200
"""Characters of a value in the table; ``--json`` has them all."""


def config(
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: path to value and origin.")] = False,
) -> None:
    """Show every setting in force and its origin; secrets are masked."""
    settings = read_settings(config)
    rows = {path: (value, settings.origin(path)) for path, value in settings.shown().items()}
    if as_json:
        print(
            json.dumps({path: {"value": value, "origin": origin} for path, (value, origin) in rows.items()}, indent=2)
        )
        return

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", style="dim")
    for path, (value, origin) in rows.items():
        table.add_row(path, Text(_shown(value)), Text(origin), style=None if origin == "default" else "bold")
    Console().print(table)


def _shown(value: Any) -> str:
    """A value as JSON; of long instructions the beginning."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
