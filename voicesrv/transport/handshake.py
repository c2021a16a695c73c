"""The opening handshake of ``websockets``, refusing in our one shape of errors."""

from __future__ import annotations

import logging

from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import StatusLike

from voicesrv.errors import ClientError, Code
from voicesrv.protocols.jsons import dump
from voicesrv.protocols.native import error_body

_LOGGER = logging.getLogger("voicesrv.transport.frames")
_LOGGER.setLevel(logging.ERROR)  # at DEBUG ``websockets`` would log what people say


class Handshake(ServerProtocol):
    """Accepts and refuses WebSockets, and parses the frames that come after; no extension is spoken."""

    def __init__(self, max_size: int) -> None:
        """Await a request.

        Args:
            max_size: bytes of one message.
        """
        super().__init__(max_size=max_size, logger=_LOGGER)

    def accept(self, request: Request) -> Response:
        """Answer a handshake; a client of another version is told the one there is (RFC 6455, section 4.4)."""
        response = super().accept(request)
        if response.status_code == 400 and request.headers.get_all("Sec-WebSocket-Version") != ["13"]:
            response = self.reject(426, "Sec-WebSocket-Version: only 13 is spoken here")
            response.headers["Sec-WebSocket-Version"] = "13"
        return response

    def reject(self, status: StatusLike, text: str) -> Response:
        """Answer with an error."""
        response = super().reject(status, text)
        code = Code.TOO_LARGE if response.status_code in (414, 431) else Code.BAD_PARAMETER
        response.body = dump(error_body(ClientError(code, text.strip()))).encode()
        for name, value in (("Content-Length", str(len(response.body))), ("Content-Type", "application/json")):
            del response.headers[name]
            response.headers[name] = value
        return response
