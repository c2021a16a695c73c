"""The server under load: ``python -m voicesrv.bench.server`` runs one in a process of its own.

It reads a ``Serving`` as JSON from stdin, writes its URL, and serves until stdin ends. Where it cannot serve it
writes why instead, in one line.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys

import uvloop

from voicesrv.app import create_app
from voicesrv.bench.orders import Serving
from voicesrv.errors import VoicesrvError
from voicesrv.settings import Settings, load
from voicesrv.transport.server import ServerOptions, running


def settings_for(serving: Serving) -> Settings:
    """The settings of a server under load.

    Raises:
        ConfigError: those of the environment or of ``voicesrv.toml`` make no sense.
    """
    if serving.null:
        null = "null"
        return Settings(
            vad=null, stt=null, llm=null, tts=null, max_conversations=serving.conversations, log_level="warning"
        )
    return load({"max_conversations": serving.conversations, "api_keys": (), "log_level": "warning"})


async def serve(settings: Settings) -> None:
    """Serve on a free port until stdin ends."""
    async with running(create_app(settings, keeps=False), ServerOptions(port=0)) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Serve what stdin asks for."""
    serving = Serving(**json.loads(sys.stdin.readline()))
    if serving.core is not None:
        os.sched_setaffinity(0, {serving.core})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(settings_for(serving)))
        except VoicesrvError as error:
            print(*str(error).split(), flush=True)


if __name__ == "__main__":
    main()
