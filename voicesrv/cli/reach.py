"""Finding a server to talk to, or starting one inside this process."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from voicesrv.cli.start import read_settings
from voicesrv.client import Upkeep, VoiceClient
from voicesrv.client.protocol import OptionValue
from voicesrv.errors import ConfigError

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

    @asynccontextmanager
    async def connected(self, options: Mapping[str, OptionValue | None]) -> AsyncGenerator[VoiceClient]:
        """Give a conversation, on a server that runs at least as long.

        Raises:
            ConfigError: the URL, an option or a setting makes no sense.
            VoiceClientError: the server does not let it in, or is gone.
            EngineUnavailable: a server inside this process has no engines.
        """
        engines = {kind: name for kind in ("stt", "llm", "tts") if (name := options.get(kind)) is not None}
        async with self._running(engines) as url:
            try:
                client = VoiceClient(url, token=self.token, upkeep=Upkeep(), **options)
            except ValueError as error:
                raise ConfigError(str(error)) from error
            async with client:
                yield client

    @asynccontextmanager
    async def _running(self, engines: Mapping[str, OptionValue]) -> AsyncGenerator[str]:
        if self.url is not None:
            yield self.url
        elif await asyncio.to_thread(is_voicesrv, HOST, PORT):
            yield f"http://{HOST}:{PORT}"
        else:
            async with _embedded(self.config, engines) as url:
                yield url


@asynccontextmanager
async def _embedded(config: Path | None, engines: Mapping[str, OptionValue]) -> AsyncGenerator[str]:
    # The whole server: nothing of it is loaded where one runs already.
    from voicesrv.app import create_app
    from voicesrv.transport.server import ServerOptions, running

    # Who gives the command runs this server, and may name any engine and model.
    settings = read_settings(config, host=HOST, port=0, api_keys=(), log_level="warning", **engines)
    print(f"voicesrv: no server on port {PORT}; starting one for this conversation", file=sys.stderr)
    async with running(create_app(settings, keeps=False), ServerOptions(host=HOST, port=0)) as url:
        yield url


def is_voicesrv(host: str, port: int) -> bool:
    """Whether one of ours listens there: a plain GET of ``/ws`` is told how to connect (``docs/protocol.md``)."""
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWERS_S)
    try:
        connection.request("GET", "/ws")
        body = json.loads(connection.getresponse().read(65_536))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(body, dict) and {"usage", "parameters", "example"} <= body.keys()
