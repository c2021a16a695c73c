from __future__ import annotations

import asyncio

import pytest

from voicesrv.engines.workers.frames import BLOCK_BYTES, WINDOW_BYTES, Frame, FrameReader, Kind, encode
from voicesrv.engines.workers.stream import UNREAD_MAX, UNREAD_SLOW, WorkerStream
from voicesrv.errors import EngineError, EngineUnavailable

pytestmark = pytest.mark.anyio


class Pipe:
    """What was written to the worker."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self.frames: list[Frame] = []
        self.released = 0
        self.stream = WorkerStream("test", 5, self._write, self._release)

    def credit(self, n_bytes: int) -> None:
        (frame,) = FrameReader().feed(encode(Kind.CREDIT, 5, {"bytes": n_bytes}))
        self.stream.deliver(frame)

    def kinds(self) -> list[Kind]:
        return [frame.kind for frame in self.frames]

    def _write(self, data: bytes) -> None:
        self.frames += self._reader.feed(data)

    def _release(self) -> None:
        self.released += 1


async def stands_still(task: asyncio.Task[None]) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return not task.done()


async def test_samples_wait_for_credit() -> None:
    pipe = Pipe()
    samples = bytes(range(256)) * (3 * WINDOW_BYTES // 512)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(pipe.stream.send_pcm(samples))
        assert await stands_still(sending)
        assert sum(len(frame.payload) for frame in pipe.frames) == WINDOW_BYTES
        pipe.credit(BLOCK_BYTES)
        assert await stands_still(sending)
        pipe.credit(WINDOW_BYTES)
    assert b"".join(frame.payload for frame in pipe.frames) == samples


async def test_samples_wait_for_who_reads() -> None:
    pipe = Pipe()
    for _ in range(UNREAD_SLOW):
        pipe.stream.deliver(Frame(Kind.EVENT, 5, b"{}"))
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(pipe.stream.send_pcm(b"ab"))
        assert await stands_still(sending)
        await pipe.stream.receive()
    assert pipe.kinds() == [Kind.PCM]


async def test_a_lost_worker_ends_reading_and_writing() -> None:
    pipe = Pipe()
    pipe.stream.deliver(Frame(Kind.EVENT, 5, b"{}"))
    sending = asyncio.ensure_future(pipe.stream.send_pcm(bytes(WINDOW_BYTES + 2)))
    assert await stands_still(sending)
    pipe.stream.fail(EngineUnavailable("gone"))
    with pytest.raises(EngineUnavailable, match="gone"):
        await sending
    frame = await pipe.stream.receive()  # what had arrived is not lost
    assert frame is not None
    with pytest.raises(EngineUnavailable, match="gone"):
        await pipe.stream.receive()


async def test_the_worker_ends_a_stream() -> None:
    pipe = Pipe()
    pipe.stream.deliver(Frame(Kind.END, 5))
    assert await pipe.stream.receive() is None
    pipe.stream.close()
    pipe.stream.close()
    assert pipe.kinds() == []  # nothing to cancel
    assert pipe.released == 1


async def test_the_worker_refuses() -> None:
    pipe = Pipe()
    pipe.stream.deliver(Frame(Kind.FAIL, 5, b'{"message":"I cannot"}'))
    with pytest.raises(EngineError, match="test: I cannot"):
        await pipe.stream.receive()


async def test_closing_early_cancels() -> None:
    pipe = Pipe()
    pipe.stream.close()
    pipe.stream.send(Kind.END)
    assert pipe.kinds() == [Kind.CANCEL]
    assert pipe.released == 1


async def test_nobody_reads() -> None:
    pipe = Pipe()
    for _ in range(UNREAD_MAX + 1):
        pipe.stream.deliver(Frame(Kind.EVENT, 5, b"{}"))
    for _ in range(UNREAD_MAX):
        assert await pipe.stream.receive() is not None
    with pytest.raises(EngineUnavailable, match="nobody reads"):
        await pipe.stream.receive()
