"""Whole recordings: where turns are cut, that they stay in order, and what becomes of a lost one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import numpy as np
import pytest

from voicesrv.audio.pcm import Samples
from voicesrv.cli.recording import Turn, transcribe
from voicesrv.engines.base import Pause, SttOptions, Transcript
from voicesrv.errors import ClientError, Code, EngineError, EngineUnavailable
from voicesrv.events import Word
from voicesrv.testing import FakeStt, FakeVad

pytestmark = pytest.mark.anyio


def sound(*stretches: tuple[int, int]) -> Samples:
    """Noise of so many milliseconds and loudness after the other."""
    return np.concatenate([np.full(ms * 16, level, np.int16) for ms, level in stretches])


TWO_TURNS = sound((1000, 0), (2000, 5000), (1500, 0), (1000, 5000), (1000, 0))


def split(samples: Samples, size: int = 999) -> Iterator[Samples]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


async def turns_of(blocks: Iterator[Samples], stt: FakeStt) -> tuple[list[Turn], list[int], int]:
    turns: list[Turn] = []
    progress: list[int] = []
    duration_ms = await transcribe(
        blocks, FakeVad(), stt, SttOptions("en", keyterms=("Tuttle",)), turns.append, progress.append
    )
    return turns, progress, duration_ms


class SlowFirst(FakeStt):
    """Answers its first turn after its second, and times a word in each."""

    def __init__(self) -> None:
        super().__init__()
        self.later = asyncio.Event()

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        self.streams += 1
        mine = self.streams
        assert options == SttOptions("en", interim=False, live=False, keyterms=("Tuttle",))
        async for _ in audio:
            pass
        if mine == 1:
            await self.later.wait()
        self.later.set()
        yield Transcript(f"turn {mine}", is_final=True, words=(Word("turn", 300, 400),), confidence=0.5)

    def room(self) -> int | None:
        return 2


async def test_turns_come_in_order_with_times_in_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    turns, progress, duration_ms = await turns_of(split(TWO_TURNS), SlowFirst())
    assert [turn.text for turn in turns] == ["turn 1", "turn 2"]
    assert [(turn.start_ms, turn.end_ms) for turn in turns] == [(1000, 3000), (4500, 5500)]
    # A turn's audio begins 300 ms before its speech, so a word at 300 ms is where the speech begins.
    assert [turn.words[0].start_ms for turn in turns] == [1000, 4500]
    assert (turns[0].confidence, turns[0].language) == (0.5, "en")
    assert duration_ms == progress[-1] == 6500
    assert progress == sorted(progress)


async def test_speech_up_to_the_last_sample_is_a_turn() -> None:
    turns, _, _ = await turns_of(split(sound((500, 0), (1000, 5000))), FakeStt(["to the end"]))
    assert [(turn.text, turn.start_ms, turn.end_ms) for turn in turns] == [("to the end", 500, 1500)]


@pytest.mark.parametrize("samples", [sound((3000, 0)), sound((0, 0))])
async def test_a_recording_without_speech_has_no_turns(samples: Samples) -> None:
    turns, _, duration_ms = await turns_of(split(samples), FakeStt())
    assert turns == []
    assert duration_ms == len(samples) // 16


async def test_a_turn_whose_worker_died_is_given_again_whole() -> None:
    stt = FakeStt(["one", "two"])
    stt.die_after = 1
    turns, _, _ = await turns_of(split(TWO_TURNS), stt)
    assert len(turns) == 2
    assert stt.streams == 3
    assert min(stt.heard) >= 1000 * 16


class Dead(FakeStt):
    """Never has a worker."""

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        raise EngineUnavailable("no worker is left")
        yield Transcript("")


class Mute(FakeStt):
    """Ends without a final transcript."""

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        yield Transcript("not the last word")


async def test_a_dead_engine_is_told_as_such() -> None:
    with pytest.raises(EngineUnavailable, match="no worker is left"):
        await turns_of(split(TWO_TURNS), Dead())


async def test_an_engine_without_a_final_transcript_is_told_as_such() -> None:
    with pytest.raises(EngineError, match="gave no final transcript"):
        await turns_of(split(TWO_TURNS), Mute())


async def test_a_damaged_file_is_told_as_such() -> None:
    def damaged() -> Iterator[Samples]:
        yield sound((500, 5000))
        raise ClientError(Code.BAD_PARAMETER, "file: damaged")

    with pytest.raises(ClientError, match="file: damaged"):
        await turns_of(damaged(), FakeStt())
