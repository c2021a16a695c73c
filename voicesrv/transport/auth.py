"""Who may use the server: host, origin, key, in that order; and how often a wrong key may be tried."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import Scope

from voicesrv.errors import ClientError, Code, ConfigError
from voicesrv.transport.addresses import names, network_of
from voicesrv.transport.keys import LOCAL, TOKEN_LIFE_S, TOKEN_PREFIX, Identity, KeyRing, Tokens
from voicesrv.transport.limits import TokenBucket
from voicesrv.transport.origins import Doors, split_host
from voicesrv.transport.state import REFUSED

SUBPROTOCOL_PREFIX = "token."
"""A browser cannot set ``Authorization`` on a WebSocket, but it can offer ``token.KEY`` as a subprotocol."""
_UNGUESSABLE = 22
"""Characters from which on a key is let in whoever shares its address guesses at others: behind a proxy that may be
anybody. Drawn at random, so many letters and digits are 128 bits, and so is a token. Shorter ones are refused with the
guesses, or guessing would go on."""
_FAILURES = 10
_FAILURES_PER_S = _FAILURES / 60
_MAX_ADDRESSES = 10_000
"""Addresses with wrong keys that are remembered; the one unheard of for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """Who is let in."""

    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """As ``KeyRing`` takes them; empty asks for none."""
    open_access: bool = False
    """Serve an address that others can reach without any key."""
    allowed_origins: tuple[str, ...] = ()
    """Beside pages of this server; ``*`` for any."""
    allowed_hosts: tuple[str, ...] = ()
    """Names of this server beside those that it knows for its own; ``*`` for any, as is empty where keys are asked for
    and others can reach it (see ``Doors``)."""
    certified_names: tuple[str, ...] = ()
    """Those of the certificate that the server shows; empty without TLS."""


class Access:
    """Lets clients in or says why not."""

    def __init__(self, options: AccessOptions, host: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the operator's choices.

        Args:
            options: who is let in.
            host: the address that the server listens on.
            clock: seconds, never going back.

        Raises:
            ConfigError: a key makes no sense, or others can reach the server and no key is asked for.
        """
        self._keys = KeyRing(options.api_keys)
        is_loopback = _is_loopback(host)
        if not (self._keys or options.open_access or is_loopback):
            raise ConfigError(
                f"host: {host!r} can be reached by others; set api_keys so that only those who have one get in, "
                "or open_access to serve everybody"
            )
        self._doors = Doors(
            options.allowed_hosts,
            options.allowed_origins,
            loopback_only=is_loopback,
            is_open=not self._keys,
            own=(host,) if is_loopback else (host, *names()),
            certified=options.certified_names,
        )
        self._tokens = Tokens()
        self._clock = clock
        self._failures: OrderedDict[str, TokenBucket] = OrderedDict()

    def admit(self, scope: Scope) -> Identity:
        """Tell who asks, by the scope of a request or of a WebSocket that was not accepted yet.

        A key comes as ``Authorization: Bearer KEY``, as the query parameter ``token``, or as an offered
        subprotocol ``token.KEY``; a token serves in the same places.

        Raises:
            ClientError: ``origin_not_allowed``, ``unauthorized`` or ``rate_limited``.
        """
        connection = HTTPConnection(scope)
        self._check_doors(connection)
        if not self._keys:
            return LOCAL
        shown = _shown_key(connection)
        if shown is None:
            raise ClientError(
                Code.UNAUTHORIZED,
                "no key: send Authorization: Bearer KEY, or the query parameter token, or the subprotocol token.KEY",
            )
        now = self._clock()
        redeem = shown.startswith(TOKEN_PREFIX)
        identity = self._tokens.redeem(shown, now) if redeem else self._keys.find(shown)
        if identity is not None and len(shown) >= _UNGUESSABLE:
            return identity
        address = network_of(connection.client.host if connection.client else "")
        failures = self._failures.get(address)
        if failures is not None and failures.left(now) < 1:
            raise ClientError(
                Code.RATE_LIMITED, "too many wrong keys from this address", retry_after_ms=failures.wait_ms(now)
            )
        if identity is None:
            self._count_failure(address, now)
            raise ClientError(Code.UNAUTHORIZED, "this token has ended or was used" if redeem else "no such key")
        return identity

    @property
    def asks_for_keys(self) -> bool:
        """Whether anybody needs one."""
        return bool(self._keys)

    def issue_token(self, identity: Identity) -> tuple[str, float]:
        """Make a token for somebody who was let in with a key; with it comes its life in seconds.

        Raises:
            ClientError: ``forbidden``; a token does not get another.
        """
        if identity.is_short_lived:
            raise ClientError(Code.FORBIDDEN, "a token cannot be used to get another; use the key")
        return self._tokens.issue(identity, self._clock()), TOKEN_LIFE_S

    def _check_doors(self, connection: HTTPConnection) -> None:
        hosts = connection.headers.getlist("host")
        for host in hosts:
            if not self._doors.allows_host(host):
                name, _ = split_host(host) or (host, None)
                raise _shut(
                    connection,
                    f"Host {_cut(name)} is no name that this server knows for its own; the setting allowed_hosts can "
                    "add it",
                )
        server = connection.scope.get("server")
        for origin in connection.headers.getlist("origin"):
            if not self._doors.allows_origin(origin, hosts[0] if hosts else "", server[1] if server else None):
                message = f"Origin {_cut(origin)} may not connect; the setting allowed_origins can add it"
                raise _shut(connection, message)

    def _count_failure(self, address: str, now: float) -> None:
        failures = self._failures.pop(address, None) or TokenBucket(_FAILURES_PER_S, _FAILURES, now)
        failures.take(now)
        self._failures[address] = failures
        if len(self._failures) > _MAX_ADDRESSES:
            self._failures.popitem(last=False)


def _shut(connection: HTTPConnection, message: str) -> ClientError:
    """Refuse at the doors, and say so in the log as well: whoever can add the name may not see the answer."""
    REFUSED.info("%s: 403 %s", connection.client.host if connection.client else "-", message)
    return ClientError(Code.ORIGIN_NOT_ALLOWED, message)


def _shown_key(connection: HTTPConnection) -> str | None:
    """The key or token of a request; None where it shows none."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    if "token" in connection.query_params:
        return connection.query_params["token"]
    for offered in _offered_subprotocols(connection):
        if offered.startswith(SUBPROTOCOL_PREFIX):
            return offered.removeprefix(SUBPROTOCOL_PREFIX)
    return None


def _offered_subprotocols(connection: HTTPConnection) -> Sequence[str]:
    lines = connection.headers.getlist("sec-websocket-protocol")
    return [offered.strip() for line in lines for offered in line.split(",")]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _cut(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:61] + "...")
