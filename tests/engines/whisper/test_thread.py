"""A thread does one thing after another, and may be left behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from voicesrv.engines.whisper.thread import Thread

pytestmark = pytest.mark.anyio


async def test_it_does_one_thing_after_another() -> None:
    thread = Thread("test")
    names = await asyncio.gather(*(thread.start(lambda: threading.current_thread().name) for _ in range(3)))
    assert names == ["test"] * 3
    assert await asyncio.to_thread(thread.end, 10)


async def test_what_fails_is_told_and_the_next_is_done() -> None:
    thread = Thread("test")

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await thread.start(fail)
    assert await thread.start(lambda: "next") == "next"
    assert await asyncio.to_thread(thread.end, 10)


async def test_who_no_longer_waits_does_not_disturb_it() -> None:
    thread, go = Thread("test"), threading.Event()
    left = thread.start(lambda: go.wait(10))
    left.cancel()
    go.set()
    assert await thread.start(lambda: "next") == "next"
    assert await asyncio.to_thread(thread.end, 10)


async def test_its_end_does_not_wait_for_ever() -> None:
    thread, go = Thread("test"), threading.Event()
    waiting = thread.start(lambda: go.wait(10))
    assert not await asyncio.to_thread(thread.end, 0.01)
    go.set()
    assert await waiting
    assert await asyncio.to_thread(thread.end, 10)
