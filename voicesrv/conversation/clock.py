"""The steady clock of the running loop: for pacing what is sent, and for measuring. Never for turns."""

from __future__ import annotations

import asyncio


def now() -> float:
    """Seconds on the running loop's clock."""
    return asyncio.get_running_loop().time()
