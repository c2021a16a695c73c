"""Batches: the urgent first, the outdated never, one fault no one else's."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from voicesrv.engines.whisper import scheduler
from voicesrv.engines.whisper.scheduler import Scheduler, Urgency
from voicesrv.errors import EngineUnavailable

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Work:
    name: str
    batch: str = "same"
    size: int = 1


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


def ask(it: Scheduler[Work, str], name: str, urgency: Urgency, batch: str = "same", size: int = 1) -> asyncio.Task[str]:
    return asyncio.create_task(it.do(urgency, lambda: Work(name, batch, size)))


async def answers(tasks: Sequence[asyncio.Task[str]]) -> list[str]:
    async with asyncio.timeout(10):
        return await asyncio.gather(*tasks)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are not cut short for what those before them took, which on a bench that waits is any time."""
    monkeypatch.setattr(scheduler, "BATCH_S", 1e9)


@pytest.mark.usefixtures("unhurried")
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


async def test_a_file_waits_for_all_that_is_spoken_and_shares_no_batch_with_it() -> None:
    bench = Bench()
    async with Scheduler(bench.run, max_batch=8) as it:
        first = ask(it, "file 1", Urgency.FILE)
        await bench.wait_begun()
        rest = [
            ask(it, "file 2", Urgency.FILE),
            ask(it, "interim", Urgency.INTERIM, "greedy"),
            ask(it, "final", Urgency.FINAL),
        ]
        await asyncio.sleep(0)
        bench.go.release(9)
        await answers([first, *rest])
        assert bench.batches == [["file 1"], ["final"], ["interim"], ["file 2"]]


@pytest.mark.usefixtures("unhurried")
async def test_jobs_of_very_different_size_are_not_padded_to_one_another() -> None:
    bench = Bench()
    async with Scheduler(bench.run, max_batch=8) as it:
        first = ask(it, "first", Urgency.INTERIM)
        await bench.wait_begun()
        sizes = {"two": 200, "ten": 1000, "three": 300, "eleven": 1100}
        rest = [ask(it, name, Urgency.INTERIM, size=size) for name, size in sizes.items()]
        await asyncio.sleep(0)
        bench.go.release(9)
        await answers([first, *rest])
        assert bench.batches[1:] == [["two", "three"], ["ten", "eleven"]]


async def test_a_batch_takes_no_longer_than_a_final_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the pace of those before it; a job that alone takes longer is done alone. Finals all wait, together or not."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    bench = Bench()

    def run(jobs: Sequence[Work]) -> list[str]:
        clock[0] += 0.0004 * sum(job.size for job in jobs)
        return bench.run(jobs)

    async with Scheduler(run, max_batch=8) as it:
        first = ask(it, "first", Urgency.INTERIM, size=100)
        await bench.wait_begun()
        rest = [ask(it, name, Urgency.INTERIM, size=100) for name in "abc"]
        rest += [ask(it, name, Urgency.INTERIM, size=500) for name in "de"]
        rest += [ask(it, name, Urgency.FINAL, size=500) for name in "xyz"]
        await asyncio.sleep(0)
        bench.go.release(9)
        await answers([first, *rest])
    assert bench.batches[1:] == [["x", "y", "z"], ["a", "b"], ["c"], ["d"], ["e"]]
    assert it.busy_s == pytest.approx(0.0004 * 2900)


async def test_workers_share_what_waits() -> None:
    bench = Bench()
    async with Scheduler(bench.run, max_batch=8, workers=2) as it:
        tasks = [ask(it, name, Urgency.INTERIM) for name in "abcd"]
        await bench.wait_begun()
        await bench.wait_begun()  # both at once
        assert sorted(bench.batches) == [["a", "b"], ["c", "d"]]
        bench.go.release(9)
        assert await answers(tasks) == list("ABCD")


async def test_a_model_that_hangs_fails_who_waits_and_serves_again_when_it_comes_back() -> None:
    bench = Bench()
    async with Scheduler(bench.run, max_batch=1, hangs_s=0.01) as it:
        tasks = [ask(it, name, Urgency.FINAL) for name in "ab"]
        for task in tasks:
            with pytest.raises(EngineUnavailable, match="the model hangs; restart the server"):
                await task
        with pytest.raises(EngineUnavailable, match="the model hangs"):
            await ask(it, "at once", Urgency.FINAL)
        assert bench.batches == [["a"]]
        bench.go.release(9)
        async with asyncio.timeout(10):
            while True:  # until its thread is back
                try:
                    assert await ask(it, "c", Urgency.FINAL) == "C"
                    break
                except EngineUnavailable:
                    await asyncio.sleep(0)


async def test_its_end_does_not_wait_for_a_model_that_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scheduler, "CLOSES_S", 0.01)
    bench = Bench()
    async with asyncio.timeout(5), Scheduler(bench.run, max_batch=1) as it:
        running = ask(it, "runs", Urgency.FINAL)
        await bench.wait_begun()
    with pytest.raises(EngineUnavailable, match="shut down"):
        await running
    assert "its thread is left behind" in caplog.text
    bench.go.release(9)
