"""The audio of a turn: every reader sees all of it once, and a pause while it stands."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conversation.virtual_time import VirtualTimeLoop
from voicesrv.conversation.turn_audio import WAKE_SAMPLES, TurnAudio
from voicesrv.engines.base import PAUSE, Pause, Samples


def block(first: int, n: int) -> Samples:
    return np.arange(first, first + n).astype(np.int16)


class Reader:
    """Reads a turn to its end and writes down what it was given."""

    def __init__(self, audio: TurnAudio) -> None:
        self.audio = audio
        self.samples: list[int] = []
        self.pauses: list[int] = []  # where, in samples
        self.wakes = 0

    async def run(self) -> None:
        async with aclosing(self.audio.read()) as blocks:
            async for each in blocks:
                self.wakes += 1
                if isinstance(each, Pause):
                    self.pauses.append(len(self.samples))
                else:
                    assert each.dtype == np.int16 and len(each)
                    self.samples += each.tolist()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 2000)),
        st.tuples(st.just("pause"), st.just(0)),
        st.tuples(st.just("resume"), st.just(0)),
        st.tuples(st.just("let it read"), st.just(0)),
        st.tuples(st.just("lose the reader"), st.just(0)),
    ),
    max_size=25,
)


async def _play(steps: list[tuple[str, int]]) -> None:
    audio = TurnAudio()
    reader = Reader(audio)
    task = asyncio.create_task(reader.run())
    n = 0
    standing: int | None = None  # the pause that asks to be answered
    expected: list[int] = []
    try:
        for step, length in steps:
            match step:
                case "append":
                    audio.append(block(n, length))
                    n += length
                case "pause" if standing is None:
                    audio.pause()
                    standing = n
                case "resume":
                    audio.resume()
                    standing = None
                case "let it read":
                    await asyncio.sleep(1)
                    if standing is not None and standing not in expected:
                        expected.append(standing)
                    assert reader.pauses == expected
                    if n - len(reader.samples) >= WAKE_SAMPLES:
                        raise AssertionError("it was not woken for a whole block")
                case "lose the reader":
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    reader = Reader(audio)
                    task = asyncio.create_task(reader.run())
                    expected = []
        audio.close()
        async with asyncio.timeout(10):
            await task
    finally:
        task.cancel()
    assert reader.samples == [(sample + 2**15) % 2**16 - 2**15 for sample in range(n)]
    assert set(reader.pauses) >= set(expected)


@given(STEPS)
def test_a_reader_is_given_everything_once_and_pauses_while_they_stand(steps: list[tuple[str, int]]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(_play(steps))


pytestmark = pytest.mark.anyio


async def test_a_pause_is_passed_on_once_with_all_audio_before_it() -> None:
    audio = TurnAudio()
    reader = Reader(audio)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reader.run())
        audio.append(block(0, 50))
        audio.pause()
        audio.append(block(50, 50))
        await asyncio.sleep(1)
        assert reader.pauses == [50]
        audio.append(block(100, 5000))
        await asyncio.sleep(1)
        audio.close()
    assert reader.pauses == [50] and len(reader.samples) == 5100


async def test_a_pause_that_was_taken_back_in_time_is_not_passed_on() -> None:
    audio = TurnAudio()
    reader = Reader(audio)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reader.run())
        await asyncio.sleep(0)
        audio.append(block(0, 50))
        audio.pause()
        audio.resume()
        audio.append(block(50, 50))
        audio.pause()
        await asyncio.sleep(1)
        audio.close()
    assert reader.pauses == [100]


async def test_another_reader_is_given_it_all_again_with_the_pause_that_stands() -> None:
    audio = TurnAudio()
    audio.append(block(0, 100))
    audio.pause()
    audio.resume()
    audio.append(block(100, 100))
    audio.pause()
    audio.append(block(200, 100))
    for _ in range(2):
        async with aclosing(audio.read()) as blocks:
            got = [await anext(blocks) for _ in range(3)]
        assert isinstance(got[0], np.ndarray) and isinstance(got[2], np.ndarray)
        assert [len(got[0]), got[1], len(got[2])] == [200, PAUSE, 100]


async def test_small_messages_wake_the_reader_one_time_in_five() -> None:
    audio = TurnAudio()
    reader = Reader(audio)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reader.run())
        for number in range(50):  # 20 ms each
            audio.append(block(number * 320, 320))
            await asyncio.sleep(0.02)
        audio.close()
    assert reader.wakes == 1 + 10  # the first message is read at once
    assert len(reader.samples) == 50 * 320


async def test_the_end_wakes_a_reader_for_however_little() -> None:
    audio = TurnAudio()
    reader = Reader(audio)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reader.run())
        await asyncio.sleep(1)
        audio.append(block(0, 1))
        audio.close()
    assert reader.samples == [0]


async def test_a_turn_without_audio_ends() -> None:
    audio = TurnAudio()
    audio.close()
    reader = Reader(audio)
    await reader.run()
    assert reader.samples == [] and reader.pauses == []
