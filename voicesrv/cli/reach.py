"""Finding a server to talk to, or starting one inside this process."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from voicesrv.cli.start import read_settings

Url = Annotated[
    str | None,
    typer.Option("--url", help="Server to talk to; else one on port 8000 of this machine, else one inside this process."),
]
Token = Annotated[
    str | None,
    typer.Option("--token", envvar="VOICESRV_TOKEN", show_envvar=True, help="Key, where the server asks for one."),
]

_HOST, _PORT = "127.0.0.1", 8000
_PATIENCE_S = 1.0


@asynccontextmanager
async def reachable(url: str | None, config: Path | None) -> AsyncGenerator[str]:
    """Give the URL of a server: the one named, one that runs here, or one that runs as long as this context.

    Raises:
        ConfigError: the settings of the embedded server make no sense.
        EngineUnavailable: it has no engines.
    """
    if url is not None:
        yield url
        return
    if await asyncio.to_thread(answers, _HOST, _PORT):
        yield f"http://{_HOST}:{_PORT}"
        return
    from voicesrv.app import create_app
    from voicesrv.transport.server import running

    settings = read_settings(config, host=_HOST, port=0, log_level="warning")
    print(f"voicesrv: no server on port {_PORT}, starting one for this conversation", file=sys.stderr)
    async with running(create_app(settings), settings) as own:
        yield own


def answers(host: str, port: int) -> bool:
    """Whether a voicesrv runs there: a plain GET of ``/ws`` is told how to connect (``native.md``)."""
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/ws")
        body = json.loads(connection.getresponse().read(65_536))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(body, dict) and {"usage", "parameters", "example"} <= body.keys()
