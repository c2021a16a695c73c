"""``voicesrv talk``: a conversation in the terminal, with recordings or a microphone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicesrv.cli.reach import Token, Url
from voicesrv.cli.start import ConfigFile


def talk(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Recordings to say, one after another; else a microphone.")
    ] = None,
    url: Url = None,
    token: Token = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Keep what was played of the replies as a WAV file.")] = None,
    play: Annotated[bool, typer.Option("--play/--no-play", help="Play replies on the speaker, where there is one.")] = True,
    agent: Annotated[str | None, typer.Option(help="Whom to talk to, as the server names them.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP-47 tag of what is said, or auto.")] = None,
    voice: Annotated[str | None, typer.Option(help="Voice of the replies.")] = None,
    stt: Annotated[str | None, typer.Option(help="Recogniser.")] = None,
    llm: Annotated[str | None, typer.Option(help="Language model.")] = None,
    tts: Annotated[str | None, typer.Option(help="Synthesiser.")] = None,
    endpointing_ms: Annotated[int, typer.Option(help="Silence that ends a turn.")] = 300,
    eager_ms: Annotated[int, typer.Option(help="Silence after which a reply is prepared; 0 never does.")] = 0,
    interrupt: Annotated[bool, typer.Option("--interrupt/--no-interrupt", help="Whether speech stops a reply.")] = True,
    config: ConfigFile = None,
) -> None:
    """Talk, and see what is understood, answered, and how long it took."""
    from voicesrv.cli.ending import run
    from voicesrv.cli.talking import Sound, talk_to

    options = {
        "agent": agent,
        "language": language,
        "voice": voice,
        "stt": stt,
        "llm": llm,
        "tts": tts,
        "endpointing_ms": endpointing_ms,
        "eager_ms": eager_ms,
        "interrupt": interrupt,
    }
    run(talk_to(files or [], Sound(play, out), url, token, config, options))
