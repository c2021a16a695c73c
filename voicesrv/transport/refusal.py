"""The one shape of an error over HTTP, for answers before the upgrade too."""

from __future__ import annotations

import http
import math
from collections.abc import Mapping

from starlette.responses import JSONResponse

from voicesrv.errors import ClientError
from voicesrv.protocols.jsons import dump
from voicesrv.protocols.native import HTTP_STATUS, error_body


def refusal(error: ClientError, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Answer a request, or a WebSocket that was not accepted yet, with an error.

    Args:
        error: what to tell.
        status: where it is not the code's own.
        headers: added to those that the error brings.
    """
    return JSONResponse(error_body(error), status or status_of(error), headers={**headers_of(error), **(headers or {})})


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
