"""``voicesrv models``: which models there are and suit this machine; download, check and remove them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicesrv.cli.start import ConfigFile, read_settings

if TYPE_CHECKING:
    from voicesrv.engines.machine import Machine
    from voicesrv.engines.model_catalogue import Model
    from voicesrv.settings import Settings

models = typer.Typer(
    help="List the models for whisper and piper; download, check and remove them.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Such as whisper:base.en.")]


@dataclass(frozen=True, slots=True)
class Row:
    """A model in the list."""

    name: str
    """``ENGINE:NAME``."""
    size: int
    """Bytes to download; 0 for one that is not in the catalogue."""
    languages: tuple[str, ...]
    suits: bool
    needs: str
    here: tuple[str, ...]
    """What can be said of it on this machine."""
    licence: str
    note: str


@models.callback(invoke_without_command=True)
def overview(
    context: typer.Context,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """List the models, those that suit this machine first."""
    if context.invoked_subcommand:
        return
    from voicesrv.engines.machine import this_machine
    from voicesrv.engines.model_catalogue import ENGINES
    from voicesrv.engines.model_files import models_folder

    settings = read_settings(config)
    machine = this_machine()
    rows = {engine: _rows(engine, settings.language, machine) for engine in ENGINES}
    if as_json:
        print(json.dumps([_json(row) for each in rows.values() for row in each], indent=2))
        return

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    console.print(f"This machine: {machine}. Models lie in {models_folder()}", soft_wrap=True)
    for engine, title in (("whisper", "hears"), ("piper", "speaks")):
        table = Table(box=None, pad_edge=False)
        table.add_column(engine, no_wrap=True)
        table.add_column("size", justify="right", no_wrap=True)
        for name in (title, "needs", "licence", "here"):
            table.add_column(name)
        for row in rows[engine]:
            style = "" if row.suits else "dim"
            table.add_row(
                Text(row.name.partition(":")[2], "bold" if row.here and row.suits else style),
                Text(_size(row.size) if row.size else "", style),
                Text(", ".join(row.languages) or "all", style),
                Text(row.needs, style),
                Text(row.licence + "*" * bool(row.note), style),
                Text(", ".join(row.here), "green" if row.suits else "dim"),
            )
        console.print()
        console.print(table)
    console.print("\n* there is something to know before it is used for a product; pull tells what")
    console.print(
        "Get them: voicesrv models pull whisper:NAME piper:NAME, or voicesrv models pull recommended", soft_wrap=True
    )


def _json(row: Row) -> dict[str, Any]:
    names = ("name", "size", "languages", "suits", "needs", "here", "licence", "note")
    return {name: getattr(row, name) for name in names}


def _size(n_bytes: int) -> str:
    from voicesrv.engines.model_store import megabytes

    return megabytes(n_bytes)


def _rows(engine: str, language: str, machine: Machine) -> list[Row]:
    """All models of an engine: the user's own, then those that suit the machine and the language, then the others."""
    from voicesrv.engines.model_catalogue import catalogue, recommended
    from voicesrv.engines.model_files import on_disk, preferred
    from voicesrv.engines.model_store import waiting

    here, chosen, partial = on_disk(engine), preferred(engine, language, machine), waiting(engine)
    best = recommended(machine, language)
    known = [model for model in catalogue() if model.engine == engine]
    known.sort(key=lambda model: (not model.suits(machine), -model.match(language) if engine == "piper" else 0))

    def marks(name: str, model: Model | None = None) -> tuple[str, ...]:
        told = ["installed"] if name in here else []
        told += ["auto takes it"] if name == chosen else []
        told += [f"stopped at {_size(partial[name])}"] if name in partial else []
        told += ["recommended"] if model in best and name not in here else []
        told += ["too much for this machine"] if model and not model.suits(machine) else []
        return tuple(told)

    others = [
        Row(f"{engine}:{name}", 0, ("?",), True, "", marks(name), "", "")
        for name in here
        if name not in {model.name for model in known}
    ]
    rows = [
        Row(
            str(model),
            model.size,
            model.languages,
            model.suits(machine),
            _needs(model),
            marks(model.name, model),
            model.licence or "see its card",
            model.note,
        )
        for model in known
    ]
    return [*others, *rows]


def _needs(model: Model) -> str:
    gpu = f"GPU {model.gpu_mb // 1024} GB" if model.gpu_mb and model.cpus != 1 else ""
    cpus = f"{model.cpus} CPU{'s' if model.cpus > 1 else ''}" if model.cpus else ""
    return " or ".join(filter(None, (cpus, gpu)))


