"""Sending over connections that only keep what they are given; real ones are in test_link.py and test_resume.py."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from voicesrv_client.connection import Connection
from voicesrv_client.errors import Closed
from voicesrv_client.events import Ready
from voicesrv_client.outgoing import Outgoing, Placed
from voicesrv_client.ring import MicrophoneRing
from voicesrv_client.sending import Sender

pytestmark = pytest.mark.anyio

ONE_COMMAND = {"control_messages_per_s": 0.001, "control_burst": 12}


class Far:
    """The other end of a connection."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.broken = asyncio.Event()
        self.holds = asyncio.Event()
        self.holds.set()

    async def send(self, message: str | bytes) -> None:
        await self.holds.wait()
        if self.broken.is_set():
            raise Closed(1006)
        self.heard.append(message if isinstance(message, bytes) else json.loads(message))


def connect(sender: Sender, *, again: bool = False, messages: int = 0, limits: dict[str, Any] | None = None) -> Far:
    far = Far()
    ready = Ready("voicesrv.v1", "c1", received_messages=messages, limits=limits or {})
    sender.connected(cast(Connection, far), ready, [], again=again)
    return far


def text(n: int) -> dict[str, Any]:
    return {"type": "text", "text": str(n)}


async def test_audio_behind_a_command_that_waits_for_its_time_holds_nobody_up() -> None:
    sender = Sender(MicrophoneRing())
    first = connect(sender, limits=ONE_COMMAND)
    await sender.send(text(1))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(sender.send(text(2)))
        await asyncio.sleep(0)
        await sender.send_audio(b"abcd")
        assert first.heard == [text(1)]
        sender.down()
        second = connect(sender, again=True, messages=1)  # whose bucket is full
        await waiting
    assert second.heard == [text(2), b"abcd"]


async def test_who_waits_for_a_time_to_send_is_told_of_the_end() -> None:
    sender = Sender(MicrophoneRing())
    connect(sender, limits=ONE_COMMAND)
    await sender.send(text(1))

    async def waits() -> None:
        with pytest.raises(Closed):
            await sender.send(text(2))

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(waits())
        await asyncio.sleep(0)
        sender.end(Closed(1000))
    with pytest.raises(Closed):
        await sender.send_audio(b"ab")


async def test_pieces_of_a_text_that_wait_are_sent_together() -> None:
    sender = Sender(MicrophoneRing())
    async with asyncio.TaskGroup() as tasks:
        for word in ("One ", "two ", "three."):
            tasks.create_task(sender.send({"type": "speak", "text": word, "flush": word == "three."}))
        await asyncio.sleep(0)
        far = connect(sender, again=True)
    assert far.heard == [{"type": "speak", "text": "One two three.", "flush": True}]


async def test_what_a_broken_connection_did_not_take_waits_for_the_next() -> None:
    sender = Sender(MicrophoneRing())
    first = connect(sender)
    first.broken.set()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sender.send(text(1)))
        await sender.send_past({"type": "playback", "reply": 1, "played_ms": 1})  # forgotten
        await asyncio.sleep(0)
        second = connect(sender, again=True)
    assert (first.heard, second.heard) == ([], [text(1)])


async def test_a_connection_that_breaks_late_does_not_trouble_the_next() -> None:
    sender = Sender(MicrophoneRing())
    first = connect(sender)
    first.holds.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sender.send(text(1)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        sender.down()
        second = connect(sender, again=True)
        first.broken.set()
        first.holds.set()
    assert (first.heard, second.heard) == ([], [text(1)])
    await sender.send(text(2))
    assert second.heard == [text(1), text(2)]


async def test_what_still_waits_when_it_is_cancelled_is_never_sent_and_what_is_behind_it_is() -> None:
    sender = Sender(MicrophoneRing())
    first = connect(sender, limits=ONE_COMMAND)
    await sender.send(text(1))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(sender.send(text(2)))
        await asyncio.sleep(0)
        await sender.send_audio(b"abcd")
        waiting.cancel()
        while len(first.heard) < 2:
            await asyncio.sleep(0)
        assert first.heard == [text(1), b"abcd"]
        sender.down()
        waiting = tasks.create_task(sender.send(text(3)))
        await asyncio.sleep(0)
        waiting.cancel()
    second = connect(sender, again=True, messages=1)
    await sender.send(text(4))
    assert second.heard == [b"abcd", text(4)]


async def test_text_of_another_that_joined_what_is_cancelled_is_sent() -> None:
    sender = Sender(MicrophoneRing())
    async with asyncio.TaskGroup() as tasks:
        cancelled, _ = (
            tasks.create_task(sender.send({"type": "speak", "text": word, "flush": False})) for word in ("One ", "two ")
        )
        await asyncio.sleep(0)
        cancelled.cancel()
        far = connect(sender)
    assert far.heard == [{"type": "speak", "text": "One two ", "flush": False}]


async def test_who_waits_to_have_something_said_returns_when_all_is_cancelled() -> None:
    sender = Sender(MicrophoneRing())
    far = connect(sender, limits=ONE_COMMAND)
    await sender.send(text(1))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        saying = tasks.create_task(sender.send({"type": "speak", "text": "One.", "flush": True}))
        await asyncio.sleep(0)
        cancelling = tasks.create_task(sender.send({"type": "cancel"}))
        await saying
        cancelling.cancel()
    assert far.heard == [text(1)]


async def test_who_waits_to_send_is_not_woken_by_what_others_send(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(MicrophoneRing())
    connect(sender, limits={"control_messages_per_s": 1000, "control_burst": 12})
    looks = 0
    waits = Outgoing.waits

    def counted(outgoing: Outgoing, placed: Placed) -> bool:
        nonlocal looks
        looks += 1
        return waits(outgoing, placed)

    monkeypatch.setattr(Outgoing, "waits", counted)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for n in range(100):
            tasks.create_task(sender.send(text(n)))
    assert looks <= 3 * 100


async def test_what_nobody_waits_for_is_sent_when_its_time_comes() -> None:
    sender = Sender(MicrophoneRing())
    far = connect(sender, limits={"control_messages_per_s": 1000, "control_burst": 12})
    for n in range(20):
        sender.place(text(n))
    async with asyncio.timeout(10):
        while len(far.heard) < 20:
            await asyncio.sleep(0)
    assert far.heard == [text(n) for n in range(20)]


async def test_a_format_changes_also_where_what_it_waits_for_is_cancelled() -> None:
    sender = Sender(MicrophoneRing())
    far = connect(sender, limits=ONE_COMMAND)
    await sender.send(text(1))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(sender.send(text(2)))
        await asyncio.sleep(0)
        changing = tasks.create_task(sender.changed("mulaw", 8000, 1))
        await asyncio.sleep(0)
        waiting.cancel()
        await changing
    await sender.send_audio(b"m")
    assert far.heard == [text(1), b"m"]


async def test_a_format_changes_after_the_audio_of_the_old_one() -> None:
    sender = Sender(MicrophoneRing())
    far = connect(sender)
    await sender.send_audio(b"abcd")
    await sender.changed("mulaw", 8000, 1)
    await sender.send_lasting({"type": "configure", "encoding": "mulaw"})
    await sender.send_audio(b"m")
    assert far.heard == [b"abcd", {"type": "configure", "encoding": "mulaw"}, b"m"]
