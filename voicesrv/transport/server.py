"""Serves an ASGI app on a socket of our own making, and stops it without losing what is under way.

uvicorn gives the protocols; the server around them is ours, because uvicorn's re-raises the signal
that stopped it (so the exit code is not 0), turns an error at start into ``sys.exit``, closes the
listening socket before the app has said goodbye, and wakes ten times a second to look for all that.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicesrv.errors import ClientError, Code, ConfigError
from voicesrv.transport import descriptors
from voicesrv.transport.http_protocol import HttpProtocol
from voicesrv.transport.refusal import refuse
from voicesrv.transport.state import ServerState
from voicesrv.transport.tls import accepting, towards_tls
from voicesrv.transport.websocket_protocol import WebSocketProtocol
from voicesrv.transport.wire import ServerOptions, Wire

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # Windows
    from asyncio import new_event_loop

__all__ = ["Drain", "ServerOptions", "Wire", "running", "serve"]

Drain = Callable[[], Awaitable[None]]
"""Says goodbye on every open connection and returns when all are closed; an app's is ``app.state.drain``."""

_CLOSE_S = 2.0
"""For connections to end once they were told to; then they are dropped."""
_LIFESPAN_S = 3.0
"""For the app to put its things away. With ``drain_s`` 10 all of it stays within 15 s."""
_RETRY_AFTER_MS = 5000
"""Told to those who come while the server stops."""
_BACKLOG = 2048

logger = logging.getLogger(__name__)


def serve(app: ASGIApp, options: ServerOptions, listening: Callable[[str], None] = lambda url: None) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return; a second signal ends the process at once.

    While it drains, ``/healthz`` answers and everything else is refused with 503 and ``Retry-After``;
    it takes at most ``drain_s`` and five seconds. The process is let have as many files open as that takes.

    Args:
        app: its lifespan must be supported; what it raises there is raised here. If it has a
            ``state.drain``, that is called first when the server stops.
        options: where to listen, and the bounds of each connection.
        listening: called with the URL once clients can connect.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    descriptors.allow(options.max_connections)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(app, options, listening))


