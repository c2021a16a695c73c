"""What waits for a client that reads at its own pace."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from voicesrv.transport.sender import Sender

pytestmark = pytest.mark.anyio


class Client:
    """Reads while ``reads`` is set, and is gone where ``gone`` is."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = False

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        if self.gone:
            raise OSError
        self.received.append(message.get("bytes") or message.get("text") or (message["code"], message["reason"]))


async def test_all_is_sent_in_order_then_the_close_and_nothing_after_it() -> None:
    client = Client()
    sender = Sender(client.send)
    sender.put("one")
    sender.put(b"two")
    sender.close(1000, "")
    sender.put("late")
    sender.close(4000, "later")
    assert sender.closing
    await sender.run()
    assert client.received == ["one", b"two", (1000, "")]
    assert sender.waiting_bytes == 0


async def test_what_is_put_while_it_rests_is_sent() -> None:
    client = Client()
    sender = Sender(client.send)
    running = asyncio.create_task(sender.run())
    await asyncio.sleep(0)
    sender.put("one")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert client.received == ["one"]
    sender.close(1000, "")
    await running


async def test_bytes_are_counted_as_they_may_be_on_the_wire() -> None:
    sender = Sender(Client().send)
    sender.put(b"\xff\xff")
    sender.put("abc")
    sender.put("ä")
    assert sender.waiting_bytes == 2 + 3 + 4
    sender.drop()
    assert sender.waiting_bytes == 0


async def test_a_client_that_does_not_read_is_seen() -> None:
    client = Client()
    sender = Sender(client.send)
    running = asyncio.create_task(sender.run())
    assert sender.stalled_s(time.monotonic() + 5) == 0.0
    client.reads.clear()
    sender.put("one")
    sender.put("two")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 5 <= sender.stalled_s(time.monotonic() + 5) < 60
    sender.drop()
    sender.close(4001, "slow_consumer")
    client.reads.set()
    await running
    assert client.received == ["one", (4001, "slow_consumer")]  # one was under way


async def test_a_client_that_is_gone_ends_it() -> None:
    client = Client()
    client.gone = True
    sender = Sender(client.send)
    sender.put("one")
    sender.put("two")
    await sender.run()
    assert (client.received, sender.waiting_bytes) == ([], 0)
