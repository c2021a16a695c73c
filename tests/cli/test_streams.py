from __future__ import annotations

import asyncio
import os
import tempfile

import pytest

from voicesrv.cli.streams import Reader, Writer

pytestmark = pytest.mark.anyio


async def test_reads_a_pipe_as_it_comes() -> None:
    read, write = os.pipe()
    reader = Reader(read, 4)
    os.write(write, b"abcdef")
    chunks = aiter(reader)
    assert await anext(chunks) == b"abcd"
    assert await anext(chunks) == b"ef"
    os.write(write, b"g")
    assert await anext(chunks) == b"g"
    os.close(write)
    assert [chunk async for chunk in chunks] == []
    os.close(read)


async def test_reads_a_file_to_its_end() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(10_000))
        file.seek(0)
        assert [len(chunk) async for chunk in Reader(file.fileno(), 640)] == [640] * 15 + [400]


async def test_a_bad_descriptor_is_an_end() -> None:
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    assert [chunk async for chunk in Reader(read, 4)] == []


async def test_writes_in_order_to_a_file() -> None:
    with tempfile.TemporaryFile() as file:
        writer = Writer(file.fileno(), 100)
        for n in range(50):
            await writer.write(n, bytes([n]) * 10)
        await writer.drain()
        file.seek(0)
        assert file.read() == b"".join(bytes([n]) * 10 for n in range(50))


async def test_waits_where_the_other_end_is_slow() -> None:
    read, write = os.pipe()
    writer = Writer(write, 10_000)
    written = []

    async def write_all() -> None:
        for n in range(20):
            await writer.write(n, bytes(8192))
            written.append(n)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write_all())
        taken = 0
        while taken < 20 * 8192:
            taken += len(await asyncio.to_thread(os.read, read, 4096))
            # What was taken, what the pipe holds, the piece being written, and what may wait with one piece over.
            assert len(written) * 8192 <= taken + 16_384 + 8192 + 10_000 + 8192
    await writer.drain()
    os.close(read)
    os.close(write)


async def test_tells_when_the_other_end_is_gone_with_nothing_to_write() -> None:
    read, write = os.pipe()
    writer = Writer(write, 100)
    os.close(read)
    await writer.closed.wait()
    await writer.write(1, b"ignored")
    await writer.drain()
    os.close(write)


async def test_clear_takes_back_what_waits() -> None:
    read, write = os.pipe()
    writer = Writer(write, 1 << 20)
    for _ in range(10):
        await writer.write(1, b"a" * 16_384)
    await writer.write(2, b"b")
    writer.clear(1)
    written = b""
    while not written.endswith(b"b"):
        written += await asyncio.to_thread(os.read, read, 1 << 20)
    # One piece in the pipe and one that was being written, at most.
    assert len(written) <= 2 * 16_384 + 1
    await writer.drain()
    os.close(read)
    os.close(write)
