"""Work of many streams for one model: batched, the urgent first, the outdated never done.

While a batch runs, what is asked for meanwhile waits and makes the next one, so nothing waits for a
batch to fill. Which audio an interim covers is decided when its turn comes, so it is never out of
date; who stops waiting is left out.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from voicesrv.errors import EngineUnavailable


class Job(Protocol):
    """A piece of work."""

    @property
    def batch(self) -> Hashable:
        """Jobs that are equal in this may run together."""
        ...


JobT = TypeVar("JobT", bound=Job)
ResultT = TypeVar("ResultT")


class Urgency(enum.IntEnum):
    """Who goes first."""

    FINAL = 0
    """Somebody has stopped speaking and waits."""
    INTERIM = 1
    FILE = 2
    """Nobody listens to it as it is spoken."""


@dataclass(slots=True)
class _Asked(Generic[JobT, ResultT]):
    make: Callable[[], JobT]
    future: asyncio.Future[ResultT]


class Scheduler(Generic[JobT, ResultT]):
    """Runs batches one after another in a thread of its own; an async context manager."""

    def __init__(self, run: Callable[[Sequence[JobT]], Sequence[ResultT]], max_batch: int) -> None:
        """Args:
        run: does a batch, in the thread; one result a job, in order.
        max_batch: jobs in one batch at most.
        """
        self._run = run
        self._max_batch = max_batch
        self._waiting: dict[Urgency, deque[_Asked[JobT, ResultT]]] = {urgency: deque() for urgency in Urgency}
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "whisper")
        self._task: asyncio.Task[None] | None = None
        self.busy_s = 0.0
        """How long batches have run, all together."""
        self.batches = 0
        self.jobs = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End; the batch that runs is waited for, what waits is refused."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for asked in [asked for waiting in self._waiting.values() for asked in waiting]:
            if not asked.future.done():
                asked.future.set_exception(EngineUnavailable("whisper: it is being shut down"))
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    async def do(self, urgency: Urgency, make: Callable[[], JobT]) -> ResultT:
        """Have a job done.

        Args:
            urgency: who goes first.
            make: makes the job when its turn comes, on the event loop.

        Cancelling is safe: a job that has not begun is left out.

        Raises:
            EngineUnavailable: it is being shut down.
            Exception: what ``run`` raised for this job.
        """
        asked: _Asked[JobT, ResultT] = _Asked(make, asyncio.get_running_loop().create_future())
        self._waiting[urgency].append(asked)
        self._wake.set()
        return await asked.future

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch, jobs = self._next()
            if not batch:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._do(loop, batch, jobs)
            finally:
                for asked in batch:  # of a batch that was cancelled in the midst
                    if not asked.future.done():
                        asked.future.set_exception(EngineUnavailable("whisper: it is being shut down"))

    async def _do(self, loop: asyncio.AbstractEventLoop, batch: list[_Asked[JobT, ResultT]], jobs: list[JobT]) -> None:
        try:
            results = await loop.run_in_executor(self._thread, self._timed, jobs)
        except Exception as error:
            if len(batch) > 1:  # it may be one job's fault, or there is memory for one but not for all
                for asked, job in zip(batch, jobs, strict=True):
                    await self._do(loop, [asked], [job])
            elif not batch[0].future.done():
                batch[0].future.set_exception(error)
            return
        for asked, result in zip(batch, results, strict=True):
            if not asked.future.done():
                asked.future.set_result(result)

    def _timed(self, jobs: Sequence[JobT]) -> Sequence[ResultT]:
        began = time.perf_counter()
        try:
            return self._run(jobs)
        finally:
            self.busy_s += time.perf_counter() - began
            self.batches += 1
            self.jobs += len(jobs)

    def _next(self) -> tuple[list[_Asked[JobT, ResultT]], list[JobT]]:
        """Take what goes first, and what can run with it."""
        batch: list[_Asked[JobT, ResultT]] = []
        jobs: list[JobT] = []
        for waiting in self._waiting.values():
            left: deque[_Asked[JobT, ResultT]] = deque()
            while waiting:
                asked = waiting.popleft()
                if asked.future.done():
                    continue
                if len(batch) == self._max_batch:
                    left.append(asked)
                    continue
                try:
                    job = asked.make()
                except Exception as error:
                    asked.future.set_exception(error)
                    continue
                if jobs and job.batch != jobs[0].batch:
                    left.append(asked)
                else:
                    batch.append(asked)
                    jobs.append(job)
            waiting.extend(left)
        return batch, jobs
