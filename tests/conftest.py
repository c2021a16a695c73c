"""What all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says nothing on a machine that others use as well.
hypothesis.settings.register_profile(
    "shared_machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared_machine")

# A shell that runs the tests in the background has them ignore SIGINT, and all that they start with them.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run tests marked ``anyio`` on asyncio alone: the server uses nothing else."""
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without our variables: a test means what it says, and leaves nothing behind, whoever runs it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # where models are: none
    for name in [name for name in os.environ if name.startswith("VOICESRV_")]:
        monkeypatch.delenv(name)
