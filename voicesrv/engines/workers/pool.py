"""The asyncio side of worker processes: a pool that keeps them alive and gives out streams.

A stream belongs to one worker for its life; a new one goes to the worker with the most room. A worker
that dies, or that says nothing for ``ping_every_s`` × ``hung_after`` although it was asked, is killed
and replaced at once, and its streams fail with ``EngineUnavailable``: whoever feeds them knows best
what to give the next one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from voicesrv import metrics
from voicesrv.engines.workers.frames import Frame, FrameError, FrameReader, Kind, encode
from voicesrv.engines.workers.stream import WorkerStream
from voicesrv.errors import EngineUnavailable

logger = logging.getLogger(__name__)

_READ_BYTES = 1 << 16
_STDERR_KEPT = 2000
"""Bytes of a worker's standard error that are kept, for the log line of its end."""
_BACKOFF_S = 0.25
_BACKOFF_MAX_S = 30.0
_SETTLED_AFTER_S = 10.0
"""A worker that lived this long was sound: the next one is started without delay."""
_DEATHS_FORGIVEN = 4
"""So many workers that were ready may die young before the next one has to wait: as often as a turn is tried."""
_OPEN_WAIT_S = 10.0
"""How long a new stream waits for a worker that is being started; one takes 1 s, and some more on a busy machine."""
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMPDIR")
"""What a worker is given of the environment: no key is among it, and no engine needs one."""
_ROOT = str(Path(__file__).resolve().parents[3])
"""Where this package was found, so that a worker finds it there too."""


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How many workers, and when one is given up."""

    workers: int = 2
    start_timeout_s: float = 60.0
    """For a worker to be warm."""
    ping_every_s: float = 0.75
    """A worker that has been silent for so long is asked whether it is there."""
    hung_after: int = 3
    """Unanswered pings until it is killed. Counted, not timed: a loop that was itself late kills nobody."""


class WorkerPool:
    """Keeps worker processes of one engine and gives out streams on them.

    Enter and leave it from one task. Leaving ends every process and fails every stream.

    Args:
        engine: its name, for errors, logs and metrics.
        module: the child program, started as ``python -m module``.
        arguments: given to the program.
        options: see ``PoolOptions``.
    """

    def __init__(
        self, engine: str, module: str, arguments: Sequence[str] = (), options: PoolOptions = PoolOptions()
    ) -> None:
        self.engine = engine
        self.hello: Mapping[str, Any] = {}
        """What the worker that said hello last told of its engine."""
        self._command = (sys.executable, "-P", "-m", module, *arguments)
        self._options = options
        self._places = [_Place() for _ in range(options.workers)]
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start the workers, and wait until each is warm.

        Raises:
            EngineUnavailable: none could be started.
        """
        self._group = await asyncio.TaskGroup().__aenter__()
        try:
            for place in self._places:
                self.background(self._keep(place))
            while any(place.starting for place in self._places):
                await self._change()
            if not any(place.worker for place in self._places):
                raise EngineUnavailable(f"{self.engine}: no worker process could be started: {self._places[0].fault}")
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        for place in self._places:
            place.starting = False

    def room(self) -> int:
        """How many more streams fit now."""
        return sum(max(worker.room, 0) for worker in self._workers())

    def pids(self) -> list[int]:
        """The process ids of the workers that are warm."""
        return [worker.process.pid for worker in self._workers()]

    async def open(self, asked: Mapping[str, Any]) -> WorkerStream:
        """Begin a stream on the worker with the most room; close it when done with it.

        Where a worker is just being started, this waits for it.

        Raises:
            EngineUnavailable: all are busy, or none is alive.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_OPEN_WAIT_S):
                while True:
                    worker = max(self._workers(), key=lambda worker: worker.room, default=None)
                    if worker is not None and worker.room > 0:
                        return worker.open(asked)
                    if not any(place.starting for place in self._places):
                        break
                    await self._change()
        if any(self._workers()):
            raise EngineUnavailable(f"{self.engine}: all streams are taken")
        raise EngineUnavailable(f"{self.engine}: no worker process is alive: {self._places[0].fault}")

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run what belongs to a stream, such as feeding it, in a task that ends with the pool at the latest.

        It must not raise: that would end the pool.
        """
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _workers(self) -> Iterator[_Worker]:
        return (place.worker for place in self._places if place.worker)

    async def _change(self) -> None:
        await self._changed.wait()

    def _tell(self) -> None:
        """Wake everybody who waits for a worker to come or go."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _keep(self, place: _Place) -> None:
        """Keep one worker alive for the life of the pool."""
        loop = asyncio.get_running_loop()
        quick_deaths = 0
        while True:
            began = loop.time()
            place.was_warm = False
            place.fault = await self._live(place)
            quick_deaths = quick_deaths + 1 if loop.time() - began < _SETTLED_AFTER_S else 0
            metrics.ENGINE_RESTARTS.labels(self.engine).inc()
            too_many = quick_deaths - (_DEATHS_FORGIVEN if place.was_warm else 1)
            delay = min(_BACKOFF_S * 2 ** (too_many - 1), _BACKOFF_MAX_S) if too_many > 0 else 0.0
            logger.warning("%s: a worker is replaced in %.1f s: %s", self.engine, delay, place.fault)
            if delay:
                place.starting = False
                self._tell()
                await asyncio.sleep(delay)
                place.starting = True

    async def _live(self, place: _Place) -> str:
        """Run one worker from its start to its end; return what ended it."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(),
            )
        except OSError as error:
            return f"it cannot be started: {error}"
        worker = _Worker(self.engine, process)
        # Not among those that a leaving pool cancels: these end with the process, and the pool waits for them.
        last_words = self._group.create_task(worker.listen_to_stderr())
        fault = "the pool was closed"
        try:
            fault = await self._serve(place, worker)
        finally:
            place.worker, place.starting = None, True  # the next one is on its way
            worker.fail(f"{self.engine}: its worker process was lost: {fault}")
            await asyncio.wait({self._group.create_task(worker.end()), last_words})
        fault = f"{fault} (exit status {process.returncode})"
        return f"{fault}; {worker.stderr_tail()}" if worker.stderr else fault

    async def _serve(self, place: _Place, worker: _Worker) -> str:
        """Hand on what a worker sends until it is lost; return why it is."""
        frames = FrameReader()
        unanswered = 0
        assert worker.process.stdout is not None
        while True:
            wait_s = self._options.ping_every_s if place.worker else self._options.start_timeout_s
            try:
                async with asyncio.timeout(wait_s):
                    data = await worker.process.stdout.read(_READ_BYTES)
            except TimeoutError:
                if not place.worker:
                    return f"it was not ready after {wait_s:g} s"
                if unanswered >= self._options.hung_after:
                    return f"it hung: {unanswered} pings unanswered"
                unanswered += 1
                worker.write(encode(Kind.PING, 0))
                continue
            if not data:
                return "it ended"
            unanswered = 0
            try:
                for frame in frames.feed(data):
                    if frame.kind is Kind.HELLO:
                        self.hello = frame.json()
                        worker.slots = int(self.hello["slots"])
                        place.worker, place.starting, place.was_warm = worker, False, True
                        self._tell()
                    else:
                        worker.hand_on(frame)
            except (FrameError, KeyError, TypeError, ValueError) as error:
                return f"it sent what is no frame: {error}"


