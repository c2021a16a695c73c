"""Conversations run on a loop whose clock does not wait."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conversation.virtual_time import VirtualTimeLoop


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": VirtualTimeLoop}
