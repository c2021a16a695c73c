"""``create_app``: the one place where parts meet."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from voicesrv import metrics
from voicesrv.conversation.hub import Hub, HubOptions
from voicesrv.conversation.participant import Setup
from voicesrv.engines.base import Stt, Tts, primary_language
from voicesrv.errors import ClientError, Code, ConfigError, EngineUnavailable
from voicesrv.options import Options, bad_parameter
from voicesrv.settings import Settings
from voicesrv.shelf import AUTO, EngineShelf
from voicesrv.stores.files import FileStore
from voicesrv.transport import http, info, pages
from voicesrv.transport.auth import Access, AccessOptions
from voicesrv.transport.connection import ConnectionOptions
from voicesrv.transport.tls import Certificate
from voicesrv.transport.websocket import NativeEndpoint, WebSockets
from voicesrv.transport.wire import ServerOptions

logger = logging.getLogger(__name__)

PAGES = Path(__file__).with_name("pages")
"""Where ``clients/`` is compiled to."""

LOOK_EVERY_S = 1.0
"""How often the loop's lag is measured."""


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
        for kind in ("stt", "llm", "tts"):
            self._check_named(kind, getattr(options, kind))
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
        check_language(options, stt)
        voice = options.voice or agent.voice or self._settings.voice
        check_voice(voice, tts)
        instructions = "\n\n".join(part for part in (agent.instructions, options.instructions) if part)
        return Setup(
            options=options,
            vad=vad,
            stt=stt,
            llm=llm,
            tts=tts,
            instructions=instructions,
            voice=voice,
            tools=(*agent.tools, *options.tools),
            greeting=agent.greeting,
        )

    def _check_named(self, kind: str, name: str) -> None:
        """Let clients name engines, and of models those that the operator has named.

        Each name is an engine that stays open: any other would be at the operator's cost.
        """
        agents = self._settings.agents.values()
        named = {AUTO, getattr(self._settings, kind), *(getattr(agent, kind, "") for agent in agents)}
        named |= set(self._settings.llm_models) if kind == "llm" else set()
        if ":" in name and name not in named:
            raise ClientError(Code.NOT_FOUND, f"{kind}: {name!r} is not among the models that this server offers")


def check_language(options: Options, stt: Stt) -> None:
    """Say at once that a language is not understood, not turn by turn.

    Raises:
        ClientError: ``bad_parameter``, naming what the recogniser has.
    """
    known = stt.capabilities.languages
    if options.mode == "speak" or options.language == "auto" or "*" in known:
        return
    if primary_language(options.language) not in map(primary_language, known):
        allowed = f"not understood by {stt.name}; allowed are auto, {', '.join(known)}"
        raise bad_parameter("language", options.language, allowed)


def check_voice(voice: str, tts: Tts) -> None:
    """Say at once that there is no such voice, not at the first reply.

    Raises:
        ClientError: ``not_found``, naming some that there are.
    """
    voices, variants = tts.capabilities.voices, tts.capabilities.variants
    if voice and not tts.capabilities.has(voice):
        allowed = f"it has {len(voices)}, such as {', '.join(voices[:8])}"
        if variants:
            allowed += f", each with variants, such as {voices[0]}+{variants[0]}"
        raise ClientError(Code.NOT_FOUND, f"voice: {tts.name} has no {voice!r}; {allowed}")