@models.command()
def pull(names: Names, config: ConfigFile = None) -> None:
    """Download models; NAME may be recommended, for the pair that suits this machine.

    A download that was stopped goes on where it was.
    """
    from voicesrv.cli.ending import INTERRUPTED
    from voicesrv.cli.models_progress import progress
    from voicesrv.engines.model_hub import HubUnreachable
    from voicesrv.engines.model_pull import pull as download
    from voicesrv.errors import EngineUnavailable

    wanted = _wanted(names, read_settings(config))
    failed = False
    with progress() as show:
        try:
            for model in wanted:
                try:
                    is_new = download(model, show)
                except HubUnreachable:
                    raise  # the others would fail likewise
                except EngineUnavailable as error:
                    show.say(f"voicesrv: {error}")
                    failed = True
                    continue
                show.say(_done(model, is_new))
        except KeyboardInterrupt:
            show.say("stopped; what has come is kept, and the same command goes on there")
            raise typer.Exit(INTERRUPTED) from None
    if failed:
        raise typer.Exit(1)


def _wanted(names: list[str], settings: Settings) -> list[Model]:
    """The models that are named, each once.

    Raises:
        ClientError: a name is none.
    """
    from voicesrv.engines.machine import this_machine
    from voicesrv.engines.model_catalogue import RECOMMENDED, named, recommended

    wanted: list[Model] = []
    for name in names:
        wanted += recommended(this_machine(), settings.language) if name == RECOMMENDED else [named(name)]
    return list(dict.fromkeys(wanted))


def _done(model: Model, is_new: bool) -> str:
    from importlib.util import find_spec

    from voicesrv.engines.model_files import place

    lines = [f"{model} {'is now' if is_new else 'was already'} in {place(model.engine, model.name)}"]
    if model.note:
        lines.append(f"  note: {model.note}")
    if model.engine == "piper" and find_spec("piper") is None:
        lines.append("  to speak with it: pip install 'voicesrv[piper]'")
    return "\n".join(lines)


@models.command()
def rm(names: Names) -> None:
    """Delete models, also half downloads."""
    from voicesrv.engines.model_store import remove

    for name in names:
        print(f"{name} deleted, {_size(remove(*_here(name)))} freed")


@models.command()
def path(
    name: Annotated[str, typer.Argument(help="Such as whisper:base.en; without one: the folder of all.")] = "",
) -> None:
    """Print where a model lies."""
    from voicesrv.engines.model_files import find, models_folder

    print(find(*_here(name)) if name else models_folder())


@models.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Without one: all.")] = None,
) -> None:
    """Compare models with their checksums."""
    from voicesrv.engines.model_catalogue import ENGINES
    from voicesrv.engines.model_files import on_disk
    from voicesrv.engines.model_store import verify as check
    from voicesrv.errors import EngineUnavailable

    all_here = [(engine, name) for engine in ENGINES for name in on_disk(engine)]
    failed = False
    for engine, name in [_here(each) for each in names] if names else all_here:
        try:
            told = "as it was published" if check(engine, name) else "whole; no checksum of it is known"
        except EngineUnavailable as error:
            print(f"voicesrv: {error}", file=sys.stderr)
            failed = True
            continue
        print(f"{engine}:{name}  {told}")
    if failed:
        raise typer.Exit(1)


def _here(name: str) -> tuple[str, str]:
    """Engine and name of a model that may be on disk, in the catalogue or not.

    Raises:
        ClientError: it can be neither.
    """
    from voicesrv.engines.model_catalogue import ENGINES, named
    from voicesrv.engines.model_files import is_name, on_disk
    from voicesrv.errors import ClientError, Code

    engine, colon, short = name.partition(":")
    if not is_name(short if colon else name):
        raise ClientError(Code.NOT_FOUND, f"{name[:200]!r} names no model; they are named such as whisper:base.en")
    if colon and engine in ENGINES:
        return engine, short
    for each in ENGINES:
        if not colon and name in on_disk(each):
            return each, name
    model = named(name)
    return model.engine, model.name


@models.command(
    "first-run",
    hidden=True,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
def first_run(
    context: typer.Context,
    stt: str | None = None,
    tts: str | None = None,
    language: str | None = None,
    config: ConfigFile = None,
    beside: Annotated[int | None, typer.Option(help="Process id of the server, with which it ends.")] = None,
) -> None:
    """For scripts/serve, with the arguments of ``serve``: download the recommended pair, once, beside the server."""
    from voicesrv.cli.models_first_run import begin

    if not {"-h", "--help"} & set(context.args):
        begin(config, beside, stt=stt, tts=tts, language=language)
