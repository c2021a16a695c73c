"""``voicesrv engines``: which engines there are, and what one of them can do."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import inspect
import json
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicesrv.cli.start import ConfigFile, read_settings

if TYPE_CHECKING:
    from voicesrv.plugins import Kind
    from voicesrv.settings import Settings


def engines(
    name: Annotated[str, typer.Argument(help="Tell all about this one: voices, languages, options.")] = "",
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """List engines, or tell what one of them can do."""
    settings = read_settings(config)
    if name:
        _tell(name, settings, as_json)
    else:
        _list(as_json)


def _list(as_json: bool) -> None:
    rows = [{"kind": kind, "name": name, **_about(kind, name)} for kind, name in _all()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("kind", "name", "what it is"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(
            row["kind"], row["name"], Text(row["problem"] or row["about"], "yellow" if row["problem"] else "")
        )
    Console().print(table)


def _all() -> list[tuple[Kind, str]]:
    from voicesrv import plugins

    return [(kind, name) for kind in plugins.KINDS for name in plugins.available(kind)]


def _about(kind: Kind, name: str) -> dict[str, str]:
    """What its class says of itself, or why it cannot be had."""
    from voicesrv import plugins
    from voicesrv.errors import VoicesrvError

    try:
        loaded = plugins.load(kind, name)
    except VoicesrvError as error:
        return {"about": "", "problem": str(error)}
    return {"about": (inspect.getdoc(loaded) or "").partition("\n")[0], "problem": ""}


def _tell(name: str, settings: Settings, as_json: bool) -> None:
    from voicesrv import plugins
    from voicesrv.errors import ClientError, Code

    entry = name.partition(":")[0]
    kinds = [kind for kind, each in _all() if each == entry]
    if not kinds:
        names = ", ".join(sorted({each for _, each in _all()}))
        raise ClientError(Code.NOT_FOUND, f"{name!r} is no engine here; there are {names}")
    told: dict[str, Any] = {}
    for kind in kinds:
        capabilities = asyncio.run(_capabilities(kind, name, settings))
        told[kind] = {"capabilities": capabilities, "options": options_of(plugins.load(kind, entry).Options)}
    if as_json:
        print(json.dumps(told, indent=2))
        return

    from rich.console import Console
    from rich.padding import Padding

    console = Console(highlight=False, markup=False)
    for title, each in told.items():
        console.print(f"{name}, {title}", style="bold")
        for key, value in each["capabilities"].items():
            shown = ", ".join(value) if isinstance(value, list | tuple) else str(value)
            console.print(Padding(f"{key}: {shown}", (0, 0, 0, 2)))
        for option, (default, meaning) in each["options"].items():
            console.print(Padding(f"[engines.{entry}] {option} = {default}", (0, 0, 0, 2)), style="cyan")
            console.print(Padding(meaning, (0, 0, 0, 6)))


async def _capabilities(kind: Kind, name: str, settings: Settings) -> Mapping[str, Any]:
    """Open the engine to see what it can do: voices are known only to a loaded one."""
    from voicesrv.shelf import EngineShelf, capabilities_of

    async with EngineShelf(settings) as shelf:
        return capabilities_of(await shelf.get(kind, name)) or {}


def options_of(options: type[Any]) -> dict[str, tuple[str, str]]:
    """Default and meaning of each of an engine's options, by name; the meaning is the docstring below the field."""
    body = ast.parse(textwrap.dedent(inspect.getsource(options))).body[0]
    assert isinstance(body, ast.ClassDef)
    meanings: dict[str, str] = {}
    for above, below in zip(body.body, body.body[1:], strict=False):
        match above, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                meanings[name] = " ".join(meaning.split())
    defaults = options()
    return {
        field.name: (json.dumps(getattr(defaults, field.name), default=str), meanings.get(field.name, ""))
        for field in dataclasses.fields(options)
    }
