"""``voicesrv serve``: the server."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from voicesrv.cli.start import ConfigFile, read_settings

if TYPE_CHECKING:
    from voicesrv.settings import Settings

_DEFAULT_PORT = 8000


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 unless set.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 8000 unless set, 0 takes a free one.")] = None,
    vad: Annotated[str | None, typer.Option(help="Voice activity detector; see voicesrv engines.")] = None,
    stt: Annotated[str | None, typer.Option(help="Recogniser.")] = None,
    llm: Annotated[str | None, typer.Option(help="Language model: an engine, or PROVIDER:MODEL.")] = None,
    tts: Annotated[str | None, typer.Option(help="Synthesiser.")] = None,
    voice: Annotated[str | None, typer.Option(help="Voice of the synthesiser.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP-47 tag, or auto.")] = None,
    max_conversations: Annotated[int | None, typer.Option(help="Conversations held at once.")] = None,
    lead_ms: Annotated[int | None, typer.Option(help="How far ahead of real time audio is sent.")] = None,
    idle_timeout_s: Annotated[float | None, typer.Option(help="Silence after which a connection is closed.")] = None,
    drain_s: Annotated[float | None, typer.Option(help="Time that connections get when the server stops.")] = None,
    log_level: Annotated[str | None, typer.Option(help="critical, error, warning, info or debug.")] = None,
    open_access: Annotated[
        bool | None, typer.Option("--open-access", help="Serve an address that others can reach without keys.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Start the server.

    Keys are set by VOICESRV_API_KEYS or in the settings file, never on a command line.
    """
    settings = read_settings(
        config,
        host=host,
        port=port,
        vad=vad,
        stt=stt,
        llm=llm,
        tts=tts,
        voice=voice,
        language=language,
        max_conversations=max_conversations,
        lead_ms=lead_ms,
        idle_timeout_s=idle_timeout_s,
        drain_s=drain_s,
        log_level=log_level,
        open_access=open_access,
    )

    from voicesrv.app import create_app, server_options
    from voicesrv.transport.logs import configure
    from voicesrv.transport.server import serve as serve_app

    configure(settings.log_level)
    serve_app(
        create_app(settings),
        server_options(settings),
        lambda url: print(greeting(settings, _own_command(), int(url.rpartition(":")[2])), file=sys.stderr),
    )


def greeting(settings: Settings, command: str, port: int) -> str:
    """Say how to talk to the server, in lines that can be pasted.

    Args:
        settings: those in force.
        command: how this program is called from where the reader is.
        port: what it listens on; the settings' own may stand for any.
    """
    from voicesrv.settings import is_loopback

    host = settings.host if is_loopback(settings.host) else "localhost"
    at = f"{f'[{host}]' if ':' in host else host}:{port}"
    to = "" if at in (f"127.0.0.1:{_DEFAULT_PORT}", f"localhost:{_DEFAULT_PORT}") else f" --url http://{at}"
    lines = [
        f"voicesrv on http://{at} (WebSocket: ws://{at}/ws)",
        "Talk to it from another terminal, with a microphone, with a recording, or through a pipe:",
        f"  {command} talk{to}",
        f"  {command} talk{to} recording.wav",
        f"  arecord -q -f S16_LE -r 16000 -c 1 | {command} pipe{to} | aplay -q -f S16_LE -r 24000 -c 1",
    ]
    if settings.api_keys:
        lines.append("It asks for a key: put one of yours in VOICESRV_TOKEN there.")
    elif settings.open_access and not is_loopback(settings.host):
        lines.append("It serves everybody who can reach this machine, without a key (open_access).")
    return "\n".join(lines)


def _own_command() -> str:
    """This program as it can be called from here: by its name where that is found, else by its path."""
    found = shutil.which("voicesrv")
    if found is not None and os.path.realpath(found) == os.path.realpath(sys.argv[0]):
        return "voicesrv"
    return os.path.relpath(sys.argv[0])
