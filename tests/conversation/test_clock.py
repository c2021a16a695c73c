"""The clock is the running loop's own, so that tests and servers with other loops agree with their timers."""

from __future__ import annotations

import asyncio

import pytest

from voicesrv.conversation import clock


@pytest.mark.anyio
async def test_it_is_the_running_loops() -> None:
    began = clock.now()
    assert began == asyncio.get_running_loop().time()
    await asyncio.sleep(5)
    assert clock.now() - began == pytest.approx(5)


def test_there_is_none_without_a_loop() -> None:
    with pytest.raises(RuntimeError):
        clock.now()
