from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from blockbuster import blockbuster_ctx

from voicesrv import metrics
from voicesrv.engines.workers.frames import Kind
from voicesrv.engines.workers.pool import PoolOptions, WorkerPool
from voicesrv.engines.workers.stream import WorkerStream
from voicesrv.errors import EngineError, EngineUnavailable

pytestmark = pytest.mark.anyio


CHILD = "tests.engines.workers.echo_child"
QUICK = PoolOptions(workers=1, ping_every_s=0.1, hung_after=3)


@pytest.fixture(autouse=True)
def _loop_never_blocks() -> Iterator[None]:
    with blockbuster_ctx():
        yield


def pool(*arguments: str, options: PoolOptions = QUICK) -> WorkerPool:
    return WorkerPool("echo", CHILD, arguments, options)


@asynccontextmanager
async def opened(workers: WorkerPool, do: str = "echo") -> AsyncIterator[WorkerStream]:
    stream = await workers.open({"do": do})
    try:
        yield stream
    finally:
        stream.close()


async def echoed(stream: WorkerStream, samples: bytes) -> bytes:
    await stream.send_pcm(samples)
    frame = await stream.receive()
    assert frame is not None and frame.kind is Kind.PCM
    return frame.payload


def restarts() -> float:
    return metrics.REGISTRY.get_sample_value("voicesrv_engine_restarts_total", {"engine": "echo"}) or 0.0


async def test_streams_are_kept_apart() -> None:
    async with pool("--some", "argument") as workers, opened(workers) as one, opened(workers) as two:
        assert workers.hello["arguments"] == ["--some", "argument"]
        await one.send_pcm(b"1111")
        assert await echoed(two, b"22") == b"22"
        frame = await one.receive()
        assert frame is not None and frame.payload == b"1111"
        one.send(Kind.END)
        assert await one.receive() is None


async def test_a_full_pool_says_so_and_a_closed_stream_makes_room() -> None:
    async with pool(options=PoolOptions(workers=2)) as workers:
        assert workers.room() == 4
        streams = [await workers.open({"do": "count"}) for _ in range(4)]
        counts = []
        for stream in streams:
            frame = await stream.receive()
            assert frame is not None
            counts.append(frame.json()["streams"])
        assert sorted(counts) == [1, 1, 2, 2]  # each went to the worker with the most room
        assert workers.room() == 0
        with pytest.raises(EngineUnavailable, match="all streams are taken"):
            await workers.open({"do": "echo"})
        streams[0].close()
        assert workers.room() == 1
        async with opened(workers) as stream:
            assert await echoed(stream, b"ab") == b"ab"
        for stream in streams:
            stream.close()


async def test_a_dead_worker_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    before = restarts()
    async with pool() as workers:
        (pid,) = workers.pids()
        async with opened(workers) as bystander, opened(workers) as stream:
            os.kill(pid, signal.SIGKILL)
            for lost in (bystander, stream):
                with pytest.raises(EngineUnavailable, match="lost"):
                    await lost.receive()
        async with opened(workers) as stream:  # waits for the new one
            assert await echoed(stream, b"ab") == b"ab"
        assert workers.pids() != [pid]
    assert restarts() == before + 1


async def test_workers_that_die_again_and_again_are_replaced_at_once_and_then_later() -> None:
    async with pool() as workers:
        for _ in range(5):
            async with opened(workers, "die") as stream:
                with pytest.raises(EngineUnavailable, match="lost"):
                    await stream.receive()
        with pytest.raises(EngineUnavailable, match="no worker process is alive"):
            await workers.open({"do": "echo"})


async def test_what_a_worker_says_at_its_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with pool() as workers:
        async with opened(workers, "die") as stream:
            with pytest.raises(EngineUnavailable):
                await stream.receive()
        async with opened(workers):
            pass
    assert "my last words" in caplog.text


async def test_a_hung_worker_is_killed_and_replaced() -> None:
    async with pool() as workers:
        async with opened(workers, "hang") as stream:
            with pytest.raises(EngineUnavailable, match="hung"):
                await stream.receive()
        async with opened(workers) as stream:
            assert await echoed(stream, b"ab") == b"ab"


async def test_a_stopped_worker_is_killed_and_replaced() -> None:
    async with pool() as workers:
        async with opened(workers) as stream:
            os.kill(workers.pids()[0], signal.SIGSTOP)
            with pytest.raises(EngineUnavailable, match="hung"):
                await stream.receive()
        async with opened(workers) as stream:
            assert await echoed(stream, b"ab") == b"ab"


async def test_an_idle_worker_is_not_taken_for_hung() -> None:
    async with pool(options=PoolOptions(workers=1, ping_every_s=0.01, hung_after=50)) as workers:
        pids = workers.pids()
        async with opened(workers) as stream, asyncio.timeout(1):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.6):  # longer than 50 pings go unanswered
                    await stream.receive()
        assert workers.pids() == pids


async def test_what_an_engine_prints_does_not_break_the_frames() -> None:
    async with pool() as workers, opened(workers, "print") as stream:
        assert await stream.receive() is None


async def test_a_stream_can_fail_alone() -> None:
    async with pool() as workers, opened(workers) as other:
        async with opened(workers, "fail") as stream:
            with pytest.raises(EngineError, match="echo: I cannot"):
                await stream.receive()
        assert await echoed(other, b"ab") == b"ab"


async def test_a_worker_that_floods_harms_its_stream_alone() -> None:
    async with pool() as workers, opened(workers) as other, opened(workers, "flood"):
        assert await echoed(other, b"ab") == b"ab"


async def test_a_deaf_worker_holds_back_its_feeder_alone() -> None:
    async with pool() as workers, opened(workers, "deaf") as stream, opened(workers) as other:
        feeding = workers.background(stream.send_pcm(bytes(1_000_000)))
        assert await echoed(other, b"ab") == b"ab"
        assert not feeding.done()


async def test_an_engine_that_does_not_start(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(EngineUnavailable, match="no model here"):
        async with pool("--broken"):
            pass


async def test_an_engine_that_is_never_ready(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(EngineUnavailable, match="not ready"):
        async with pool("--slow", options=PoolOptions(workers=1, start_timeout_s=0.05)):
            pass


async def test_no_worker_outlives_the_pool() -> None:
    async with pool(options=PoolOptions(workers=2)) as workers:
        pids = workers.pids()
        stream = await workers.open({"do": "hang"})
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(EngineUnavailable, match="the pool was closed"):
        await stream.receive()
    with pytest.raises(EngineUnavailable, match="no worker process is alive"):
        await workers.open({"do": "echo"})


async def test_keys_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    async with pool() as workers:
        assert "PATH" in workers.hello["environment"]
        assert "secret" not in workers.hello["environment"].values()
