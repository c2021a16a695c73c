"""``voicesrv talk``: a conversation in the terminal, with recordings or a microphone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicesrv.cli.choices import (
    Agent,
    Ca,
    EagerMs,
    EndpointingMaxMs,
    EndpointingMs,
    Insecure,
    Interrupt,
    Keyterms,
    Language,
    Llm,
    Stt,
    Token,
    Tts,
    Url,
    Voice,
)
from voicesrv.cli.start import ConfigFile

if TYPE_CHECKING:
    from voicesrv_client import Settings


def talk(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Recordings to say; none: the microphone.")
    ] = None,
    url: Url = None,
    token: Token = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Keep the replies, as played, in a WAV file.")] = None,
    play: Annotated[bool, typer.Option("--play/--no-play", help="Whether to play replies aloud.")] = True,
    agent: Agent = None,
    language: Language = None,
    voice: Voice = None,
    stt: Stt = None,
    llm: Llm = None,
    tts: Tts = None,
    keyterms: Keyterms = None,
    endpointing_ms: EndpointingMs = None,
    endpointing_max_ms: EndpointingMaxMs = None,
    eager_ms: EagerMs = 0,
    interrupt: Interrupt = True,
    ca: Ca = None,
    insecure: Insecure = False,
    config: ConfigFile = None,
) -> None:
    """Talk, and see what is understood and answered, and how long it took."""
    from voicesrv.cli.ending import run
    from voicesrv.cli.reach import Server, trust
    from voicesrv.cli.talking import talk_to

    options: Settings = {
        "agent": agent,
        "language": language,
        "voice": voice,
        "stt": stt,
        "llm": llm,
        "tts": tts,
        "keyterms": keyterms,
        "endpointing_ms": endpointing_ms,
        "endpointing_max_ms": endpointing_max_ms,
        "eager_ms": eager_ms,
        "interrupt": interrupt,
    }
    run(talk_to(Server(url, token, config, trust(url, ca, insecure)), options, files or [], aloud=play, out=out))