class _Place:
    """Where one worker after the other lives."""

    def __init__(self) -> None:
        self.worker: _Worker | None = None
        """The one that is warm."""
        self.starting = True
        self.was_warm = False
        """Whether the last one was ready at all."""
        self.fault = ""
        """What ended the last one."""


class _Worker:
    """One process and the streams on it."""

    def __init__(self, engine: str, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.slots = 0
        self.stderr = b""
        self._engine = engine
        self._streams: dict[int, WorkerStream] = {}
        self._last = 0

    @property
    def room(self) -> int:
        return self.slots - len(self._streams)

    def open(self, asked: Mapping[str, Any]) -> WorkerStream:
        self._last += 1
        number = self._last
        stream = WorkerStream(self._engine, number, self.write, lambda: self._streams.pop(number, None))
        self._streams[number] = stream
        self.write(encode(Kind.OPEN, number, asked))
        return stream

    def write(self, data: bytes) -> None:
        """Send bytes; the windows of the streams bound what can pile up here."""
        assert self.process.stdin is not None
        if not self.process.stdin.is_closing():
            self.process.stdin.write(data)

    def hand_on(self, frame: Frame) -> None:
        stream = self._streams.get(frame.stream)
        if stream is not None:  # else it was closed while this was on its way
            stream.deliver(frame)

    def fail(self, reason: str) -> None:
        for stream in self._streams.values():
            stream.fail(EngineUnavailable(reason))
        self._streams.clear()

    async def end(self) -> None:
        """Kill it, and close its pipes: asyncio does that only when what is in them has been read."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.stdin.close()
        while await self.process.stdout.read(_READ_BYTES):
            pass
        await self.process.wait()
        with suppress(ConnectionError):
            await self.process.stdin.wait_closed()

    async def listen_to_stderr(self) -> None:
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(_READ_BYTES):
            self.stderr = (self.stderr + data)[-_STDERR_KEPT:]

    def stderr_tail(self) -> str:
        """Its last words, on one line."""
        return " / ".join(self.stderr.decode(errors="replace").split("\n")[-4:]).strip(" /")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return kept | {"PYTHONPATH": _ROOT}
