"""A strict beat."""

from __future__ import annotations

import asyncio


class Ticks:
    """Ticks at a fixed rate: one that came late is followed by earlier ones, not by a later schedule."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._due: float | None = None

    async def next(self) -> None:
        """Wait for the next tick; the first comes at once."""
        now = asyncio.get_running_loop().time()
        due = now if self._due is None else self._due
        self._due = due + self._period_s
        await asyncio.sleep(max(0.0, due - now))
