"""A user's turn: from audio to its final text, whatever happens to the recogniser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np
import pytest

from voicesrv import metrics
from voicesrv.conversation import clock
from voicesrv.conversation.user_turn import ATTEMPTS, FINAL_WITHIN_S, RETRY_DELAYS_S, UserTurn
from voicesrv.engines.base import Pause, Samples, SttCapabilities, SttOptions, Transcript
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import Word
from voicesrv.testing import FakeStt

pytestmark = pytest.mark.anyio

OPTIONS = SttOptions(language="en")


class Script(FakeStt):
    """Hears each stream to its end, unless it raises first, and says what is written for it."""

    capabilities = SttCapabilities()

    def __init__(self, *streams: list[Transcript | Exception]) -> None:
        super().__init__()
        self.streams_left = list(streams)
        self.options: list[SttOptions] = []
        self.open = 0

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        self.options.append(options)
        self.open += 1
        try:
            said = self.streams_left.pop(0)
            for each in said:
                if isinstance(each, Exception):
                    raise each
                if each.is_final:
                    self.heard.append(sum([len(block) async for block in audio if not isinstance(block, Pause)]))
                yield each
        finally:
            self.open -= 1


def final(text: str, **fields: object) -> Transcript:
    return Transcript(text, stable=len(text), is_final=True, **fields)  # type: ignore[arg-type]


def turn_of(stt: FakeStt, told: list[Transcript], audio_from_ms: int = 0) -> UserTurn:
    turn = UserTurn(7, 300, audio_from_ms, stt, OPTIONS, lambda turn, transcript: told.append(transcript))
    turn.audio.append(np.zeros(1000, np.int16))
    return turn


async def test_interims_are_told_and_the_final_one_is_returned() -> None:
    told: list[Transcript] = []
    stt = Script([Transcript("hel", stable=0), Transcript("hello th", stable=5), final("hello there", confidence=0.5)])
    turn = turn_of(stt, told)
    turn.audio.close()
    assert await turn.transcribe() == final("hello there", confidence=0.5)
    assert [(each.text, each.stable) for each in told] == [("hel", 0), ("hello th", 5)]
    assert stt.options == [OPTIONS] and stt.heard == [1000]
    assert not turn.failed


async def test_words_are_timed_on_the_connections_clock() -> None:
    word = Word("hi", 310, 480, 0.9)
    turn = turn_of(Script([Transcript("hi", words=(word,)), final("hi", words=(word,))]), told := [], 5000)  # type: ignore[var-annotated]
    turn.audio.close()
    result = await turn.transcribe()
    assert told[0].words == result.words == (Word("hi", 5310, 5480, 0.9),)


async def test_a_lost_engine_is_given_the_whole_turn_again() -> None:
    told: list[Transcript] = []
    stt = Script(
        [Transcript("hello", stable=5), EngineUnavailable("died")],
        [Transcript("yellow", stable=6), EngineUnavailable("died")],
        [final("yellow there")],
    )
    turn = turn_of(stt, told)
    turn.audio.close()
    began = clock.now()
    result = await turn.transcribe()
    assert clock.now() - began == pytest.approx(sum(RETRY_DELAYS_S[:2]))
    assert (result.text, result.stable) == ("hello there", 11)  # what was promised stays
    assert [(each.text, each.stable) for each in told] == [("hello", 5), ("hello", 5)]
    assert stt.heard == [1000] and stt.open == 0 and not turn.failed


async def test_what_was_understood_stands_in_when_no_engine_can_finish() -> None:
    stream: list[Transcript | Exception] = [Transcript("hello", stable=3), EngineUnavailable("died")]
    stt = Script(*[stream] * (ATTEMPTS + 1))
    turn = turn_of(stt, [])
    assert await turn.transcribe() == Transcript("hello", stable=3, is_final=True)
    assert turn.failed
    assert len(stt.streams_left) == 1  # it is not asked for ever
    assert stt.open == 0


@pytest.mark.parametrize("said", [[EngineError("cannot")], [Transcript("hm"), EngineError("cannot")], []])
async def test_what_cannot_be_transcribed_is_not_tried_again(said: list[Transcript | Exception]) -> None:
    """Nor is an engine that ends without a final transcript."""
    stt = Script(said, [final("never")])
    turn = turn_of(stt, [])
    turn.audio.close()
    result = await turn.transcribe()
    assert turn.failed and result.is_final and len(stt.streams_left) == 1
    assert result.text == ("hm" if len(said) == 2 else "")
    assert result.confidence == (1.0 if len(said) == 2 else 0.0)


@pytest.mark.parametrize(
    ("streams", "n_failures"),
    [
        ([[EngineUnavailable("died")], [final("hello")]], 1),
        ([[EngineError("cannot")]], 1),
        ([[EngineUnavailable("died")]] * ATTEMPTS, ATTEMPTS),
        ([[final("hello")]], 0),
    ],
)
async def test_each_failure_of_a_recogniser_counts(
    streams: list[list[Transcript | Exception]], n_failures: int
) -> None:
    failures = metrics.ENGINE_FAILURES.labels("fake")._value
    before = failures.get()
    turn = turn_of(Script(*streams), [])
    turn.audio.close()
    await turn.transcribe()
    assert failures.get() == before + n_failures


async def test_nothing_after_the_final_transcript_is_listened_to() -> None:
    stt = Script([final("done"), Transcript("more"), EngineUnavailable("late")])
    turn = turn_of(stt, told := [])  # type: ignore[var-annotated]
    turn.audio.close()
    assert (await turn.transcribe()).text == "done"
    assert told == [] and stt.open == 0


async def test_cancelling_it_frees_the_engine() -> None:
    stt = Script([final("never")])
    turn = turn_of(stt, [])
    task = asyncio.create_task(turn.transcribe())
    await asyncio.sleep(1)
    assert stt.open == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stt.open == 0


def test_news_is_what_shows_the_client_something() -> None:
    turn = UserTurn(1, 0, 0, FakeStt(), OPTIONS, lambda turn, transcript: None)
    assert not turn.is_news(Transcript(""))
    assert turn.is_news(Transcript("a"))
    assert not turn.is_news(Transcript("a", settled=True, confidence=0.1))
    assert turn.is_news(Transcript("a", stable=1))
    assert not turn.is_news(Transcript(""))
    assert turn.is_news(Transcript("a", stable=1))


class Hanging(FakeStt):
    """Says one thing of each stream and nothing more; counts them."""

    opened = 0

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        self.opened += 1
        yield Transcript("hello")
        await asyncio.Event().wait()


async def test_a_recogniser_that_hangs_after_the_end_is_taken_for_lost() -> None:
    stt = Hanging()
    turn = turn_of(stt, [])
    turn.audio.append(np.zeros(16 * 5000 - 1000, np.int16))
    task = asyncio.create_task(turn.transcribe())
    await asyncio.sleep(3600)  # while the user speaks, silence of a recogniser is nothing unusual
    assert stt.opened == 1
    turn.end()
    began = clock.now()
    result = await task
    assert clock.now() - began == pytest.approx(ATTEMPTS * (FINAL_WITHIN_S + 5) + sum(RETRY_DELAYS_S))
    assert turn.failed and result.text == "hello" and stt.opened == ATTEMPTS
