"""``voicesrv pipe``: audio in on stdin, audio out on stdout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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


def pipe(
    url: Url = None,
    token: Token = None,
    mode: Annotated[
        Literal["converse", "listen", "speak"],
        typer.Option(help="listen: transcripts alone; speak: stdin is lines of text, which are said."),
    ] = "converse",
    events: Annotated[Path | None, typer.Option(help="Keep every event here, one JSON object a line.")] = None,
    encoding: Annotated[
        Literal["linear16", "mulaw", "alaw", "float32"], typer.Option(help="Of the audio on stdin.")
    ] = "linear16",
    rate: Annotated[int, typer.Option(min=8000, max=48000, help="Of the audio on stdin, in Hz.")] = 16000,
    channels: Annotated[int, typer.Option(min=1, max=2, help="Of the audio on stdin.")] = 1,
    output_encoding: Annotated[
        Literal["linear16", "mulaw", "alaw"], typer.Option(help="Of the audio on stdout.")
    ] = "linear16",
    output_rate: Annotated[int, typer.Option(help="Of the audio on stdout, in Hz.")] = 24000,
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
    """Have a conversation through stdin and stdout: bare audio without a header; what is said goes to stderr.

    \b
    arecord -q -f S16_LE -r 16000 -c 1 |
      voicesrv pipe | aplay -q -f S16_LE -r 24000 -c 1
    """
    from voicesrv.cli.ending import run
    from voicesrv.cli.piping import pipe_to
    from voicesrv.cli.reach import Server, trust

    options: Settings = {
        "mode": mode,
        "encoding": encoding,
        "sample_rate": rate,
        "channels": channels,
        "output_encoding": output_encoding,
        "output_sample_rate": output_rate,
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
    run(pipe_to(Server(url, token, config, trust(url, ca, insecure)), options, events))
