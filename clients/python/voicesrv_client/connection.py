"""One WebSocket to the server: the only importer of ``websockets`` here."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import suppress
from typing import Any, Self, cast
from urllib.parse import urljoin, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from voicesrv_client.commands import encode
from voicesrv_client.errors import Closed, ProtocolError, Refused, Unreachable, Untrusted
from voicesrv_client.events import Ready, ServerError
from voicesrv_client.protocol import SUBPROTOCOL, build_url, parse_event

_MAX_MESSAGE = 4 << 20
"""Bytes. 100 ms of audio are 10 kB; the longest text is a turn's words or a resume's events."""
TRY_S = 30.0
"""For what may be no voicesrv at all; one takes up to 20 s for engines that are not open yet."""
_FAREWELL_S = 1.0
"""For a server that reads nothing more."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Connection:
    """A socket on which the server has said ``ready``."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._failure: ServerError | None = None

    @classmethod
    async def open(
        cls, url: str, token: str | None, trust: ssl.SSLContext | None = None, limit_s: float = TRY_S
    ) -> tuple[Self, Ready]:
        """Connect and wait for ``ready``.

        Args:
            url: ``ws`` or ``wss``.
            token: sent in a header.
            trust: for ``wss`` alone; None trusts whom this system trusts.
            limit_s: how long to wait for ``ready``.

        Raises:
            Unreachable: nothing answers in time, or not as a WebSocket server, or what is to be called is elsewhere;
                or there is no way to it, such as by a proxy that is none.
            Untrusted: its certificate does not hold.
            Refused: an HTTP error instead of the upgrade.
            Closed: closed before ``ready``; the reason is the code of the error that was sent first.
            ProtocolError: the first message is something else.
        """
        try:
            async with asyncio.timeout(limit_s):
                socket = await _connect(url, token, trust)
                try:
                    return cls(socket), await _first_event(socket)
                except BaseException:
                    await socket.close()
                    raise
        except TimeoutError as error:
            raise Unreachable(f"no voicesrv answers at {urlsplit(url).netloc} within {limit_s:.2g} s") from error

    async def receive(self) -> str | bytes:
        """Wait for the next message; cancelling loses none.

        Raises:
            Closed: by either side, or the connection broke (1006).
        """
        try:
            return await self._socket.recv()
        except ConnectionClosed as error:
            raise closed(error, self._failure) from error

    async def send(self, message: str | bytes) -> None:
        """Send a message; waits while too much is on its way.

        Raises:
            Closed: by either side, or the connection broke (1006).
        """
        try:
            await self._socket.send(message)
        except ConnectionClosed as error:
            raise closed(error) from error

    def explain(self, failure: ServerError) -> None:
        """Take the server's word on why it is about to close."""
        self._failure = failure

    async def leave(self) -> None:
        """End the conversation, with nothing more answered, and close; returns at once where it is closed."""
        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._socket.send(encode({"type": "close", "finish": False}))
        await self.close()

    async def close(self) -> None:
        """Close; returns at once where it is closed."""
        await self._socket.close()


class _Connect(connect):
    """Follows redirects within a server alone: another is given neither key nor conversation unasked."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Give the address to try next, or what is to be raised."""
        if not isinstance(exc, InvalidStatus) or exc.response.status_code // 100 != 3:
            return exc
        match exc.response.headers.get_all("Location"):
            case [location]:
                target = urljoin(self.uri, location)
            case _:
                return exc
        url = build_url(target, {})
        before, after = self.ws_uri, parse_uri(url)
        if (before.secure, before.host, before.port) == (after.secure, after.host, after.port):
            return url
        parts = urlsplit(target)
        address = f"{parts.scheme}://{parts.netloc}{parts.path}"  # without the query: a resume token may be in it
        host = urlsplit(self.uri).netloc
        return Unreachable(f"{host} redirects to {address}; if the server has moved there, use that address")


async def _connect(url: str, token: str | None, trust: ssl.SSLContext | None) -> ClientConnection:
    parts = urlsplit(url)
    host = parts.netloc
    try:
        return await _Connect(
            url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            ssl=trust or (True if parts.scheme == "wss" else None),
            compression=None,  # it does nothing for PCM and holds 30 kB a connection
            proxy=None if parts.hostname in _LOOPBACK else True,
            open_timeout=None,
            max_size=_MAX_MESSAGE,
            max_queue=64,
            close_timeout=2,
        )
    except InvalidStatus as error:
        raise refused(error.response) from error
    except ssl.SSLCertVerificationError as error:
        raise Untrusted(f"the certificate of {host} is not trusted: {error.verify_message}") from error
    except (OSError, ValueError, ImportError, WebSocketException) as error:  # an import: of what a SOCKS proxy needs
        raise Unreachable(f"no voicesrv answers at {host}: {str(error) or type(error).__name__}") from error


async def _first_event(socket: ClientConnection) -> Ready:
    failure: ServerError | None = None
    while True:
        try:
            message = await socket.recv()
        except ConnectionClosed as error:
            problem = closed(error, failure)
            reason = failure.message if failure is not None else problem.reason
            raise Closed(problem.code, reason or problem.reason, problem.retry_after_s) from error
        event = parse_event(message) if isinstance(message, str) else None
        match event:
            case Ready():
                return event
            case ServerError():
                failure = event
            case _:
                raise ProtocolError("the server did not begin with ready: it is no voicesrv")


def closed(error: ConnectionClosed, failure: ServerError | None = None) -> Closed:
    """Translate the library's exception; a connection that broke without a close frame is 1006.

    Args:
        failure: what the server said before.
    """
    frame = error.rcvd or error.sent
    after_ms = failure.retry_after_ms if failure is not None else None
    retry_after_s = None if after_ms is None else after_ms / 1000
    return Closed(frame.code, frame.reason, retry_after_s) if frame else Closed(1006, "", retry_after_s)


def refused(response: Response) -> Refused:
    """Read an HTTP error; the body is the error object of ``docs/protocol.md`` or anything."""
    try:
        body = cast(dict[str, Any], json.loads(response.body or b""))
        code, message = str(body["code"]), str(body["message"])
    except (ValueError, RecursionError, KeyError, TypeError):
        code, message = "", response.reason_phrase
    retry_after = response.headers.get("Retry-After", "")
    return Refused(
        response.status_code,
        code,
        f"the server refused the connection with {response.status_code}: {message}",
        float(retry_after) if retry_after.isdecimal() else None,
    )
