"""``voicesrv serve``: the server."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicesrv.cli.greeting import EVERYWHERE, greeting
from voicesrv.cli.start import ConfigFile, read_settings

if TYPE_CHECKING:
    from voicesrv.settings import Settings
    from voicesrv.transport.tls import Certificate


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
    idle_timeout_s: Annotated[
        float | None, typer.Option(help="Seconds within which a client has to send something.")
    ] = None,
    drain_s: Annotated[float | None, typer.Option(help="Time that connections get when the server stops.")] = None,
    log_level: Annotated[str | None, typer.Option(help="critical, error, warning, info or debug.")] = None,
    open_access: Annotated[
        bool | None, typer.Option("--open-access", help="Serve an address that others can reach without keys.")
    ] = None,
    tls: Annotated[
        str | None,
        typer.Option(
            metavar="self-signed|FILE", help="Speak https, which browsers ask for before they give a microphone."
        ),
    ] = None,
    tls_key: Annotated[str | None, typer.Option(metavar="FILE", help="Key of the certificate; PEM.")] = None,
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
        tls=tls,
        tls_key=tls_key,
    )

    from voicesrv.app import create_app, server_options
    from voicesrv.transport.logs import configure
    from voicesrv.transport.server import serve as serve_app

    configure(settings.log_level)
    certificate = certificate_of(settings)

    def listening(url: str) -> None:
        port = int(url.rpartition(":")[2])
        print(greeting(settings, _own_command(), port, lan_of(settings), certificate), file=sys.stderr)

    serve_app(create_app(settings, certificate=certificate), server_options(settings, certificate), listening)


def certificate_of(settings: Settings) -> Certificate | None:
    """The certificate that the settings ask for; None where they ask for none.

    Raises:
        ConfigError: it cannot be read, made or used.
    """
    if not settings.tls:
        return None
    # Loaded with TLS alone: what makes certificates takes 50 ms.
    from voicesrv.settings import SELF_SIGNED
    from voicesrv.transport import addresses, certificates

    if settings.tls != SELF_SIGNED:
        return certificates.given(Path(settings.tls), Path(settings.tls_key) if settings.tls_key else None)
    asked = [settings.host, *settings.allowed_hosts]
    names = [each for each in asked if each not in EVERYWHERE and addresses.is_host(each)]
    return certificates.self_signed(
        settings.state_folder / "tls", [*addresses.names(), *map(str, addresses.addresses()), *names]
    )


def lan_of(settings: Settings) -> list[str]:
    """Addresses that others on the network reach the server by."""
    from voicesrv.settings import is_loopback
    from voicesrv.transport import addresses

    if settings.host not in EVERYWHERE:
        return [] if is_loopback(settings.host) else [settings.host]
    return [str(each) for each in addresses.addresses() if each.version == 4 or settings.host != "0.0.0.0"]


def _own_command() -> str:
    """This program as it can be called from here: by its name where that is found, else by its path."""
    found = shutil.which("voicesrv")
    if found is not None and os.path.realpath(found) == os.path.realpath(sys.argv[0]):
        return "voicesrv"
    return os.path.relpath(sys.argv[0])
