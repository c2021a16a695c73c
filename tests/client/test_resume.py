"""The client and the real server, with the connection between them cut again and again."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import pytest

from tests.cli.end_to_end import null_server
from tests.client.wire import Wire, wire_to
from voicesrv.bench.caller import tone
from voicesrv.bench.continuity import MarkedAudio
from voicesrv_client import Upkeep, VoiceClient
from voicesrv_client.events import (
    Audio,
    AudioEnd,
    Ready,
    ReplyEnd,
    ReplyText,
    ServerError,
    ServerEvent,
    Transcript,
    TurnEnd,
)
from voicesrv_client.pacing import Pacer

pytestmark = pytest.mark.anyio

Kind = TypeVar("Kind", bound=ServerEvent | Audio)


async def converse(client: VoiceClient, wire: Wire, cut_at: set[int]) -> list[ServerEvent | Audio]:
    """Speak for 600 ms and hear the reply; the connection is cut after so many events and pieces of audio."""
    got: list[ServerEvent | Audio] = []

    async def speak() -> None:
        pacer, now = Pacer(32_000, 640), asyncio.get_running_loop().time
        pcm = tone(0.6) + bytes(32 * 500)
        for start in range(0, len(pcm), 640):
            await asyncio.sleep(pacer.wait_s(640, now()))
            await client.send_audio(pcm[start : start + 640])

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(speak())
        async for event in client:
            if isinstance(event, Ready):
                continue
            got.append(event)
            if len(got) in cut_at:
                wire.cut()
            if isinstance(event, ReplyEnd):
                break
    return got


def of(events: list[ServerEvent | Audio], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("cut_at", [set(), {1}, {2, 3}, {5}, {8, 9, 10}, {12}, {14, 17}, set(range(1, 40, 3))])
async def test_everything_arrives_once_and_in_order(cut_at: set[int]) -> None:
    upkeep = Upkeep(jitter=lambda: 0.0)
    async with (
        null_server() as server,
        wire_to(server) as (wire, url),
        VoiceClient(url, upkeep=upkeep, words=True) as client,
    ):
        got = await converse(client, wire, cut_at)
    # Some of what it had read already was counted after a cut, so two cuts can be one drop.
    assert bool(cut_at) <= client.reconnections <= wire.cuts
    assert client.lost_ms == 0
    events = of(got, ServerEvent)
    assert [event.seq for event in events] == list(range(2, 2 + len(events)))
    check = MarkedAudio()
    pieces = of(got, Audio)
    assert sum(check.feed(piece.pcm) for piece in pieces) + check.finish() == 0
    assert [piece.start_ms for piece in pieces] == [
        sum(len(p.pcm) for p in pieces[:n]) / 48 for n in range(len(pieces))
    ]
    (end,) = of(got, AudioEnd)
    assert sum(len(piece.pcm) for piece in pieces) == 48 * end.duration_ms
    (turn,) = of(got, TurnEnd)
    # 600 ms of speech, up to 300 ms before it and some of the silence after it: none is missing, none came twice.
    assert 600 <= int(turn.text.split()[3]) <= 1200
    assert turn.end_ms - turn.start_ms == pytest.approx(600, abs=20)
    texts = [t.text for t in of(got, Transcript)]
    assert len(texts) == len(set(texts))


async def test_another_output_format_goes_on_where_it_was_cut() -> None:
    upkeep = Upkeep(jitter=lambda: 0.0)
    async with (
        null_server() as server,
        wire_to(server) as (wire, url),
        VoiceClient(url, upkeep=upkeep, output_encoding="mulaw", output_sample_rate=8000) as client,
    ):
        got = await converse(client, wire, {9, 13})
    assert client.reconnections
    (end,) = of(got, AudioEnd)
    n_bytes = sum(len(piece.pcm) for piece in of(got, Audio))
    assert n_bytes == pytest.approx(8 * end.duration_ms, abs=16)


async def test_every_text_arrives_once_and_in_order_whenever_it_is_cut() -> None:
    texts = [f"number {n}" for n in range(24)]
    got: list[ServerEvent | Audio] = []
    upkeep = Upkeep(jitter=lambda: 0.0)
    async with (
        null_server() as server,
        wire_to(server) as (wire, url),
        VoiceClient(url, upkeep=upkeep, mode="listen") as client,
    ):

        async def type_them() -> None:
            for n, text in enumerate(texts):
                await client.send_text(text)
                if n % 4 == 1:
                    wire.cut()  # what was given to the socket a moment ago may have arrived or not
                await asyncio.sleep(0.002 * n)

        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(type_them())
            async for event in client:
                got.append(event)
                if isinstance(event, TurnEnd) and event.text == texts[-1]:
                    break
    assert client.reconnections > 2
    assert [turn.text for turn in of(got, TurnEnd)] == texts


async def test_a_text_that_is_streamed_into_speech_is_said_whole() -> None:
    tokens = [f"{n} " for n in range(80)]
    said = ""
    async with null_server() as server, VoiceClient(server, mode="speak") as client, asyncio.timeout(30):
        async with asyncio.TaskGroup() as tasks:
            for token in tokens:
                tasks.create_task(client.say(token, flush=False))
        await client.flush()
        async for event in client:
            assert not isinstance(event, ServerError)
            if isinstance(event, ReplyText):
                said += event.delta
                if said.split() == "".join(tokens).split():
                    return
