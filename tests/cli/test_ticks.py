from __future__ import annotations

import asyncio

import pytest

from voicesrv.cli.ticks import Ticks


@pytest.mark.anyio
async def test_a_late_tick_does_not_move_those_after_it() -> None:
    loop = asyncio.get_running_loop()
    ticks = Ticks(0.01)
    begun = loop.time()
    await ticks.next()
    while loop.time() < begun + 0.05:  # a busy loop
        pass
    for _ in range(9):
        await ticks.next()
    assert loop.time() - begun == pytest.approx(0.09, abs=0.02)
