"""Servers on real sockets, on the loop that the product runs on and on the one it falls back to."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", params=[True, False], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}
