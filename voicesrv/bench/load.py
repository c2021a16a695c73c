"""The load itself: ``python -m voicesrv.bench.load`` runs callers in a process of its own.

It reads a ``Plan`` as JSON from stdin, writes a line when its measuring begins, one when it ends and one when
its samples are in their file. One loop sends for all callers; nothing is started per message.

Samples do not go through stdout, because they are megabytes and a pipe is full after 64 KiB. Where the environment
has ``PYTHONUNBUFFERED``, Python writes each ``print`` with a single write(2) and does not look at how much of it
was taken (https://github.com/python/cpython/issues/85393); a process that is stopped meanwhile, or otherwise
interrupted, then loses the rest without a word.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import json
import os
import resource
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

from voicesrv.bench import wire
from voicesrv.bench.caller import Caller, Callers, IdleCaller, frames, tone
from voicesrv.bench.continuity import MarkedAudio
from voicesrv.bench.orders import Plan
from voicesrv.bench.samples import Samples

BEGIN, END, WRITTEN = "begin", "end", "written"
RAMP_S = 5.0
"""Callers join one by one over this time, so that they do not all speak at once."""
SETTLE_S = 3.0
"""Between the last one's joining and the start of measuring."""
JOINS_PER_S = 50
SPEECH_S = 1.5
_CONNECT_S = 10.0
_LOOK_S = 0.01
"""Callers that have joined meanwhile are looked for this often."""
_REST_S = 0.001
"""Least time to wait: the loop's timers are no finer, and what falls due meanwhile goes out together."""
_BATCH = 64
"""Messages sent at most before what came in is looked at."""


