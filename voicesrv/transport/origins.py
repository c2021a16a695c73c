"""Which names this server is addressed by, and which web pages may use it. Pure.

A page of any site can open a WebSocket to any address the browser reaches, this machine's loopback
among them; the browser only says which page it was (``Origin``). And a page whose own name is made to
resolve to this machine (DNS rebinding) has an origin that equals the host, so the host is checked too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_PORTS = {"http": 80, "https": 443}


class Doors:
    """The hosts and origins that are let in."""

    def __init__(
        self,
        allowed_hosts: Iterable[str],
        allowed_origins: Iterable[str],
        *,
        loopback_only: bool,
        is_open: bool,
        certified: Iterable[str] = (),
    ) -> None:
        """Take the operator's lists.

        Args:
            allowed_hosts: names without port; ``*`` for any. Empty: loopback names where ``loopback_only``,
                else any.
            allowed_origins: such as ``https://example.org``, compared whole; ``*`` for any.
            loopback_only: whether the server listens on a loopback address.
            is_open: whether no key is asked for. A name that public DNS could give to any address then
                makes a page no page of ours, unless it is among ``allowed_hosts``.
            certified: names of the certificate that this server shows. Who makes another name resolve to this
                machine has a page that the browser finds no certificate for.
        """
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in allowed_origins)
        self._any_host = "*" in self._hosts or not (self._hosts or loopback_only)
        self._is_open = is_open
        self._certified = frozenset(name.lower() for name in certified)

    def allows_host(self, host: str) -> bool:
        """Whether a ``Host`` header names this server."""
        name = _split_host(host)[0]
        return self._any_host or name in self._hosts or _is_loopback(name)

    def allows_origin(self, origin: str, host: str, port: int | None) -> bool:
        """Whether a page may connect.

        Args:
            origin: the ``Origin`` header.
            host: the ``Host`` header, which is allowed.
            port: the one that the server listens on.
        """
        origin = origin.lower()
        if "*" in self._origins or origin in self._origins:
            return True
        try:
            parts = urlsplit(origin)
            origin_port = parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):  # "null", or no web page
            return False
        if origin != f"{parts.scheme}://{parts.netloc}":
            return False
        name = _split_host(parts.netloc)[0]
        if _is_loopback(name) and _is_loopback(_split_host(host)[0]) and origin_port == port:
            return True  # localhost and 127.0.0.1 are the same server, but not the same origin
        host_name, host_port = _split_host(host)
        if (name, origin_port) != (host_name, host_port or _PORTS[parts.scheme]):
            return False
        is_certified = parts.scheme == "https" and name in self._certified
        return not self._is_open or name in self._hosts or is_certified or _cannot_be_rebound(name)


def _split_host(host: str) -> tuple[str, int | None]:
    """Name and port of ``name:port``; an IPv6 address keeps its brackets."""
    name, colon, port = host.lower().rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or (":" in name and not name.endswith("]")):
        return host.lower(), None
    return name, int(port)


def _is_loopback(name: str) -> bool:
    return name in _LOOPBACK or name.endswith(".localhost")


def _cannot_be_rebound(name: str) -> bool:
    """Whether no stranger can make a name resolve to what they like: an address, or a local name."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name or name.endswith((".local", ".localhost"))
    return True
