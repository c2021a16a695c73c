"""Sending over connections that only keep what they are given; real ones are in test_link.py and test_resume.py."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from voicesrv_client.commands import encode
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


MULAW = {"type": "configure", "encoding": "mulaw"}


async def test_a_format_changes_after_the_audio_of_the_old_one() -> None:
    sender = Sender(MicrophoneRing())
    far = connect(sender)
    await sender.send_audio(b"abcd")
    await sender.send_lasting(MULAW, ("mulaw", 8000, 1))
    await sender.send_audio(b"m")
    assert far.heard == [b"abcd", MULAW, b"m"]


async def test_a_format_changes_also_where_who_asked_for_it_no_longer_waits() -> None:
    sender = Sender(MicrophoneRing())
    first = connect(sender, limits=ONE_COMMAND)
    await sender.send(text(1))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(sender.send(text(2)))
        await asyncio.sleep(0)
        await sender.send_audio(b"abcd")
        changing = tasks.create_task(sender.send_lasting(MULAW, ("mulaw", 8000, 1)))
        await asyncio.sleep(0)
        changing.cancel()
        await sender.send_audio(b"m")
        sender.down()
        second = connect(sender, again=True, messages=1)
        await waiting
        await sender.send_audio(b"n")
    assert (first.heard, second.heard) == ([text(1)], [text(2), b"abcd", MULAW, b"m", b"n"])


async def test_text_is_gathered_up_to_what_the_server_takes() -> None:
    sender = Sender(MicrophoneRing())
    connect(sender, limits={"text_bytes": 1024})
    sender.down()
    words = [f"w\u00f6rd {n} " for n in range(200)]
    async with asyncio.TaskGroup() as tasks:
        for word in words:
            tasks.create_task(sender.send({"type": "speak", "text": word, "flush": False}))
        await asyncio.sleep(0)
        far = connect(sender, again=True)
    assert "".join(each["text"] for each in far.heard) == "".join(words)
    sizes = [len(encode(each).encode()) for each in far.heard]
    assert max(sizes) <= 1024 < sum(sizes[:2])


async def test_what_went_past_the_line_is_counted_as_the_server_counts_it() -> None:
    sender = Sender(MicrophoneRing())
    connect(sender)
    await sender.send(text(1))
    await sender.send_past({"type": "playback", "reply": 1, "played_ms": 1})
    await sender.ping("p")
    await sender.send(text(2))
    sender.down()
    async with asyncio.timeout(10):
        second = connect(sender, again=True, messages=3)
        await sender.send(text(3))
    assert second.heard == [text(2), text(3)]


def others() -> set[asyncio.Task[Any]]:
    """Tasks beside the test's own."""
    return asyncio.all_tasks() - {asyncio.current_task()}


async def test_what_sends_ends_with_its_connection() -> None:
    sender = Sender(MicrophoneRing())
    connect(sender, limits=ONE_COMMAND)
    await sender.send(text(1))
    before = others()
    sender.place(text(2))  # its time is far off
    await asyncio.sleep(0)
    assert len(others() - before) == 1
    sender.down()
    for _ in range(3):
        await asyncio.sleep(0)
    assert others() == before


async def test_nothing_goes_on_when_it_is_closed() -> None:
    before = others()
    sender = Sender(MicrophoneRing())
    for _ in range(2):
        far = connect(sender, again=True)
        far.holds.clear()
        sender.place(text(1))
        await asyncio.sleep(0)
    assert len(others() - before) == 2  # the first does not know yet that its connection is gone
    async with asyncio.timeout(10):
        await sender.close(Closed(1000))
    assert others() == before


async def test_a_fault_in_what_sends_ends_the_conversation_and_is_told_to_whoever_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Faulty(Far):
        async def send(self, message: str | bytes) -> None:
            raise AttributeError("a fault")

    async def fails() -> None:
        with pytest.raises(AttributeError, match="a fault"):
            await sender.send(text(1))

    sender = Sender(MicrophoneRing())
    sender.connected(cast(Connection, Faulty()), Ready("voicesrv.v1", "c1"), [], again=False)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks, sender.while_it_lasts():
        tasks.create_task(fails())
        tasks.create_task(sender.send_audio(b"ab"))
        await asyncio.Event().wait()
    with pytest.raises(AttributeError, match="a fault"):
        await sender.send_audio(b"ab")
    await sender.close(Closed(1000))
    assert isinstance(sender.over, AttributeError)
    assert [record.exc_info is not None for record in caplog.records] == [True]
