"""Sending over connections that stall and break at random: all arrives once, in order and where it belongs."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Coroutine
from random import Random
from typing import Any, cast

import pytest

from tests.conversation.virtual_time import VirtualTimeLoop
from voicesrv_client.connection import Connection
from voicesrv_client.errors import Closed
from voicesrv_client.events import Ready
from voicesrv_client.ring import MicrophoneRing
from voicesrv_client.sending import Sender

pytestmark = pytest.mark.anyio

MS = 32
N_STEPS = 200
PACES = ({"control_messages_per_s": 20, "control_burst": 12}, {"control_messages_per_s": 1e5, "control_burst": 1e5})


class Loop(VirtualTimeLoop):
    """Its clock moves whenever it is looked at, as any does: one who waits for less than its resolution would else set
    a timer, which is due at once, for ever."""

    def time(self) -> float:
        self._virtual.now += 1e-9
        return super().time()


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": Loop}


class Server:
    """What has arrived of a conversation, over all its connections."""

    def __init__(self) -> None:
        self.n_messages = 0
        self.audio = bytearray()
        self.texts: list[tuple[int, int]] = []
        """Each with how much audio came before it."""

    def take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.audio += message
            return
        self.n_messages += 1
        command = json.loads(message)
        if command["type"] == "text":
            self.texts.append((int(command["text"]), len(self.audio)))


class Wire:
    """A connection: what it is given is on its way, and lost if it breaks."""

    def __init__(self, server: Server) -> None:
        self.on_its_way: deque[str | bytes] = deque()
        self.flows = asyncio.Event()
        self.flows.set()
        self.broken = False
        self._server = server

    async def send(self, message: str | bytes) -> None:
        if not self.broken:
            self.on_its_way.append(message)  # as in a socket: what is waited for is room for more
            await self.flows.wait()
        if self.broken:
            await asyncio.sleep(0)
            raise Closed(1006)

    def arrive(self, n: int) -> None:
        for _ in range(n):
            self._server.take(self.on_its_way.popleft())


class Trial:
    """A client that says things, and a network that is in its way."""

    def __init__(self, seed: int, tasks: asyncio.TaskGroup) -> None:
        self.random = Random(seed)
        self.server = Server()
        self.sender = Sender(MicrophoneRing())
        self.audio = b""
        self.given: list[tuple[int, int]] = []
        """Texts, each with how much audio came before it."""
        self.cancelled: set[int] = set()
        self._texts: dict[int, asyncio.Task[None]] = {}
        self._tasks = tasks
        self._connect(again=False)

    async def step(self) -> None:
        """Let something happen."""
        actions = {
            self._type: 6,
            self._hear: 4,
            self._report: 1,
            self._cancel: 2,
            self._stall: 1,
            self._flow: 1,
            self._arrive: 3,
            self._wait: 1,
            self._drop: 2,
        }
        (action,) = self.random.choices(list(actions), list(actions.values()))
        await action()
        await self._breathe(2)

    async def finish(self) -> None:
        """Have the network work, until all has arrived."""
        self.wire.flows.set()
        async with asyncio.timeout(60):
            while not all(task.done() for task in self._texts.values()) or len(self.server.audio) < len(self.audio):
                self.wire.arrive(len(self.wire.on_its_way))
                await asyncio.sleep(0.01)
        self.wire.arrive(len(self.wire.on_its_way))

    async def _type(self) -> None:
        n = len(self.given) + 1
        self.given.append((n, len(self.audio)))
        self._texts[n] = await self._begin(self.sender.send({"type": "text", "text": str(n)}))

    async def _hear(self) -> None:
        n_bytes = MS * self.random.randrange(1, 20)
        piece = bytes(n % 251 for n in range(len(self.audio), len(self.audio) + n_bytes))
        self.audio += piece
        await self._begin(self.sender.send_audio(piece))

    async def _report(self) -> None:
        task = await self._begin(self.sender.send_past({"type": "playback", "reply": 1, "played_ms": 1}))
        if self.random.random() < 0.5:
            task.cancel()

    async def _cancel(self) -> None:
        if waiting := [n for n, task in self._texts.items() if not task.done()]:
            n = self.random.choice(waiting)
            self._texts[n].cancel()
            self.cancelled.add(n)

    async def _stall(self) -> None:
        self.wire.flows.clear()

    async def _flow(self) -> None:
        self.wire.flows.set()

    async def _arrive(self) -> None:
        self.wire.arrive(self.random.randint(0, len(self.wire.on_its_way)))

    async def _wait(self) -> None:
        await asyncio.sleep(self.random.random() * 0.2)

    async def _drop(self) -> None:
        await self._arrive()
        broken = self.wire
        broken.broken = True
        if self.random.random() < 0.5:
            broken.flows.set()
        await self._breathe(4)
        self.sender.down()
        await self._breathe(3)
        self._connect(again=True)
        await self._breathe(3)
        broken.flows.set()

    def _connect(self, *, again: bool) -> None:
        self.wire = Wire(self.server)
        ready = Ready(
            "voicesrv.v1",
            "c1",
            received_ms=len(self.server.audio) // MS,
            received_messages=self.server.n_messages,
            limits=self.random.choice(PACES),
        )
        assert self.sender.connected(cast(Connection, self.wire), ready, [], again=again) == 0

    async def _begin(self, call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(call)
        await asyncio.sleep(0)  # what is said is given in this order
        return task

    async def _breathe(self, most: int) -> None:
        for _ in range(self.random.randrange(most)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(100))
async def test_all_arrives_once_in_order_and_in_its_place(seed: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        trial = Trial(seed, tasks)
        for _ in range(N_STEPS):
            await trial.step()
        await trial.finish()
    arrived = trial.server.texts
    assert arrived == [each for each in trial.given if each in arrived]
    assert {n for n, _ in trial.given} - {n for n, _ in arrived} <= trial.cancelled
    assert trial.server.audio == trial.audio
