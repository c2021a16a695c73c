"""The generator against a server that answers every turn at once."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from voicesrv.bench import load
from voicesrv.bench.load import BEGIN, END, WRITTEN, Load, measure, ramp, voice
from voicesrv.bench.orders import Plan
from voicesrv.bench.samples import Samples


async def answer(socket: ServerConnection) -> None:
    """Reply to each loud stretch of audio once it is silent."""
    seq = 0

    async def say(type: str, **fields: object) -> None:
        nonlocal seq
        seq += 1
        await socket.send(json.dumps({"type": type, "seq": seq, **fields}))

    await say("ready")
    speaking = False
    async for message in socket:
        if isinstance(message, str):
            await say("pong")
            continue
        was_speaking, speaking = speaking, any(message)
        if was_speaking and not speaking:
            await say("turn.end", text="yes")
            await say("audio.start", reply=1)
            await socket.send(bytes(960))
            await say("audio.end", reply=1)
            await say("reply.end", reply=1, cause="complete")


@asynccontextmanager
async def answering(refuse: bool = False) -> AsyncIterator[str]:
    def look(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(503, "full") if refuse else None

    async with serve(answer, "127.0.0.1", 0, compression=None, process_request=look) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ws?mode=converse"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "RAMP_S", 0.1)
    monkeypatch.setattr(load, "SETTLE_S", 0.1)
    monkeypatch.setattr(load, "SPEECH_S", 0.1)


@pytest.mark.anyio
async def test_callers_talk_in_turns() -> None:
    told: list[str] = []
    async with answering() as url:
        samples = await Load(Plan(url, callers=3, duration_s=1.0)).run(told.append)
    assert told == [BEGIN, END]
    assert samples.turns >= 3
    assert len(samples.voice_to_voice) >= 3
    assert max(samples.voice_to_voice) < 500
    assert samples.faults == {}
    # 3 callers, 50 messages a second each.
    assert 140 <= len(samples.generator_late) <= 153


@pytest.mark.anyio
async def test_idle_callers_ping() -> None:
    async with answering() as url:
        plan = Plan(url, callers=2, duration_s=0.5, message_ms=100, idle=True)
        samples = await Load(plan).run(lambda what: None)
    assert 8 <= len(samples.pong) <= 10
    assert samples.faults == {}


@pytest.mark.anyio
async def test_callers_that_are_refused_have_failed() -> None:
    async with answering(refuse=True) as url:
        samples = await Load(Plan(url, callers=2, duration_s=0.1)).run(lambda what: None)
    assert samples.faults == {"connecting: HTTP/1.1 503 Service Unavailable": 2}


@pytest.mark.anyio
async def test_a_server_that_hangs_up_has_failed() -> None:
    async def hang_up(socket: ServerConnection) -> None:
        await socket.close()

    async with serve(hang_up, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ws"
        samples = await Load(Plan(url, callers=1, duration_s=0.2)).run(lambda what: None)
    assert samples.faults == {"connection closed": 1}


@pytest.mark.anyio
async def test_the_voice_is_a_file_or_a_tone(tmp_path: Path) -> None:
    speech, silence = voice(Plan("ws://h/ws", callers=1, duration_s=1))
    assert len(speech) == 5  # SPEECH_S is 0.1 s here
    assert len(silence) == len(speech[0])
    (tmp_path / "speech.pcm").write_bytes(b"\1\2" * 640)
    speech, _ = voice(Plan("ws://h/ws", callers=1, duration_s=1, speech=str(tmp_path / "speech.pcm")))
    assert len(speech) == 2


def test_joining_takes_its_time() -> None:
    assert ramp(1) == load.RAMP_S
    assert ramp(1000) == 1000 / load.JOINS_PER_S


@pytest.fixture
def leash() -> Iterator[tuple[int, int]]:
    """The end that a generator looks at, and the one that its parent holds."""
    ends = os.pipe()
    yield ends
    os.close(ends[0])


def test_many_samples_arrive_whole_though_stdout_takes_only_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leash: tuple[int, int]
) -> None:
    """With ``PYTHONUNBUFFERED``, ``print`` loses what a pipe does not take at once, and says nothing."""
    many = Samples(turns=3)
    many.late.extend([0.123456789] * 20_000)

    async def run(self: Load, tell: Callable[[str], object]) -> Samples:
        tell(BEGIN)
        tell(END)
        return many

    monkeypatch.setattr(Load, "run", run)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # takes 64 KiB and no more, as one does whose writer is stopped meanwhile
    with os.fdopen(writing, "wb", buffering=0) as raw, os.fdopen(reading) as said:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, write_through=True))  # as PYTHONUNBUFFERED makes it
        measure(Plan("ws://h/ws", callers=1, duration_s=1, result=str(tmp_path / "samples.json")), leash[0])
        os.close(leash[1])
        sys.stdout.close()
        assert said.read().split() == [BEGIN, END, WRITTEN]
    arrived = Samples()
    arrived.add(tmp_path / "samples.json")
    assert arrived == many


def test_a_generator_whose_parent_is_gone_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leash: tuple[int, int]
) -> None:
    async def run(self: Load, tell: Callable[[str], object]) -> Samples:
        os.close(leash[1])
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Load, "run", run)
    with pytest.raises(asyncio.CancelledError):
        measure(Plan("ws://h/ws", callers=1, duration_s=1, result=str(tmp_path / "samples.json")), leash[0])
    assert not list(tmp_path.iterdir())
