"""What the server says when it can be talked to: where, and how, in lines that can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicesrv.settings import Settings
    from voicesrv.transport.tls import Certificate

_DEFAULT_PORT = 8000
_MAX_ADDRESSES = 4
EVERYWHERE = ("0.0.0.0", "::", "")
"""Hosts that stand for all addresses of the machine."""


def greeting(
    settings: Settings, command: str, port: int, lan: Sequence[str] = (), certificate: Certificate | None = None
) -> str:
    """Say how to talk to the server; the first line has the page's address.

    Args:
        settings: those in force.
        command: how this program is called from where the reader is.
        port: what it listens on; the settings' own may stand for any.
        lan: addresses that others on the network reach this machine by, if the server listens there.
        certificate: the one that the server shows; None without TLS.
    """
    scheme = "http" if certificate is None else "https"
    url = f"{scheme}://{_host(_own_host(settings, certificate))}:{port}"
    local = [f"{scheme}://{host}:{_DEFAULT_PORT}" for host in ("127.0.0.1", "localhost")]
    to = "" if certificate is None and url in local else f" --url {url}"
    if certificate is not None and certificate.public is not None:
        to += f" --ca {shlex.quote(str(certificate.public))}"
    first = f"voicesrv: open {url} in a browser and talk" if settings.pages else f"voicesrv on {url}"
    lines = [
        first + (" (console: /console, WebSocket: /ws)" if settings.pages else " (WebSocket: /ws)"),
        *_from_elsewhere([f"{scheme}://{_host(each)}:{port}" for each in lan[:_MAX_ADDRESSES]], url, certificate),
        "Or from another terminal, with a microphone, with a recording, or through a pipe:",
        f"  {command} talk{to}",
        f"  {command} talk{to} recording.wav",
        f"  arecord -q -f S16_LE -r 16000 -c 1 | {command} pipe{to} | aplay -q -f S16_LE -r 24000 -c 1",
    ]
    if settings.api_keys:
        lines.append("It asks for a key: give the page one of yours, and commands by VOICESRV_TOKEN.")
    elif settings.open_access and lan:
        lines.append("It serves everybody who can reach this machine, without a key (open_access).")
    return "\n".join(lines)


def _from_elsewhere(urls: Sequence[str], own: str, certificate: Certificate | None) -> list[str]:
    """How other devices get there, and what their browsers ask."""
    others = [url for url in urls if url != own]
    lines = [f"From other devices: {'  '.join(others)}"] if others else []
    if certificate is None and urls:
        lines.append("Without https browsers give others no microphone; --tls self-signed starts the server with it.")
    elif certificate is not None and certificate.public is not None:
        lines += [
            "No browser knows this server's certificate, so it asks once: choose Advanced, then Proceed (Safari: Show "
            "Details,",
            f"visit this website). An iPhone that still does not connect: install {(urls or [own])[0]}/certificate.crt",
            f"SHA-256 {certificate.fingerprint}",
        ]
    return lines


def _own_host(settings: Settings, certificate: Certificate | None) -> str:
    """The name by which this machine reaches the server, and which its certificate has."""
    if certificate is not None and certificate.public is None:
        named = [name for name in certificate.names if not name.startswith("*")]
        return next(iter(named), "localhost")
    return "localhost" if settings.host in EVERYWHERE else settings.host


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
