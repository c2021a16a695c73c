"""What can go wrong between a client and the server, cut by what the caller can do about it.

::

    VoiceClientError
    ├── Unreachable   nothing answers there: is the server up, are the address and the proxy right?
    ├── Untrusted     its certificate is not one to be trusted: see ``voicesrv_client.tls``
    ├── Refused       the server said no before the conversation began; the message says why
    ├── Closed        the conversation is over and trying again unchanged is in vain
    └── ProtocolError what came is not ``voicesrv.v1``: is it another server?
"""

from __future__ import annotations


class VoiceClientError(Exception):
    """Root of everything this package raises on purpose."""


class Unreachable(VoiceClientError):
    """No server answers at the address: there is none, it has moved, no way leads to it, or it says nothing in time."""


class Untrusted(VoiceClientError):
    """The server's certificate is self-signed, expired, for another name, or otherwise not to be trusted."""


class Refused(VoiceClientError):
    """The server answered the upgrade with an HTTP error.

    Attributes:
        status: the HTTP status, 400–599.
        code: the error's code, as ``docs/protocol.md`` lists them; empty where the body has none.
        retry_after_s: when trying again may help; None where the server names no time.
    """

    def __init__(self, status: int, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


class Closed(VoiceClientError):
    """The connection is over.

    Attributes:
        code: the WebSocket close code.
        reason: the close reason, which for a fatal error is its code.
        retry_after_s: when trying again may help; None where the server names no time.
    """

    def __init__(self, code: int, reason: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(f"the connection was closed: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s


class ProtocolError(VoiceClientError):
    """A message that ``voicesrv.v1`` does not allow."""
