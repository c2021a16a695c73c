"""Work of many streams for one model: batched, the urgent first, the outdated never done.

While batches run, what is asked for meanwhile waits and makes the next ones, so nothing waits for a
batch to fill. Which audio an interim covers is decided when its turn comes, so it is never out of
date; who stops waiting is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from voicesrv.engines.whisper.thread import Thread
from voicesrv.errors import EngineUnavailable

BATCH_S = 0.1
"""What a batch that holds others than finals may take, by the time that those before it took, where it is of more than
one job: so long may one who has just stopped speaking wait for those who have not. Of finals alone, all wait anyway."""
PADDING = 1.25
"""A batch is padded to its longest job; it may cost so many times the sum of its jobs alone."""
HANGS_S = 120.0
"""A batch that takes longer is given up. It is more than any takes: large-v3 needs some 30 s for a window on a CPU."""
CLOSES_S = 5.0
"""How long the end waits for the batches that run."""
_LEARNS = 0.2
"""Share of the last batch in what is known of their pace."""

logger = logging.getLogger(__name__)


class Job(Protocol):
    """A piece of work."""

    @property
    def batch(self) -> Hashable:
        """Jobs that are equal in this may run together."""
        ...

    @property
    def size(self) -> int:
        """What its cost grows with, above 0."""
        ...


JobT = TypeVar("JobT", bound=Job)
ResultT = TypeVar("ResultT")


class Urgency(enum.IntEnum):
    """Who goes first."""

    FINAL = 0
    """Somebody has stopped speaking and waits."""
    INTERIM = 1
    FILE = 2
    """Nobody listens to it as it is spoken. It shares no batch with those who do."""


@dataclass(slots=True)
class _Asked(Generic[JobT, ResultT]):
    make: Callable[[], JobT]
    future: asyncio.Future[ResultT]


class Scheduler(Generic[JobT, ResultT]):
    """Runs batches in threads of its own, one after another in each; an async context manager."""

    def __init__(
        self,
        run: Callable[[Sequence[JobT]], Sequence[ResultT]],
        max_batch: int,
        workers: int = 1,
        hangs_s: float = HANGS_S,
    ) -> None:
        """Args:
        run: does a batch, in a thread; one result a job, in order.
        max_batch: jobs in one batch at most.
        workers: batches at the same time, each in a thread of its own.
        hangs_s: after which a batch is given up.
        """
        self._run = run
        self._max_batch = max_batch
        self._hangs_s = hangs_s
        self._waiting: dict[Urgency, deque[_Asked[JobT, ResultT]]] = {urgency: deque() for urgency in Urgency}
        self._wake = asyncio.Event()
        self._threads = [Thread(f"whisper-{n}") for n in range(workers)]
        self._idle = workers
        self._hung = 0
        self._pace: dict[Hashable, float] = {}  # seconds for a unit of size, by kind of batch
        self._tasks: list[asyncio.Task[None]] = []
        self.busy_s = 0.0
        """How long batches have run, all together."""
        self.batches = 0
        self.jobs = 0

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._serve(thread)) for thread in self._threads]
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End; the batches that run are waited for, but not for long, and what waits is refused."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for asked in [asked for waiting in self._waiting.values() for asked in waiting]:
            _fail(asked, EngineUnavailable("whisper: it is being shut down"))
        ended = await asyncio.gather(*(asyncio.to_thread(thread.end, CLOSES_S) for thread in self._threads))
        if not all(ended):
            logger.warning("whisper: a batch did not come back within %.0f s; its thread is left behind", CLOSES_S)

    async def do(self, urgency: Urgency, make: Callable[[], JobT]) -> ResultT:
        """Have a job done.

        Args:
            urgency: who goes first.
            make: makes the job when its turn comes, on the event loop.

        Cancelling is safe: a job that has not begun is left out.

        Raises:
            EngineUnavailable: it is being shut down, or the model hangs.
            Exception: what ``run`` raised for this job.
        """
        if self._hung == len(self._threads):
            raise _hangs()
        asked: _Asked[JobT, ResultT] = _Asked(make, asyncio.get_running_loop().create_future())
        self._waiting[urgency].append(asked)
        self._wake.set()
        return await asked.future

    async def _serve(self, thread: Thread) -> None:
        while True:
            batch, jobs = self._next()
            if not batch:
                self._wake.clear()
                await self._wake.wait()
                continue
            self._idle -= 1
            try:
                await self._do(thread, batch, jobs)
            finally:
                self._idle += 1
                for asked in batch:  # of a batch that was cancelled in the midst
                    _fail(asked, EngineUnavailable("whisper: it is being shut down"))

    async def _do(self, thread: Thread, batch: list[_Asked[JobT, ResultT]], jobs: list[JobT]) -> None:
        running = thread.start(lambda: self._timed(jobs))
        try:
            await asyncio.wait({running}, timeout=self._hangs_s)
            if not running.done():
                await self._hang(running, batch)
                return
            results = running.result()
        except Exception as error:
            if len(batch) > 1:  # it may be one job's fault, or there is memory for one but not for all
                for asked, job in zip(batch, jobs, strict=True):
                    await self._do(thread, [asked], [job])
            else:
                _fail(batch[0], error)
            return
        for asked, result in zip(batch, results, strict=True):
            if not asked.future.done():
                asked.future.set_result(result)

    async def _hang(self, running: asyncio.Future[Sequence[ResultT]], batch: list[_Asked[JobT, ResultT]]) -> None:
        """Give a batch up; its thread is of use again when it comes back, which nothing can make it do."""
        logger.error("whisper: a batch of %d has not come back for %.0f s", len(batch), self._hangs_s)
        self._hung += 1
        try:
            for asked in batch:
                _fail(asked, _hangs())
            if self._hung == len(self._threads):
                for waiting in self._waiting.values():
                    while waiting:
                        _fail(waiting.popleft(), _hangs())
            with contextlib.suppress(Exception):  # nobody waits for it any more
                await running
        finally:
            self._hung -= 1

    def _timed(self, jobs: Sequence[JobT]) -> Sequence[ResultT]:
        began = time.perf_counter()
        try:
            return self._run(jobs)
        finally:
            took_s = time.perf_counter() - began
            pace = took_s / sum(job.size for job in jobs)
            known = self._pace.get(jobs[0].batch, pace)
            self._pace[jobs[0].batch] = known + _LEARNS * (pace - known)
            self.busy_s += took_s
            self.batches += 1
            self.jobs += len(jobs)

    def _next(self) -> tuple[list[_Asked[JobT, ResultT]], list[JobT]]:
        """Take what goes first and what can run with it, and leave the other threads their share."""
        batch: list[_Asked[JobT, ResultT]] = []
        jobs: list[JobT] = []
        n_live = len(self._waiting[Urgency.FINAL]) + len(self._waiting[Urgency.INTERIM])
        most = min(self._max_batch, -(-max(n_live, 1) // max(self._idle, 1)))
        for urgency, waiting in self._waiting.items():
            if jobs and urgency is Urgency.FILE:
                break
            left: deque[_Asked[JobT, ResultT]] = deque()
            while waiting and len(batch) < most:
                asked = waiting.popleft()
                if asked.future.done():
                    continue
                try:
                    job = asked.make()
                except Exception as error:
                    _fail(asked, error)
                    continue
                if jobs and not self._fits(job, jobs, urgency):
                    left.append(asked)
                else:
                    batch.append(asked)
                    jobs.append(job)
            waiting.extendleft(reversed(left))
        return batch, jobs

    def _fits(self, job: JobT, jobs: Sequence[JobT], urgency: Urgency) -> bool:
        if job.batch != jobs[0].batch:
            return False
        sizes = [job.size, *(each.size for each in jobs)]
        padded = max(sizes) * len(sizes)
        in_time = urgency is Urgency.FINAL or padded * self._pace.get(job.batch, 0.0) <= BATCH_S
        return in_time and padded <= PADDING * sum(sizes)


def _fail(asked: _Asked[JobT, ResultT], error: Exception) -> None:
    if not asked.future.done():
        asked.future.set_exception(error)


def _hangs() -> EngineUnavailable:
    return EngineUnavailable(
        "whisper: the model hangs; restart the server, and take a smaller model if it happens again"
    )
