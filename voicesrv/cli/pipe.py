"""``voicesrv pipe``: audio in on stdin, audio out on stdout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from voicesrv.cli.reach import Token, Url
from voicesrv.cli.start import ConfigFile


def pipe(
    url: Url = None,
    token: Token = None,
    mode: Annotated[
        Literal["converse", "listen", "speak"],
        typer.Option(help="listen gives transcripts alone; speak reads lines of text from stdin and says them."),
    ] = "converse",
    events: Annotated[Path | None, typer.Option(help="Keep every event here, one JSON object a line.")] = None,
    encoding: Annotated[str, typer.Option(help="Of stdin: linear16, mulaw, alaw or float32.")] = "linear16",
    rate: Annotated[int, typer.Option(help="Of stdin, in Hz.")] = 16000,
    channels: Annotated[int, typer.Option(help="Of stdin.")] = 1,
    output_encoding: Annotated[str, typer.Option(help="Of stdout: linear16, mulaw or alaw.")] = "linear16",
    output_rate: Annotated[int, typer.Option(help="Of stdout, in Hz.")] = 24000,
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
    """Have a conversation through stdin and stdout: bare audio, no header; the transcript goes to stderr.

    arecord -q -f S16_LE -r 16000 -c 1 | voicesrv pipe | aplay -q -f S16_LE -r 24000 -c 1
    """
    from voicesrv.cli.ending import run
    from voicesrv.cli.piping import pipe_to

    options = {
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
        "endpointing_ms": endpointing_ms,
        "eager_ms": eager_ms,
        "interrupt": interrupt,
    }
    run(pipe_to(events, url, token, config, options))
