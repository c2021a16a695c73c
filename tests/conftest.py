"""What all tests share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run tests marked ``anyio`` on asyncio alone: the server uses nothing else."""
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without our variables: a test means what it says, whoever runs it."""
    for name in [name for name in os.environ if name.startswith("VOICESRV_")]:
        monkeypatch.delenv(name)