async def _serve(app: ASGIApp, options: ServerOptions, listening: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with _running(app, options, stop.set) as url:
        logger.info("listening on %s", url)
        listening(url)
        await stop.wait()
        logger.info("stopping")


@contextlib.asynccontextmanager
async def running(app: ASGIApp, options: ServerOptions | None = None, drain: Drain | None = None) -> AsyncIterator[str]:
    """Serve an app in the running loop for as long as the context lasts.

    Args:
        app: see ``serve``; it is drained when the context is left without an exception.
        options: by default a free port of 127.0.0.1.

    Yields:
        Where to reach it, such as ``http://127.0.0.1:8000``; ``https`` where ``options.tls`` is given.

    Raises:
        ConfigError: the address cannot be listened on.

    Cancelling is safe and skips the draining.
    """
    async with _running(app, options or ServerOptions(port=0), lambda: None) as url:
        yield url


@contextlib.asynccontextmanager
async def _running(app: ASGIApp, options: ServerOptions, when_app_ends: Callable[[], None]) -> AsyncIterator[str]:
    state = ServerState()
    with contextlib.closing(_listen(options)) as listening:  # before the app starts: a taken port fails at once
        async with _lifespan(app, when_app_ends) as app_state:
            try:
                async with _accepting(listening, _unless_draining(app, state), options, state, app_state):
                    yield _url(listening, options)
                    state.is_draining = True
                    await _drain(app, options.drain_s)
            finally:
                state.is_draining = True
                await _close_all(state)


@contextlib.asynccontextmanager
async def _accepting(
    listening: socket.socket, app: ASGIApp, options: ServerOptions, state: ServerState, app_state: dict[str, Any]
) -> AsyncIterator[None]:
    """Accept connections for as long as the context lasts; those that there are then stay."""
    loop = asyncio.get_running_loop()

    def serving(app: ASGIApp) -> Callable[[], asyncio.Protocol]:
        config = uvicorn.Config(app, ws=WebSocketProtocol, lifespan="off", log_config=None, proxy_headers=False)
        config.load()
        return lambda: HttpProtocol(options, config, state, app_state, loop)

    if options.tls is not None:
        listening.listen(_BACKLOG)
        to_app, elsewhere = serving(app), serving(towards_tls(app))
        async with accepting(
            listening,
            options.tls,
            to_app,
            elsewhere,
            timeout_s=options.header_timeout_s,
            max_silent=options.max_connections,
        ):
            yield
        return
    server = await loop.create_server(serving(app), sock=listening, backlog=_BACKLOG)
    try:
        yield
    finally:
        server.close()


async def _drain(app: ASGIApp, within_s: float) -> None:
    drain: Drain | None = getattr(getattr(app, "state", None), "drain", None)
    if drain is None:
        return
    try:
        async with asyncio.timeout(within_s):
            await drain()
    except TimeoutError:
        logger.warning("some connections were still open after %g s", within_s)
    except Exception:  # the server stops all the same
        logger.exception("draining failed")


async def _close_all(state: ServerState) -> None:
    """End what connections and requests there still are: first kindly, then not."""
    for connection in list(state.connections):
        connection.shutdown()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            if state.tasks:
                await asyncio.wait(state.tasks)
            if state.connections:
                await state.empty.wait()
    for connection in list(state.connections):
        connection.transport.abort()
    tasks = list(state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _lifespan(app: ASGIApp, when_ended: Callable[[], None]) -> AsyncIterator[dict[str, Any]]:
    """Run the app's own start and end (the ASGI lifespan protocol); yields the state it made.

    What the app raises at its start or end is raised here, as it is. ``when_ended`` is called when the
    app's part is over, which before the context is left means that it failed.
    """
    state: dict[str, Any] = {}
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    started = asyncio.get_running_loop().create_future()

    async def send(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            started.set_result(None)

    async def run() -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        await app(scope, inbox.get, send)

    inbox.put_nowait({"type": "lifespan.startup"})
    task = asyncio.create_task(run(), name="lifespan")
    task.add_done_callback(lambda _: when_ended())
    try:
        await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            task.result()
            raise RuntimeError("the app returned before it had started")
        try:
            yield state
        finally:
            inbox.put_nowait({"type": "lifespan.shutdown"})
            await asyncio.wait({task}, timeout=_LIFESPAN_S)
        if task.done():
            task.result()
        else:
            logger.error("the app did not put its things away within %g s", _LIFESPAN_S)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _unless_draining(app: ASGIApp, state: ServerState) -> ASGIApp:
    """Refuse everything but the probe of life once the server stops; it still accepts, so that it can."""
    error = ClientError(Code.SHUTTING_DOWN, "the server stops", retry_after_ms=_RETRY_AFTER_MS)

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        if state.is_draining and scope["path"] != "/healthz":
            await refuse(error, scope, receive, send, {"connection": "close"})
        else:
            await app(scope, receive, send)

    return gate


def _listen(options: ServerOptions) -> socket.socket:
    """Make the listening socket; those that it accepts inherit its options.

    Raises:
        ConfigError: the address is taken, or is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigError(f"host: {options.host!r} is no address of this machine: {error.strerror}") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "linux":
            # A client that stops reading would otherwise hold the connection, and 4 MB of the kernel's
            # memory, for as long as it likes. Linux doubles the size it is given (man 7 socket).
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, options.tcp_user_timeout_ms)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.send_buffer_bytes // 2)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise ConfigError(_why_not(options, error)) from error
    return listening


def _why_not(options: ServerOptions, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port: {options.port} of {options.host} is taken, maybe by another voicesrv; "
            "stop what listens there, or choose another port (0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return f"port: {options.port} is for the system's own services; choose one of 1024–65535"
    return f"host: {options.host!r} is no address of this machine: {error.strerror}"


def _url(listening: socket.socket, options: ServerOptions) -> str:
    scheme = "http" if options.tls is None else "https"
    host, port = listening.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _stop_on_signals(stop: asyncio.Event) -> None:
    """Set ``stop`` on SIGTERM or SIGINT, and let the next one end the process as if nobody listened."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def once() -> None:
        stop.set()
        for each in signals:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for each in signals:
        loop.add_signal_handler(each, once)
