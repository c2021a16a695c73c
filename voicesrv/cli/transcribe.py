"""``voicesrv transcribe``: recordings in, text or subtitles out, without a server."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from voicesrv.cli.choices import Keyterms
from voicesrv.cli.start import ConfigFile, read_settings

if TYPE_CHECKING:
    from voicesrv.cli.recording import Turn
    from voicesrv.engines.base import Stt, SttOptions, Vad
    from voicesrv.settings import Settings

STDIN = Path("-")


class Format(enum.StrEnum):
    """What is written for a recording."""

    TXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Any audio or video file; - reads stdin.")],
    txt: Annotated[bool, typer.Option("--txt", help="A line for each turn; the default.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="An object a line for each file, with word times.")] = False,
    srt: Annotated[bool, typer.Option("--srt", help="SubRip subtitles.")] = False,
    vtt: Annotated[bool, typer.Option("--vtt", help="WebVTT subtitles.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write FOLDER/NAME.txt, .json, … for each file."),
    ] = None,
    stt: Annotated[str | None, typer.Option(help="Engine; see voicesrv engines.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP-47 tag of what is spoken, or auto.")] = None,
    keyterms: Keyterms = None,
    config: ConfigFile = None,
) -> None:
    """Transcribe recordings, without a server."""
    from voicesrv.engines.base import SttOptions
    from voicesrv.options import Options, changed

    asked = {Format.TXT: txt, Format.JSON: as_json, Format.SRT: srt, Format.VTT: vtt}
    formats = [each for each, wanted in asked.items() if wanted] or [Format.TXT]
    if len(formats) > 1:
        raise typer.BadParameter(f"--{formats[0]} and --{formats[1]} cannot go together")
    if len(files) > 1 and output is None and formats[0] in (Format.SRT, Format.VTT):
        raise typer.BadParameter("subtitles of several files cannot share stdout; name a folder with --output")
    settings = read_settings(config, stt=stt, language=language)
    if output is not None:
        if len({_target(file, formats[0], output) for file in files}) < len(files):
            raise typer.BadParameter("two of the files would be written under one name")
        output.mkdir(parents=True, exist_ok=True)
    terms = changed(Options(), {"keyterms": keyterms or ""}).keyterms
    if not asyncio.run(_all(files, formats[0], output, settings, SttOptions(settings.language, keyterms=terms))):
        sys.exit(1)


async def _all(
    files: Sequence[Path], form: Format, folder: Path | None, settings: Settings, options: SttOptions
) -> bool:
    """Do one file after the other; a bad one does not stop the rest. True where all went well."""
    from voicesrv.errors import ClientError, EngineError
    from voicesrv.shelf import EngineShelf

    well = True
    async with EngineShelf(settings) as shelf:
        vad, stt = await asyncio.gather(shelf.get("vad"), shelf.get("stt"))
        if options.keyterms and not stt.capabilities.keyterms:
            print(f"voicesrv: {stt.name} takes no key terms; it goes on without", file=sys.stderr)
        for file in files:
            try:
                with _sink(file, form, folder) as sink:
                    if form is Format.TXT and len(files) > 1 and folder is None:
                        print(f"==> {file} <==", file=sink)
                    await _one(file, form, sink, vad, stt, options)
            except (ClientError, EngineError) as error:
                print(f"voicesrv: {file}: {error}", file=sys.stderr)
                well = False
    return well


async def _one(file: Path, form: Format, sink: TextIO, vad: Vad, stt: Stt, options: SttOptions) -> None:
    from voicesrv.audio.files import decode
    from voicesrv.cli.recording import transcribe as transcribe_recording

    turns: list[Turn] = []

    def on_turn(turn: Turn) -> None:
        turns.append(turn)
        if form is Format.TXT and turn.text:
            print(turn.text, file=sink, flush=True)

    with _progress(file) as on_progress:
        blocks = decode(sys.stdin.buffer if file == STDIN else file)
        duration_ms = await transcribe_recording(blocks, vad, stt, options, on_turn, on_progress)
    sink.writelines(_rendered(form, file, turns, duration_ms))


def _rendered(form: Format, file: Path, turns: Sequence[Turn], duration_ms: int) -> Iterator[str]:
    """What is written once all of a file is known."""
    from voicesrv.cli import subtitles

    if form is Format.JSON:
        shown = [dataclasses.asdict(turn) for turn in turns if turn.text]
        text = " ".join(turn.text for turn in turns if turn.text)
        whole = {"file": str(file), "duration_ms": duration_ms, "text": text, "turns": shown}
        yield json.dumps(whole, ensure_ascii=False) + "\n"
    elif form in (Format.SRT, Format.VTT):
        lines = (cue for turn in turns for cue in subtitles.cues(turn.text, turn.words, turn.start_ms, turn.end_ms))
        yield from subtitles.srt(lines) if form is Format.SRT else subtitles.vtt(lines)


def _target(file: Path, form: Format, folder: Path) -> Path:
    return folder / f"{'stdin' if file == STDIN else file.stem}.{form}"


@contextmanager
def _sink(file: Path, form: Format, folder: Path | None) -> Iterator[TextIO]:
    from voicesrv.errors import ConfigError

    if folder is None:
        yield sys.stdout
        return
    target = _target(file, form, folder)
    try:
        opened = target.open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error.strerror}") from error
    with opened:
        yield opened


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], object]]:
    """Show a bar on a terminal's stderr, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from voicesrv.audio.files import duration_s

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        seconds = None if file == STDIN else duration_s(file)
        task = progress.add_task(file.name, total=None if seconds is None else seconds * 1000)
        yield lambda read_ms: progress.update(task, completed=read_ms)
