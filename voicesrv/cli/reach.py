"""Finding a server to talk to, or starting one inside this process."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from voicesrv.cli.start import read_settings
from voicesrv.errors import ConfigError
from voicesrv_client import Settings, VoiceClient
from voicesrv_client.tls import trusting, trusting_anyone

HOST, PORT = "127.0.0.1", 8000
_ANSWERS_S = 1.0
"""A server on this machine that takes longer to say who it is counts as none."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server that a command is to talk to."""

    url: str | None
    """None for one that runs on this machine, else one inside this process."""
    token: str | None = field(repr=False)
    config: Path | None
    """The settings file of a server inside this process."""
    trust: ssl.SSLContext | None = None
    """Whom to trust at ``https``; None for whom this system trusts."""

    @asynccontextmanager
    async def connected(self, options: Settings) -> AsyncGenerator[VoiceClient]:
        """Give a conversation, on a server that runs at least as long.

        Raises:
            ConfigError: the URL, an option or a setting makes no sense.
            VoiceClientError: the server does not let it in, or is gone.
            EngineUnavailable: a server inside this process has no engines.
        """
        asked = {"stt": options.get("stt"), "llm": options.get("llm"), "tts": options.get("tts")}
        engines = {kind: name for kind, name in asked.items() if name is not None}
        async with self._running(engines) as (url, trusted):
            try:
                client = VoiceClient(url, token=self.token, ssl=trusted, **options)
            except ValueError as error:
                raise ConfigError(str(error)) from error
            async with client:
                yield client

    @asynccontextmanager
    async def _running(self, engines: Mapping[str, str]) -> AsyncGenerator[tuple[str, ssl.SSLContext | None]]:
        if self.url is not None:
            yield self.url, self.trust
        elif await asyncio.to_thread(is_voicesrv, HOST, PORT):
            yield f"http://{HOST}:{PORT}", None
        elif trusted := await asyncio.to_thread(_trusted_here, self.config):
            yield f"https://{HOST}:{PORT}", trusted
        else:
            async with _embedded(self.config, engines) as url:
                yield url, None


def trust(url: str | None, ca: Path | None, insecure: bool) -> ssl.SSLContext | None:
    """Read what ``--ca`` and ``--insecure`` say of the server at ``--url``; None where they say nothing.

    Raises:
        ConfigError: they make no sense, or the file cannot be read.
    """
    if ca is None and not insecure:
        return None
    if url is None or urlsplit(url).scheme not in ("https", "wss"):
        raise ConfigError("--ca and --insecure are for a server with TLS, named as in --url https://localhost:8000")
    if ca is None:
        return trusting_anyone()
    if insecure:
        raise ConfigError("--ca and --insecure cannot go together: one trusts some certificates, the other any")
    try:
        return trusting(ca)
    except ssl.SSLError as error:
        raise ConfigError(f"{ca}: is no certificate in PEM") from error
    except OSError as error:
        raise ConfigError(f"{ca}: cannot be read: {error.strerror}") from error


@asynccontextmanager
async def _embedded(config: Path | None, engines: Mapping[str, str]) -> AsyncGenerator[str]:
    # The whole server: nothing of it is loaded where one runs already.
    from voicesrv.app import create_app
    from voicesrv.transport.server import ServerOptions, running

    # Who gives the command runs this server, and may name any engine and model.
    settings = read_settings(config, host=HOST, port=0, api_keys=(), log_level="warning", **engines)
    print(f"voicesrv: no server on port {PORT}; starting one for this conversation", file=sys.stderr)
    async with running(create_app(settings, keeps=False), ServerOptions(host=HOST, port=0)) as url:
        yield url


def _trusted_here(config: Path | None) -> ssl.SSLContext | None:
    """What trusts the server on this machine that has a certificate of its own; None where there is none."""
    certificate = read_settings(config).state_folder / "tls" / "certificate.crt"
    try:
        trusted = trusting(certificate)
    except OSError:  # also an SSLError: nobody made one, or it is none
        return None
    return trusted if is_voicesrv(HOST, PORT, trusted) else None


def is_voicesrv(host: str, port: int, trusted: ssl.SSLContext | None = None) -> bool:
    """Whether one of ours listens there: a plain GET of ``/ws`` is told how to connect (``docs/protocol.md``).

    Args:
        host: where to look.
        port: where to look.
        trusted: whose certificate to trust; None for a server without TLS.
    """
    connection = (
        http.client.HTTPConnection(host, port, timeout=_ANSWERS_S)
        if trusted is None
        else http.client.HTTPSConnection(host, port, timeout=_ANSWERS_S, context=trusted)
    )
    try:
        connection.request("GET", "/ws")
        body = json.loads(connection.getresponse().read(65_536))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(body, dict) and {"usage", "parameters", "example"} <= body.keys()
