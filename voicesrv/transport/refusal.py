"""The one shape of an error, as the answer to a request or to a WebSocket that was not accepted yet."""

from __future__ import annotations

import contextlib
import http
import math
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from voicesrv.errors import ClientError
from voicesrv.protocols.jsons import dump
from voicesrv.protocols.native import HTTP_STATUS, PROTOCOL, NativeCodec, error_body, is_told_on_socket
from voicesrv.transport.wire import wire_of


def refusal(error: ClientError, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Answer a request, or a WebSocket that was not accepted yet, with an error.

    Args:
        error: what to tell.
        status: where it is not the code's own.
        headers: added to those that the error brings.
    """
    return JSONResponse(error_body(error), status or status_of(error), headers={**headers_of(error), **(headers or {})})


async def refuse(
    error: ClientError, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str] | None = None
) -> None:
    """Answer with an error over HTTP; or on the socket, where a WebSocket's URL asks for that with ``refuse=socket``.

    Args:
        error: what to tell.
        scope: of a request, or of a WebSocket that was not accepted yet and has a ``Wire``.
        receive: of ASGI.
        send: of ASGI.
        headers: added to those that the error brings, over HTTP.
    """
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    if scope["type"] != "websocket" or not is_told_on_socket(query):
        await refusal(error, headers=headers)(scope, receive, send)
        return
    code, reason = NativeCodec().refuse(error)
    with contextlib.suppress(OSError):  # the client went away meanwhile
        await send({"type": "websocket.accept", "subprotocol": subprotocol(scope)})
        # Cut, as whoever it is may now send: of a closing socket's messages up to 1 MiB would be kept, for 10 s.
        wire_of(scope).cut(code, reason, dump(error_body(error)))


def subprotocol(scope: Scope) -> str | None:
    """The subprotocol that a WebSocket is accepted with: the native one, if the client offers it."""
    offered = Headers(scope=scope).get("sec-websocket-protocol", "")
    return PROTOCOL if PROTOCOL in {each.strip() for each in offered.split(",")} else None


def raw_refusal(error: ClientError, status: int) -> bytes:
    """The same as bytes of HTTP/1.1, for what is refused before there is a request."""
    body = dump(error_body(error)).encode()
    lines = [
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
        *(f"{name}: {value}" for name, value in headers_of(error).items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def status_of(error: ClientError) -> int:
    """The HTTP status of an error; what is only ever said on a socket is a bad request."""
    return HTTP_STATUS.get(error.code, 400)


def headers_of(error: ClientError) -> dict[str, str]:
    """What the header says of an error: nothing of it is stored, and when to come back."""
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if error.retry_after_ms is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_ms / 1000)))
    if status_of(error) == 401:
        headers["www-authenticate"] = "Bearer"  # RFC 9110, 11.6.1: a 401 names the scheme
    return headers
