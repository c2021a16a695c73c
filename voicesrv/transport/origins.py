"""Which names this server is addressed by, and which web pages may use it. Pure.

A page of any site can open a WebSocket to any address the browser reaches, this machine's loopback
among them; the browser only says which page it was (``Origin``). And a page whose own name is made to
resolve to this machine (DNS rebinding) has an origin that equals the host, and what it fetches bears no
origin at all, so the host is checked too.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_PORTS = {"http": 80, "https": 443}
_LOCAL = (".localhost", ".local", ".internal", ".home.arpa", ".lan")
"""Ends of names that no registry gives to anybody: RFC 6761 (section 6.3), RFC 6762, what ICANN set aside for private
networks in 2024, RFC 8375, and what many routers call theirs (RFC 6762, appendix G)."""
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{0,5}))?")


def split_host(host: str) -> tuple[str, int | None] | None:
    """Name, in lower case, and port of a ``Host`` header; an IPv6 address keeps its brackets.

    None where it is neither a name of DNS nor an address, though it may be what else RFC 3986 (section 3.2.2) calls
    a host; nor is an empty one any (RFC 9110, section 4.2.1).
    """
    found = _HOST.fullmatch(host)
    return (found[1].lower(), int(found[2]) if found[2] else None) if found else None


class Doors:
    """The hosts and origins that are let in."""

    def __init__(
        self,
        allowed_hosts: Iterable[str],
        allowed_origins: Iterable[str],
        *,
        loopback_only: bool,
        is_open: bool,
        own: Iterable[str] = (),
        certified: Iterable[str] = (),
    ) -> None:
        """Take the operator's lists.

        Args:
            allowed_hosts: names without port, beside those that the server knows for its own: loopback names and,
                unless ``loopback_only``, all that no stranger can make resolve to what they like. ``*`` for any.
                Empty: any as well, where neither ``loopback_only`` nor ``is_open``.
            allowed_origins: such as ``https://example.org``, compared whole; ``*`` for any.
            loopback_only: whether the server listens on a loopback address.
            is_open: whether no key is asked for. A name that public DNS could give to any address is then no name of
                ours, and a page by it no page of ours.
            own: further names of this server.
            certified: names of the certificate that this server shows. Who makes another name resolve to this
                machine has a page that the browser finds no certificate for.
        """
        listed = frozenset(host.lower() for host in allowed_hosts)
        self._names = listed | {name.lower() for name in own}
        self._origins = frozenset(origin.lower().rstrip("/") for origin in allowed_origins)
        self._any_host = "*" in listed or not (listed or loopback_only or is_open)
        self._any_local = "*" in listed or not loopback_only
        self._is_open = is_open
        self._certified = frozenset(name.lower() for name in certified)

    def allows_host(self, host: str) -> bool:
        """Whether a ``Host`` header names this server."""
        parts = split_host(host)
        return parts is not None and (self._any_host or self._is_ours(parts[0], is_secure=True))

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
        page, server = split_host(parts.netloc), split_host(host)
        if origin != f"{parts.scheme}://{parts.netloc}" or page is None or server is None:
            return False
        (name, _), (host_name, host_port) = page, server
        if _is_loopback(name) and _is_loopback(host_name) and origin_port == port:
            return True  # localhost and 127.0.0.1 are the same server, but not the same origin
        if (name, origin_port) != (host_name, host_port or _PORTS[parts.scheme]):
            return False
        return not self._is_open or self._is_ours(name, is_secure=parts.scheme == "https")

    def _is_ours(self, name: str, *, is_secure: bool) -> bool:
        """Whether a name leads here and to no stranger: it is known, or over TLS certified, or cannot be rebound."""
        return (
            name in self._names
            or _is_loopback(name)
            or (is_secure and not self._certified.isdisjoint((name, f"*.{name.partition('.')[2]}")))
            or (self._any_local and _cannot_be_rebound(name))
        )


def _is_loopback(name: str) -> bool:
    return name in _LOOPBACK or name.endswith(".localhost")


def _cannot_be_rebound(name: str) -> bool:
    """Whether no stranger can make a name resolve to what they like: an address, or a name of the local network."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name or name.endswith(_LOCAL)
    return True
