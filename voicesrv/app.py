"""``create_app``: the one place where parts meet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from voicesrv import metrics
from voicesrv.conversation.hub import Hub, HubOptions
from voicesrv.conversation.participant import Setup
from voicesrv.errors import ClientError, Code, ConfigError, EngineUnavailable
from voicesrv.options import Options
from voicesrv.settings import DEFAULT_AGENT, Settings
from voicesrv.shelf import AUTO, EngineShelf
from voicesrv.transport.connection import ConnectionOptions
from voicesrv.transport.websocket import NativeEndpoint

logger = logging.getLogger(__name__)


class Resolver:
    """Turns a connection's options into open engines and the agent's words."""

    def __init__(self, shelf: EngineShelf, settings: Settings) -> None:
        self._shelf = shelf
        self._settings = settings

    async def __call__(self, options: Options) -> Setup:
        """Find the agent and open what is named; ``auto`` is the agent's choice, else the operator's.

        Raises:
            ClientError: ``not_found``, or ``overloaded`` where an engine cannot be had now.
        """
        agent = self._settings.agents.get(options.agent)
        if agent is None:
            known = ", ".join(sorted(self._settings.agents))
            raise ClientError(Code.NOT_FOUND, f"agent: there is no {options.agent!r}; known are {known}")
        get = self._shelf.get
        try:
            # The language model and the voice are opened for listeners too: a mode may change.
            vad = await get("vad")
            stt = await get("stt", options.stt)
            llm = await get("llm", agent.llm if options.llm == AUTO and agent.llm else options.llm)
            tts = await get("tts", agent.tts if options.tts == AUTO and agent.tts else options.tts)
        except EngineUnavailable as error:
            raise ClientError(Code.OVERLOADED, f"an engine cannot be had now: {error}", retry_after_ms=5000) from error
        except ConfigError as error:
            logger.error("%s", error)
            raise ClientError(Code.OVERLOADED, "an engine's settings are wrong; the server's log says how") from error
        instructions = "\n\n".join(part for part in (agent.instructions, options.instructions) if part)
        return Setup(
            options=options,
            vad=vad,
            stt=stt,
            llm=llm,
            tts=tts,
            instructions=instructions,
            voice=options.voice or agent.voice or self._settings.voice,
            tools=(*agent.tools, *options.tools),
            greeting=agent.greeting,
        )