def create_app(settings: Settings, *, keeps: bool = True, certificate: Certificate | None = None) -> Starlette:
    """Make the server's ASGI application; nothing is opened before it is started.

    Args:
        settings: all of them.
        keeps: whether conversations are kept for the next process when this one stops; one that
            nobody can come back to (a command's own, a measurement's) keeps nothing.
        certificate: the one that the server shows; None without TLS.

    Its ``state.drain`` is to be awaited when the server stops (``transport.server.serve``).

    Raises:
        ConfigError: settings that make no sense together.
    """
    shelf = EngineShelf(settings)
    store = FileStore(settings.state_folder) if keeps else None
    hub = Hub(Resolver(shelf, settings), _hub_options(settings), store, shelf.room)
    keys = tuple(key.get_secret_value() for key in settings.api_keys)
    certified = certificate.names if certificate is not None else ()
    access = Access(
        AccessOptions(keys, settings.open_access, settings.allowed_origins, settings.allowed_hosts, certified),
        settings.host,
    )
    defaults = Options(
        # Several engines that stand in for one another are no name that a client could give: ``auto`` leads to them.
        stt=AUTO if "," in settings.stt else settings.stt,
        llm=settings.llm,
        tts=AUTO if "," in settings.tts else settings.tts,
        voice=settings.voice,
        language=settings.language,
    )
    native = NativeEndpoint(hub, access.admit, defaults, _connection_options(settings))

    async def ready() -> ClientError | None:
        if hub.draining:
            return ClientError(Code.SHUTTING_DOWN, "the server is stopping")
        missing = await shelf.warm()
        return ClientError(Code.OVERLOADED, "; ".join(missing)) if missing else None

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with shelf:
            for problem in await shelf.warm():
                logger.warning("%s", problem)
            if store is not None:
                await asyncio.to_thread(store.sweep)
            metrics.ROOM.set_function(lambda: hub.room)
            metrics.CAPACITY.set(settings.max_conversations)
            metrics.STARTED.set(time.time())
            async with hub:
                watching = asyncio.create_task(_watch_loop())
                try:
                    yield
                finally:
                    watching.cancel()

    routes: list[BaseRoute] = [
        *info.routes(access, shelf, _about(settings, defaults, certificate)),
        *http.routes(access, shelf, ready, defaults),
        *(pages.routes(PAGES) if settings.pages else ()),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(http.Guard),
            Middleware(WebSockets, endpoints=dict.fromkeys(http.WEBSOCKET_PATHS, native)),
        ],
        exception_handlers=http.error_handlers(),
        lifespan=lifespan,
    )
    # Starlette would send on who has a slash too many, and to whatever host was named.
    app.router.redirect_slashes = False
    # What was told is sent within the last second of the time that the server gives itself.
    app.state.drain = lambda: hub.drain(max(0.0, settings.drain_s - 1))
    return app


def server_options(settings: Settings, certificate: Certificate | None = None) -> ServerOptions:
    """What the settings say about the sockets.

    Raises:
        ConfigError: the certificate cannot be used.
    """
    return ServerOptions(
        host=settings.host,
        port=settings.port,
        tls=certificate.context() if certificate is not None else None,
        max_text_bytes=settings.max_text_bytes,
        max_binary_bytes=settings.max_binary_bytes,
        drain_s=settings.drain_s,
    )


def _about(settings: Settings, defaults: Options, certificate: Certificate | None) -> info.About:
    public = certificate.public if certificate is not None else None
    return info.About(
        version=version("voicesrv"),
        agents=tuple(settings.agents.values()),
        defaults=defaults,
        has_tls=certificate is not None,
        certificate=public.read_bytes() if public is not None else None,
    )


def _hub_options(settings: Settings) -> HubOptions:
    return HubOptions(
        max_conversations=settings.max_conversations,
        lead_ms=settings.lead_ms,
        resume_window_s=settings.resume_window_s,
    )


def _connection_options(settings: Settings) -> ConnectionOptions:
    return ConnectionOptions(
        idle_timeout_s=settings.idle_timeout_s,
        max_text_bytes=settings.max_text_bytes,
        max_binary_bytes=settings.max_binary_bytes,
    )


async def _watch_loop() -> None:
    """Measure how late the loop runs its timers: the first sign of a server with too much to do."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOK_EVERY_S
        await asyncio.sleep(LOOK_EVERY_S)
        metrics.LOOP_LAG.observe(max(0.0, loop.time() - due))
