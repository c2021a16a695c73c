"""The HTTP endpoints beside the WebSocket, and the one shape of every error.

A ``Guard`` goes around the app, ``error_handlers()`` into it, and ``routes()`` come last in it: their
last one answers for every WebSocket path that nobody else has.
"""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from voicesrv import metrics
from voicesrv.errors import ClientError, Code
from voicesrv.options import Options
from voicesrv.protocols.native import PROTOCOL, QUERY_OPTIONS, error_body
from voicesrv.transport.auth import Access
from voicesrv.transport.refusal import headers_of, refusal, refuse

WEBSOCKET_PATHS = ("/ws", "/v1/stream")

logger = logging.getLogger(__name__)

Ready = Callable[[], Awaitable[ClientError | None]]
"""Why the server cannot take a conversation now; None where it can. Called often."""


class Shelf(Protocol):
    """Knows the engines that a client may name."""

    def choices(self) -> Mapping[Any, Any]:
        """Lists of dataclasses by kind."""
        ...


def routes(access: Access, shelf: Shelf, ready: Ready, defaults: Options | None = None) -> list[BaseRoute]:
    """Make the routes; put them after the app's own.

    Args:
        access: asked by everything but the probes and the usage.
        shelf: what ``/v1/engines`` lists.
        ready: what ``/readyz`` answers.
        defaults: of a client that sets nothing, as the usage of ``/ws`` shows them.
    """

    async def healthz(request: Request) -> Response:
        return Response(b"ok\n", media_type="text/plain", headers=_NO_STORE)

    async def readyz(request: Request) -> Response:
        error = await ready()
        return _json({"ready": True}) if error is None else refusal(error)

    async def metrics_(request: Request) -> Response:
        access.admit(request.scope)
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST, headers=_NO_STORE)

    async def engines(request: Request) -> Response:
        access.admit(request.scope)
        return _json({kind: [_plain(each) for each in of_kind] for kind, of_kind in shelf.choices().items()})

    async def token(request: Request) -> Response:
        text, life_s = access.issue_token(access.admit(request.scope))
        return _json({"token": text, "expires_in_s": life_s})

    async def usage(request: Request) -> Response:
        return refusal_with_usage(request, defaults or Options())

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics_, methods=["GET"]),
        Route("/v1/engines", engines, methods=["GET"]),
        Route("/v1/token", token, methods=["POST"]),
        *(Route(path, usage, methods=["GET"]) for path in WEBSOCKET_PATHS),
        WebSocketRoute("/{path:path}", _no_websocket),
    ]


def refusal_with_usage(request: Request, defaults: Options) -> JSONResponse:
    """Tell somebody who opened a WebSocket's address as a page how to connect."""
    path = request.scope["path"]
    error = ClientError(Code.BAD_PARAMETER, f"{path} is a WebSocket; connect with a WebSocket client")
    shown = defaults.public()
    parameters = {name: shown[name] for name in QUERY_OPTIONS} | dict.fromkeys(("conversation", "resume", "token"))
    host = request.headers.get("host", "localhost:8000")
    return _json(
        {
            **error_body(error),
            "usage": f"Open a WebSocket here (subprotocol {PROTOCOL}, optional). Send audio as binary messages and "
            "commands as JSON text; the query parameters below, with their defaults, say how.",
            "parameters": {**parameters, "after": 0},
            "example": f"{'wss' if request.url.is_secure else 'ws'}://{host}{path}?mode=listen&language=en",
        },
        400,
    )


def error_handlers() -> dict[Any, ExceptionHandler]:
    """What Starlette is to make of exceptions: one shape for all."""

    async def client_error(request: Any, error: Exception) -> Response:
        assert isinstance(error, ClientError)
        metrics.ERRORS.labels(error.code.value).inc()
        return refusal(error)

    async def http_error(request: Any, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return refusal(ClientError(Code.NOT_FOUND, "no such path"))
        allowed = (error.headers or {}).get("Allow", "")
        message = f"method: {request.method} is not one of {allowed}" if allowed else str(error.detail)
        return refusal(ClientError(Code.BAD_PARAMETER, message), status=error.status_code, headers=error.headers)

    return {ClientError: client_error, HTTPException: http_error}


class Guard:
    """ASGI middleware around everything: no exception gets out, and no answer lacks its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; WebSockets pass through, since their own protocol class guards them."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("referrer-policy", "no-referrer")  # a page's URL may hold a token
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            request_id = uuid.uuid4().hex[:12]
            logger.exception("%s %s failed, request id %s", scope["method"], scope["path"], request_id)
            error = ClientError(Code.INTERNAL, f"request id {request_id}")
            metrics.ERRORS.labels(error.code.value).inc()
            if started:
                raise  # half an answer is out; the server can only cut it off
            await refusal(error, headers={"connection": "close"})(scope, receive, send_with_headers)


async def _no_websocket(websocket: WebSocket) -> None:
    error = ClientError(Code.NOT_FOUND, "no WebSocket at this path")
    metrics.ERRORS.labels(error.code.value).inc()
    await refuse(error, websocket.scope, websocket.receive, websocket.send)


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def _json(body: Any, status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, headers=_NO_STORE)


_NO_STORE = headers_of(ClientError(Code.NOT_FOUND, ""))
