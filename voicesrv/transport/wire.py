"""What lies between a WebSocket's messages and the kernel: its bounds, and what the pump may ask of it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from voicesrv.errors import ClientError

EXTENSION = "voicesrv.wire"
"""Where an ASGI scope of ours holds its ``Wire``, under ``extensions``."""

Farewell = Callable[[ClientError], str | None]
"""Words the reason of a close as the dialect's last text message; None for no message."""


class Wire(Protocol):
    """The socket under one WebSocket; every method returns at once."""

    farewell: Farewell | None
    """Asked when the wire itself ends the connection (a message too large, invalid UTF-8, a ping flood)."""

    def write_buffer_size(self) -> int:
        """Bytes that were sent but that the kernel has not taken; at most 64 KiB and one message."""
        ...

    def cut(self, close_code: int, reason: str, last: str | None = None) -> None:
        """Write a last text message and a close frame past every queue, and end the connection within a second.

        For a client that does not read: ``websocket.close`` would wait for it. The app's ``receive``
        yields the disconnect at once.

        Args:
            close_code: 1000–4999.
            reason: at most 123 bytes of UTF-8.
            last: one text message.
        """
        ...

    def abort(self) -> None:
        """Drop the connection and all that waits to be sent."""
        ...


def wire_of(scope: Mapping[str, Any]) -> Wire:
    """The wire of a WebSocket's scope.

    Raises:
        KeyError: another server than ours made the scope.
    """
    return cast(Wire, scope["extensions"][EXTENSION])


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen, and the bounds of every connection below its messages."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 takes a free one."""
    tls: ssl.SSLContext | None = None
    """Speaks https and wss where it is given; who comes without is sent there."""
    ws_ping_interval_s: float = 20.0
    """Between the pings that tell a dead client."""
    ws_ping_timeout_s: float = 20.0
    """For the pong; a client that does not answer is cut a second later."""
    max_pings_per_s: float = 5.0
    """Pings, and pongs nobody asked for, that a client may send on average; ten seconds' worth may come at once."""
    max_binary_bytes: int = 1 << 20
    """Of one binary message."""
    max_text_bytes: int = 64 * 1024
    """Of one text message."""
    max_fragments: int = 1000
    """Of one message."""
    max_waiting_messages: int = 16
    """Received and not yet taken by the app; then reading pauses."""
    header_timeout_s: float = 10.0
    """From the connect, or from the first byte of a later request, to the end of its header. With TLS, also for its
    first byte, and for its handshake."""
    max_header_bytes: int = 32 * 1024
    """Of all header lines of a request."""
    max_headers: int = 100
    max_url_bytes: int = 8 * 1024
    max_connections: int = 4096
    """Open sockets. For one more, one that asks nothing is dropped, if its address has more of those; else the new one
    is answered 503, some few of them once they have said whether they want that on the socket. With TLS, also those
    that have said nothing yet, of which one is dropped for one more."""
    tcp_user_timeout_ms: int = 30_000
    """How long the kernel keeps data that the client does not acknowledge (Linux)."""
    send_buffer_bytes: int = 256 * 1024
    """Kernel memory for what a client has not read."""
    drain_s: float = 10.0
    """For open connections to finish when the server stops."""