class Line(asyncio.Protocol):
    """A caller's connection."""

    def __init__(self, caller: Callers, upgrade: wire.Upgrade) -> None:
        self.caller = caller
        self.joined = asyncio.get_running_loop().create_future()
        self._upgrade: wire.Upgrade | None = upgrade
        self._frames = wire.Frames()
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert self._upgrade is not None
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone
        self._transport.write(self._upgrade.request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if self._upgrade is not None:
            try:
                rest = self._upgrade.feed(data)
            except ConnectionRefusedError as error:
                self.joined.set_exception(error)
                self._transport.abort()
                return
            if rest is None:
                return
            self._upgrade = None
            self.joined.set_result(None)
            data = rest
        for opcode, payload in self._frames.feed(data):
            if opcode == wire.BINARY:
                self.caller.hear_audio(payload, now)
            elif opcode == wire.TEXT:
                self.caller.hear_event(payload, now)
            elif opcode == wire.PING:
                self._transport.write(wire.frame(wire.PONG, payload))
            elif opcode == wire.CLOSE:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.joined.done():
            self.joined.set_exception(exc or ConnectionResetError("closed before the upgrade"))
        if self._upgrade is None and not self._leaving:
            self.caller.lost_connection()

    def send_next(self, now: float) -> None:
        """Send the caller's next message."""
        if not self._transport.is_closing():
            self._transport.write(self.caller.next_message(now))

    def leave(self) -> None:
        """Hang up."""
        self._leaving = True
        self._transport.write(wire.frame(wire.CLOSE, (1000).to_bytes(2, "big")))
        self._transport.close()


class Load:
    """All callers of a plan, on one loop."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._samples = Samples()
        self._lines: list[Line] = []
        self._due: list[tuple[float, int, Line]] = []  # a heap: when who sends next
        self._interval_s = plan.message_ms / 1000
        self._measuring = False
        self._speech, self._silence = voice(plan)

    async def run(self, tell: Callable[[str], object]) -> Samples:
        """Connect, measure, hang up.

        Args:
            tell: called with ``BEGIN`` and ``END`` when measuring begins and ends.
        """
        started = time.perf_counter()
        ramp_s = ramp(self._plan.share[1])
        measure_from = started + ramp_s + SETTLE_S
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._join_all(started, ramp_s))
            await self._send_until(measure_from)
            self._samples.generator_late = array("d")
            self._measuring = True
            for line in self._lines:
                line.caller.measuring = True
            tell(BEGIN)
            await self._send_until(measure_from + self._plan.duration_s)
            tell(END)
        for line in self._lines:
            line.leave()
        return self._samples

    async def _join_all(self, started: float, ramp_s: float) -> None:
        first, total = self._plan.share
        for place in range(self._plan.callers):
            join_at = started + ramp_s * (first + place) / total
            await asyncio.sleep(join_at - time.perf_counter())
            try:
                line = await self._join()
            except OSError as error:
                self._samples.fail(f"connecting: {error}")
                continue
            line.caller.measuring = self._measuring
            self._lines.append(line)
            # It keeps the phase in which it joined, so that messages are spread over the interval.
            now = time.perf_counter()
            intervals = -(-(now - join_at) // self._interval_s)
            heapq.heappush(self._due, (join_at + intervals * self._interval_s, first + place, line))

    async def _join(self) -> Line:
        parts = urlsplit(self._plan.url)
        caller: Callers
        if self._plan.idle:
            caller = IdleCaller(self._samples)
        else:
            check = MarkedAudio if self._plan.counted else None
            caller = Caller(
                self._speech,
                self._silence,
                self._samples,
                check,
                message_s=self._interval_s,
                barge_in=self._plan.barge_in,
            )
        upgrade = wire.Upgrade(parts.netloc, f"{parts.path}?{parts.query}", self._plan.token)
        async with asyncio.timeout(_CONNECT_S):
            _, line = await asyncio.get_running_loop().create_connection(
                lambda: Line(caller, upgrade),
                parts.hostname or "",
                parts.port or (443 if parts.scheme == "wss" else 80),
                ssl=True if parts.scheme == "wss" else None,
            )
            await line.joined
        return line

    async def _send_until(self, end: float) -> None:
        due, late, interval_s = self._due, self._samples.generator_late, self._interval_s
        while (now := time.perf_counter()) < end:
            for _ in range(_BATCH):
                if not due or due[0][0] > now:
                    break
                at, place, line = due[0]
                late.append((now - at) * 1000)
                line.send_next(now)
                heapq.heapreplace(due, (at + interval_s, place, line))
                now = time.perf_counter()
            wait_s = min(due[0][0] if due else end, end) - now
            await asyncio.sleep(min(max(wait_s, _REST_S), _LOOK_S) if wait_s > 0 else 0)


def voice(plan: Plan) -> tuple[list[bytes], bytes]:
    """The frames of what callers say, and one of silence."""
    pcm = Path(plan.speech).read_bytes() if plan.speech else tone(SPEECH_S)
    return frames(pcm, plan.message_ms), frames(bytes(32 * plan.message_ms), plan.message_ms)[0]


def ramp(callers: int) -> float:
    """How long it takes until so many have joined, in s."""
    return max(RAMP_S, callers / JOINS_PER_S)


def main() -> None:
    """Run the plan on stdin, unless stdin ends before it does."""
    plan = Plan(**json.loads(sys.stdin.readline()))
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.freeze()
    gc.disable()  # nothing here makes cycles, and a collection is a pause that would be measured
    try:
        measure(plan, sys.stdin.fileno())
    except asyncio.CancelledError:
        sys.exit(1)


def measure(plan: Plan, leash: int) -> None:
    """Run a plan, tell on stdout how far it is, and write its samples.

    Args:
        plan: it names a file for the samples.
        leash: a file descriptor with nothing to read; whoever wants the samples holds its other end.

    Raises:
        asyncio.CancelledError: the other end of the leash was let go.
        OSError: the samples cannot be written.
    """

    def tell(what: str) -> None:
        print(what, flush=True)

    async def held() -> Samples:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def let_go() -> None:
            loop.remove_reader(leash)
            task.cancel()

        loop.add_reader(leash, let_go)
        return await Load(plan).run(tell)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        samples = runner.run(held())
    samples.write(Path(plan.result))
    tell(WRITTEN)


if __name__ == "__main__":
    main()
