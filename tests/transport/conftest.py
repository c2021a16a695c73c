"""Servers on real sockets, on the loop that the product runs on and on the one it falls back to."""

from __future__ import annotations

import ssl

import pytest

from voicesrv.transport.certificates import self_signed
from voicesrv.transport.tls import Certificate


@pytest.fixture(scope="session", params=[True, False], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One that was made for this machine."""
    return self_signed(tmp_path_factory.mktemp("tls"), ["voice.example"])


@pytest.fixture(scope="session")
def trust(certificate: Certificate) -> ssl.SSLContext:
    """A client that was given that certificate, and trusts nothing else; as strict as Python 3.13 is by itself."""
    context = ssl.create_default_context(cafile=certificate.public)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context
