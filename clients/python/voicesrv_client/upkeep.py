"""How a connection is made and kept up, beside what the conversation is to be like."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How a connection is kept up."""

    reconnect: bool = True
    """False lets a drop end the conversation."""
    keepalive_s: float = 20.0
    """Silence towards the server after which a ``ping`` is sent; its idle limit is 60 s by default."""
    give_up_s: float = 120.0
    """How long to try to come back; a resume token lives 120 s by default. A server that asks to be left alone for
    longer is given up at once. One that says nothing is waited for no longer, and 30 s at most, also at first."""
    ring_s: float = 30.0
    """How much of the microphone's audio is kept for a resume; the server takes bursts of 30 s."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    """Waits between tries."""
    jitter: Callable[[], float] = random.random
    """Evenly distributed in [0, 1)."""


BY_DEFAULT = Upkeep()

Token = str | Callable[[], Awaitable[str]]
"""A key, or what gives a token for one connection: it is called anew for each, as a token serves once."""
