"""Whom to trust where no known authority vouches for the server: contexts for ``VoiceClient(ssl=…)``."""

from __future__ import annotations

import ssl
from os import PathLike


def trusting(certificates: str | PathLike[str]) -> ssl.SSLContext:
    """Trust what the certificates in a file vouch for, and nothing else.

    Args:
        certificates: a PEM file: a self-signed server's own certificate, or that of an authority.

    Raises:
        OSError: it cannot be read, or is none (``ssl.SSLError``).
    """
    return ssl.create_default_context(cafile=certificates)


def trusting_anyone() -> ssl.SSLContext:
    """Check no certificate: nobody can listen in, but whoever is between can pose as the server."""
    context = ssl.create_default_context()
    context.check_hostname = False  # first, or the next line is refused
    context.verify_mode = ssl.CERT_NONE
    return context
