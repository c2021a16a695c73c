"""The native WebSocket route: who may connect, to which conversation; then the connection runs itself."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from voicesrv import metrics
from voicesrv.conversation.hub import Hub
from voicesrv.conversation.seat import Join, Seat
from voicesrv.errors import ClientError, Code
from voicesrv.options import Options
from voicesrv.protocols import native
from voicesrv.transport.connection import Connection, ConnectionOptions
from voicesrv.transport.keys import Identity
from voicesrv.transport.refusal import refuse, subprotocol
from voicesrv.transport.rights import check_mode
from voicesrv.transport.wire import wire_of

logger = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 20.0
"""For engines that a connection names and that are not open yet; under a client's own open timeout."""

MAX_FIELDS = 100
"""Query parameters that are looked at."""

Admit = Callable[[Scope], Identity]
"""Who connects. Raises ``ClientError``: ``unauthorized``, ``origin_not_allowed`` or ``rate_limited``."""


class WebSockets:
    """ASGI middleware that takes WebSockets to their endpoints before anything else sees them.

    A route would do, but the framework wraps ``receive`` and ``send`` of every route, twice, for
    errors that an endpoint here handles itself; at 50 messages a second each way that is felt.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, ASGIApp]) -> None:
        """Args:
        app: what everything else goes to.
        endpoints: by path.
        """
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._endpoints.get(scope["path"], self._app) if scope["type"] == "websocket" else self._app
        await app(scope, receive, send)


class NativeEndpoint:
    """Serves ``/ws``; an ASGI application for WebSocket scopes alone."""

    def __init__(self, hub: Hub, admit: Admit, defaults: Options, options: ConnectionOptions) -> None:
        """Args:
        hub: where conversations are.
        admit: decides who may connect.
        defaults: the options of a client that sets none.
        options: bounds of each connection.
        """
        self._hub = hub
        self._admit = admit
        self._defaults = defaults
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            identity = self._admit(scope)
            seat = await self._seat(scope, identity)
        except ClientError as error:
            metrics.ERRORS.labels(error.code.value).inc()
            await refuse(error, scope, receive, send)
            return
        except Exception:
            request_id = uuid.uuid4().hex[:12]
            logger.exception("a connection could not be made, request id %s", request_id)
            await refuse(ClientError(Code.INTERNAL, f"request id {request_id}"), scope, receive, send)
            return
        codec = native.NativeCodec()
        connection = Connection(seat, identity, codec, receive, send, wire_of(scope), self._options, self._defaults)
        with metrics.CONNECTIONS.track_inprogress():
            try:
                await send({"type": "websocket.accept", "subprotocol": subprotocol(scope)})
            except OSError:  # the client went away meanwhile
                seat.give_up()
                return
            await connection.run()

    async def _seat(self, scope: Scope, identity: Identity) -> Seat:
        connect = native.parse_query(_query(scope), self._defaults)
        if connect.resume is None:
            check_mode(identity, connect.options)
        join = Join(identity.name, connect.options, connect.conversation, connect.resume, connect.after, connect.has)
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                return await self._hub.join(join)
        except TimeoutError:
            message = f"the engines asked for are still being loaded after {JOIN_TIMEOUT_S:.0f} s"
            raise ClientError(Code.OVERLOADED, message, retry_after_ms=5000) from None


def _query(scope: Scope) -> dict[str, str]:
    try:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise ClientError(Code.BAD_PARAMETER, f"query: over {MAX_FIELDS} parameters") from None
    return dict(pairs)
