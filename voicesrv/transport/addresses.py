"""Under which names and addresses others reach this machine, and which clients share one."""

from __future__ import annotations

import ipaddress
import re
import socket

import ifaddr

_VIRTUAL = re.compile(r"(docker|br-|veth|virbr|cni|flannel|cali|podman|lxc|lxdbr|vmnet|vboxnet|ifb)")
"""Interfaces between this machine and what runs on it: nobody on the network reaches it by their addresses."""
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def addresses() -> tuple[Address, ...]:
    """Addresses that others on the network reach this machine by: IPv4 first, private before public.

    Without loopback, without those that need an interface beside them (IPv6 link-local), and without
    those of virtual interfaces.
    """
    found = (
        ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
        for adapter in ifaddr.get_adapters()
        if not _VIRTUAL.match(adapter.name)
        for ip in adapter.ips
    )
    useful = {each for each in found if not each.is_loopback and not (each.version == 6 and each.is_link_local)}
    return tuple(sorted(useful, key=lambda each: (each.version, not each.is_private, each.is_link_local, int(each))))


def names() -> tuple[str, ...]:
    """Names that this machine has for itself, and the one that others find it by over multicast DNS."""
    name = socket.gethostname().rstrip(".")
    if not _NAME.fullmatch(name):
        return ()
    return (name, f"{name}.local") if "." not in name else (name,)


def is_host(text: str) -> bool:
    """Whether a text is a host's name or an address, without port or brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _NAME.fullmatch(text) is not None
    return True


def network_of(address: str) -> str:
    """What one client is sure to share: its IPv4 address, or the /64 of an IPv6 one.

    A socket that listens on all addresses shows those of IPv4 within IPv6 (``::ffff:192.0.2.1``, RFC 4291,
    section 2.5.5.2), which are not of one network.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
