"""uvicorn's HTTP protocol with bounds on the header: its time, its size and its number of lines."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from voicesrv import metrics
from voicesrv.errors import ClientError, Code
from voicesrv.transport.addresses import network_of
from voicesrv.transport.origins import split_host
from voicesrv.transport.refusal import raw_refusal, refuse
from voicesrv.transport.state import LINGER_S, REFUSED, ServerState, half_close
from voicesrv.transport.websocket_protocol import WebSocketProtocol
from voicesrv.transport.wire import ServerOptions

_OVERFLOW = 64
"""Connections over the limit that are heard before they are refused: a browser tells a page nothing of what is said
before it asked, and nothing of HTTP to a WebSocket."""
_FULL = ClientError(Code.OVERLOADED, "too many connections", retry_after_ms=1000)
_NO_HOST = ClientError(Code.BAD_PARAMETER, "Host: needed once, as a name or address with or without a port")


class HttpProtocol(HttpToolsProtocol):
    """One connection, until it is upgraded."""

    def __init__(
        self,
        options: ServerOptions,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._options = options
        self._state = server_state
        self._timer: asyncio.TimerHandle | None = None  # while a header is awaited, or after a refusal
        self._in_header = False
        self._header_bytes = 0
        self._fault: tuple[ClientError, int] | None = None
        self._is_refused = False
        self._address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._address = network_of(self.client[0] if self.client else "")
        n_over = len(self.connections) - self._options.max_connections
        if n_over <= 0 or self._takes_a_place():
            self._state.idle.enter(self, self._address)
        elif n_over <= _OVERFLOW:
            self.app = _no_room
        else:
            self._refuse(_FULL, 503)
            return
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        self._state.idle.leave(self, self._address)
        super().connection_lost(exc)
        self._state.left()

    def data_received(self, data: bytes) -> None:
        """Take bytes as they arrive, cut anywhere."""
        if self._is_refused:
            return
        self._unset_keepalive_if_required()
        was_in_header = self._in_header
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(*(self._fault or (ClientError(Code.BAD_PARAMETER, "not an HTTP/1.1 request"), 400)))
            return
        if self._in_header and was_in_header:
            # One endless line never reaches ``on_header``; lines that do are counted exactly there.
            self._header_bytes += len(data)
            if self._header_bytes > self._options.max_header_bytes + self._options.max_url_bytes:
                self._refuse(*self._too_large())
                return
        if self._is_idle() and self._timer is None and self.timeout_keep_alive_task is None:
            self._await_header()  # bytes that begin no request stopped the keep-alive timer

    # --- the parser's callbacks; what one raises reaches ``data_received`` as a parser error ------

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_header = True
        self._header_bytes = 0
        if self._timer is None:
            self._await_header()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        super().on_url(url)
        if len(self.url) > self._options.max_url_bytes:
            self._fault = (ClientError(Code.TOO_LARGE, f"URL over {self._options.max_url_bytes} bytes"), 414)
            raise ValueError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line."""
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value) + 4  # colon, space, CR, LF
        if len(self.headers) > self._options.max_headers or self._header_bytes > self._options.max_header_bytes:
            self._fault = self._too_large()
            raise ValueError

    def on_headers_complete(self) -> None:
        """Start the app, unless the request asks for an upgrade."""
        self._in_header = False
        self._stop_timer()
        version = self.parser.get_http_version()
        if version == "0.9":  # the parser takes "GET /" for a request
            raise ValueError
        if not self._names_a_host(version):
            self._fault = _NO_HOST, 400
            raise ValueError
        self._state.idle.leave(self, self._address)
        super().on_headers_complete()

    # --- the end of an answer -------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        super().on_response_complete()
        if self._is_idle() and not self.transport.is_closing():
            self._state.idle.enter(self, self._address)

    # --- the end of HTTP ------------------------------------------------------------------------

    def _upgrade(self, rest: bytes) -> None:
        """Hand the connection to the WebSocket protocol, with what came after the request."""
        if self.scope["http_version"] != "1.1":
            self._refuse(ClientError(Code.BAD_PARAMETER, "a WebSocket needs HTTP/1.1"), 400)
            return
        lines = [self.scope["method"].encode() + b" " + self.url + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in self.headers]
        self.connections.discard(self)
        protocol = WebSocketProtocol(self._options, self.config, self._state, self.app_state, self.loop)
        protocol.app = self.app
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(b"\r\n".join(lines) + b"\r\n\r\n")
        if rest:
            protocol.data_received(rest)
        self.parser = None  # type: ignore[assignment]  # they hold each other

    def _await_header(self) -> None:
        self._timer = self.loop.call_later(self._options.header_timeout_s, self._overdue)

    def _overdue(self) -> None:
        if self._in_header:
            message = f"no whole header within {self._options.header_timeout_s:g} s"
            self._refuse(ClientError(Code.IDLE, message), 408)
        else:
            self.transport.close()

    def _too_large(self) -> tuple[ClientError, int]:
        options = self._options
        message = f"header over {options.max_header_bytes} bytes or {options.max_headers} lines"
        return ClientError(Code.TOO_LARGE, message), 431

    def _refuse(self, error: ClientError, status: int) -> None:
        """Answer what is no request that the app could be given, and end the connection."""
        metrics.ERRORS.labels(error.code.value).inc()
        REFUSED.info("%s: %d %s", f"{self.client[0]}:{self.client[1]}" if self.client else "-", status, error.message)
        self._is_refused = True
        self._stop_timer()
        if not self._is_idle():
            self.transport.abort()  # an answer in the middle of another would be taken for a part of it
            return
        self.transport.write(raw_refusal(error, status))
        half_close(self.transport)
        self._timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def _takes_a_place(self) -> bool:
        """Have a connection that asks nothing give way, of an address that has more of them; say whether one did.

        An answer is complete when the app has handed it over, not when it is sent. Who still reads one is passed
        over, until it has read it. TLS does not show what waits below it; there an answer is only safe
        that fits into the kernel's buffer (``send_buffer_bytes``), as all of this server's own do.
        """
        other = self._state.idle.evict(self._address, may_go=_has_read_all)
        if other is None:
            return False
        metrics.DROPS.labels("http_idle").inc()
        other.transport.abort()
        return True

    def _names_a_host(self, version: str) -> bool:
        """Whether there is one Host that is a host (RFC 9112, section 3.2); HTTP/1.0 had none."""
        hosts = [value.decode("latin-1") for name, value in self.headers if name == b"host"]
        if not hosts:
            return version == "1.0"
        return len(hosts) == 1 and split_host(hosts[0]) is not None

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, for all its annotation
        return cycle is None or cycle.response_complete

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _has_read_all(connection: HttpProtocol) -> bool:
    return connection.transport.get_write_buffer_size() == 0


async def _no_room(scope: Scope, receive: Receive, send: Send) -> None:
    """An app for those who are one too many."""
    metrics.ERRORS.labels(_FULL.code.value).inc()
    await refuse(_FULL, scope, receive, send, {"connection": "close"})
