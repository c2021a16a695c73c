"""Batches: the urgent first, the outdated never, one fault no one else's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from voicesrv.engines.whisper.scheduler import Scheduler, Urgency
from voicesrv.errors import EngineUnavailable

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Work:
    name: str
    batch: str = "same"


class Bench:
    """Does work when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)

    def run(self, jobs: Sequence[Work]) -> list[str]:
        self.batches.append([job.name for job in jobs])
        self.begun.release()
        self.go.acquire(timeout=10)
        if any(job.name == "bad" for job in jobs):
            raise RuntimeError("bad work")
        return [job.name.upper() for job in jobs]

    async def wait_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=10)


def ask(it: Scheduler[Work, str], name: str, urgency: Urgency, batch: str = "same") -> asyncio.Task[str]:
    return asyncio.create_task(it.do(urgency, lambda: Work(name, batch)))


async def test_what_waits_meanwhile_is_one_batch_with_the_urgent_first() -> None:
    bench = Bench()
    async with Scheduler(bench.run, max_batch=3) as it:
        first = ask(it, "a", Urgency.INTERIM)
        await bench.wait_begun()
        rest = [
            ask(it, "file", Urgency.FILE),
            ask(it, "b", Urgency.INTERIM),
            ask(it, "other", Urgency.INTERIM, "long"),
            ask(it, "c", Urgency.INTERIM),
            ask(it, "final", Urgency.FINAL),
        ]
        await asyncio.sleep(0)
        bench.go.release(9)
        assert await asyncio.gather(first, *rest) == ["A", "FILE", "B", "OTHER", "C", "FINAL"]
        assert bench.batches == [["a"], ["final", "b", "c"], ["other"], ["file"]]
        assert (it.batches, it.jobs) == (4, 6) and it.busy_s > 0


async def test_work_is_made_when_its_turn_comes_and_not_for_who_has_gone() -> None:
    bench, made = Bench(), []

    async with Scheduler(bench.run, max_batch=8) as it:
        first = ask(it, "a", Urgency.INTERIM)
        await bench.wait_begun()

        def late(name: str) -> Work:
            made.append(name)
            return Work(name)

        gone = asyncio.create_task(it.do(Urgency.INTERIM, lambda: late("gone")))
        stays = asyncio.create_task(it.do(Urgency.INTERIM, lambda: late("stays")))
        await asyncio.sleep(0)
        assert made == []
        gone.cancel()
        bench.go.release(9)
        assert await first == "A" and await stays == "STAYS"
        assert made == ["stays"] and bench.batches == [["a"], ["stays"]]


async def test_one_fault_is_no_one_elses() -> None:
    bench = Bench()
    bench.go.release(99)
    async with Scheduler(bench.run, max_batch=8) as it:
        results = await asyncio.gather(
            *(ask(it, name, Urgency.FINAL) for name in ("good", "bad", "fine")), return_exceptions=True
        )
        assert results[0] == "GOOD" and results[2] == "FINE"
        assert isinstance(results[1], RuntimeError)

        def unmade() -> Work:
            raise ValueError("no audio")

        with pytest.raises(ValueError, match="no audio"):
            await it.do(Urgency.FINAL, unmade)
        assert await ask(it, "after", Urgency.FINAL) == "AFTER"


async def test_at_its_end_nobody_is_left_waiting() -> None:
    bench = Bench()
    async with Scheduler(bench.run, max_batch=1) as it:
        running = ask(it, "runs", Urgency.FINAL)
        await bench.wait_begun()
        waiting = ask(it, "waits", Urgency.FINAL)
        await asyncio.sleep(0)
        bench.go.release(9)
    for task in (running, waiting):
        with pytest.raises(EngineUnavailable, match="shut down"):
            await task
    assert bench.batches == [["runs"]]
