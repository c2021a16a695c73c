"""What a client of the native protocol says and waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.hostile.raw import BINARY, RawClient, frame, text


def audio(ms: int, level: int = 0) -> bytes:
    """Binary message of 16 kHz linear16; over 500 the null detector takes it for speech."""
    return frame(BINARY, level.to_bytes(2, "little", signed=True) * 16 * ms)


def configure(kib: int) -> bytes:
    """A command that is answered by about as many KiB, and harms nothing."""
    half = "x" * 512 * kib
    return text({"type": "configure", "instructions": half, "tools": [{"name": "x", "description": half}]})


async def event(client: RawClient, *types: str) -> dict[str, Any]:
    """Read up to an event of one of these types."""
    while True:
        message = await client.message()
        if isinstance(message, dict) and message["type"] in types:
            return message


async def is_alive(client: RawClient) -> bool:
    """Whether the connection still answers."""
    client.send(text({"type": "ping", "id": "alive"}))
    while (await event(client, "pong")).get("id") != "alive":
        pass
    return True


async def until(holds: Callable[[], bool], within_s: float = 15.0) -> None:
    """Ask again and again whether something holds of a server, which tells nobody when it does."""
    async with asyncio.timeout(within_s):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.05)
