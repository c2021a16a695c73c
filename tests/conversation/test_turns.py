"""Users' turns: what is told of them, in which order, and what ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from tests.conversation.stage import Player, stage
from voicesrv import metrics
from voicesrv.engines.base import Pause, Samples, SttCapabilities, SttOptions, Transcript
from voicesrv.errors import ClientError, Code, EngineError, EngineUnavailable
from voicesrv.events import (
    AppendAudio,
    AudioEnded,
    Close,
    EndCause,
    Failed,
    Finalize,
    ReplyEnded,
    ReplyStarted,
    SendText,
    Speak,
    TurnEnded,
    TurnLikelyEnded,
    TurnResumed,
    TurnStarted,
    TurnUpdated,
    Word,
)
from voicesrv.options import changed
from voicesrv.testing import FakeStt

pytestmark = pytest.mark.anyio


def life(player: Player) -> list[str]:
    """What was told of turns."""
    kinds = (TurnStarted, TurnUpdated, TurnLikelyEnded, TurnResumed, TurnEnded)
    return [type(event).__name__ for event in player.out.events if isinstance(event, kinds)]


async def test_turns_are_told_one_after_the_other_however_late_their_transcripts_are() -> None:
    """A recogniser may still work on three turns at once."""
    async with stage() as it:
        speaks, gate = it.stt.transcribe, asyncio.Event()

        async def late(audio, options):  # type: ignore[no-untyped-def]
            async for transcript in speaks(audio, options):
                if transcript.is_final:
                    await gate.wait()
                    await asyncio.sleep(4 - it.stt.streams)
                yield transcript

        it.stt.transcribe = late  # type: ignore[method-assign]
        it.stt.texts = ["one", "two", "three"]
        user = await it.join()
        for _ in range(3):
            user.speak(400)
            user.pause(400)
            user.say(AppendAudio(b""))
        await asyncio.sleep(5)
        gate.set()
        await user.out.get(TurnEnded, 3)
        kinds = (TurnStarted, TurnUpdated, TurnEnded)
        told = [(event.turn, type(event).__name__) for event in user.out.events if isinstance(event, kinds)]
        assert [turn for turn, _ in told] == sorted(turn for turn, _ in told)
        for number in (1, 2, 3):
            names = [name for turn, name in told if turn == number]
            assert names[0] == "TurnStarted" and names[-1] == "TurnEnded"
        await user.out.get(ReplyStarted)


async def test_a_change_to_mode_speak_ends_the_open_turn() -> None:
    """No more audio is heard in that mode: nothing else would ever end it."""
    async with stage() as it:
        user = await it.join()
        user.speak(600)
        await user.seat.reconfigure(user.out, changed(user.seat.participant.options, {"mode": "speak"}))
        assert (await user.out.get(TurnEnded)).cause is EndCause.FINALIZE
        user.say(Speak("Read out."))
        await user.out.get(ReplyEnded, 2)


async def test_a_turn_cannot_end_twice() -> None:
    async with stage() as it:
        user = await it.join(endpointing_ms=0)
        user.speak(400)
        user.say(Finalize())
        user.say(Finalize())
        user.say(Close())
        await user.out.until(lambda: bool(user.out.closed))
        assert [event.cause for event in user.out.of(TurnEnded)] == [EndCause.FINALIZE]
        assert user.out.of(AudioEnded)


async def test_the_end_is_told_as_likely_once_and_taken_back_once() -> None:
    async with stage() as it:
        user = await it.join(eager_ms=100, endpointing_ms=800, interim=False)
        for _ in range(2):
            user.speak(400)
            user.pause(300)
            await asyncio.sleep(1)
        user.pause(600)
        await user.out.get(ReplyEnded)
        assert life(user) == ["TurnStarted", "TurnLikelyEnded", "TurnResumed", "TurnLikelyEnded", "TurnEnded"]
        likely = user.out.of(TurnLikelyEnded)
        assert [event.at_ms for event in likely] == [500, 1200] and likely[0].text == "hello there"
        assert user.out.of(TurnResumed)[0].at_ms == pytest.approx(700, abs=100)


@pytest.mark.parametrize("options", [{"mode": "listen"}, {"eager_ms": 0}])
async def test_no_end_is_likely_where_no_reply_would_be_made(options: dict[str, object]) -> None:
    async with stage() as it:
        user = await it.join(**{"eager_ms": 100, "endpointing_ms": 800} | options)
        user.speak(400)
        user.pause(400)
        await asyncio.sleep(1)
        user.pause(600)
        await user.out.get(TurnEnded)
        assert "TurnLikelyEnded" not in life(user)


async def test_no_end_is_likely_before_anything_was_understood() -> None:
    async with stage() as it:
        it.stt.settled_text = lambda text: ""
        user = await it.join(eager_ms=100, endpointing_ms=800, interim=False)
        user.speak(400)
        user.pause(400)
        await asyncio.sleep(1)
        user.pause(600)
        await user.out.get(TurnEnded)
        assert life(user) == ["TurnStarted", "TurnEnded"]


@pytest.mark.parametrize(
    ("text", "punctuates", "options", "silence_ms"),
    [
        ("a coffee and", False, {}, 1500),
        ("A coffee and", True, {}, 1500),
        ("a coffee", False, {}, 300),
        ("A coffee", True, {}, 680),
        ("A coffee.", True, {}, 300),
        ("Einen Kaffee und", True, {"language": "de"}, 1500),
        ("a coffee and", False, {"endpointing_ms": 300}, 300),
        ("a coffee and", False, {"endpointing_ms": 200, "endpointing_max_ms": 500}, 500),
        ("a coffee and", False, {"mode": "listen", "interim": False}, 1500),
    ],
)
async def test_what_was_said_decides_how_long_a_silence_ends_the_turn(
    text: str, punctuates: bool, options: dict[str, object], silence_ms: int
) -> None:
    async with stage() as it:
        it.stt.texts = [text]
        it.stt.capabilities = SttCapabilities(punctuates=punctuates)
        user = await it.join(**options)
        user.speak(600)
        user.pause(180)
        await asyncio.sleep(1)  # the recogniser answers
        user.pause(silence_ms - 180 - 20)
        await asyncio.sleep(1)
        assert not user.out.of(TurnEnded)
        user.pause(20)
        ended = await user.out.get(TurnEnded)
        assert (ended.text, ended.cause, ended.end_ms) == (text, EndCause.SILENCE, 600)


async def test_the_wait_is_that_of_the_last_words() -> None:
    async with stage() as it:
        it.stt.settled_text = lambda text: "a coffee and"
        user = await it.join()
        user.speak(600)
        user.pause(200)
        await asyncio.sleep(1)
        user.pause(500)
        it.stt.settled_text = lambda text: "a coffee and a cake"
        user.speak(400)
        user.pause(200)
        await asyncio.sleep(1)
        assert len(user.out.of(TurnStarted)) == 1 and not user.out.of(TurnEnded)
        user.pause(100)
        await user.out.get(TurnEnded)


async def test_other_options_in_a_pause_leave_the_wait_to_the_words() -> None:
    async with stage() as it:
        it.stt.texts = ["a coffee and"]
        user = await it.join()
        user.speak(600)
        user.pause(200)
        await asyncio.sleep(1)
        user.pause(300)

        async def configure(**changes: object) -> None:
            await user.seat.reconfigure(user.out, changed(user.seat.participant.options, changes))

        await configure(instructions="Be brief.")
        user.pause(500)
        await asyncio.sleep(1)
        assert not user.out.of(TurnEnded)
        await configure(endpointing_max_ms=1100)
        user.pause(100)
        assert (await user.out.get(TurnEnded)).cause is EndCause.SILENCE


async def test_a_reply_is_prepared_once_the_silence_is_long_enough_though_the_words_came_before() -> None:
    async with stage() as it:
        user = await it.join(endpointing_ms=400, endpointing_max_ms=1200, eager_ms=300, interim=False)
        user.speak(600)
        user.pause(260)
        await asyncio.sleep(1)
        assert life(user) == ["TurnStarted"]
        user.pause(60)
        assert life(user) == ["TurnStarted", "TurnLikelyEnded"]
        assert user.out.of(TurnLikelyEnded)[0].at_ms == 900


async def test_what_the_recogniser_tells_is_passed_on_where_it_is_wanted() -> None:
    async with stage() as it:
        words = (Word("hallo", 300, 600, 0.5),)

        class Detects(FakeStt):
            async def transcribe(
                self, audio: AsyncIterator[Samples | Pause], options: SttOptions
            ) -> AsyncGenerator[Transcript, None]:
                async for _ in audio:
                    pass
                yield Transcript("hallo", 5, is_final=True, words=words, confidence=0.12345, language="de")

        it.stt = Detects()
        for wanted in (True, False):
            user = await it.join(words=wanted)
            user.pause(500)
            user.speak(400)
            user.pause(400)
            ended = await user.out.get(TurnEnded)
            assert (ended.language, ended.confidence) == ("de", 0.123)
            # The turn's audio begins 300 ms before its speech, which begins at 500 ms or a frame before.
            assert [word.start_ms for word in ended.words] == ([pytest.approx(500, abs=20)] if wanted else [])


async def test_the_language_asked_for_stands_where_none_is_told() -> None:
    async with stage() as it:
        user = await it.join(language="en-GB")
        user.speak(400)
        user.pause(400)
        assert (await user.out.get(TurnEnded)).language == "en-GB"
        user.say(SendText("hi"))
        assert user.out.of(TurnEnded)[1].language == "en-GB"


async def test_turns_are_numbered_as_they_begin() -> None:
    async with stage() as it:
        user = await it.join(mode="listen")
        user.speak(400)
        user.say(SendText("typed meanwhile"))
        user.pause(400)
        await user.out.get(TurnEnded, 2)
        assert [(event.turn, event.cause) for event in user.out.of(TurnEnded)] == [
            (2, EndCause.TEXT),
            (1, EndCause.SILENCE),
        ]


async def test_an_empty_text_is_no_turn() -> None:
    async with stage() as it:
        user = await it.join()
        for text in ("", " \n\u2003"):
            with pytest.raises(ClientError) as no:
                user.say(SendText(text))
            assert no.value.code is Code.BAD_PARAMETER
        user.say(SendText("!"))
        assert [event.turn for event in user.out.of(TurnEnded)] == [1]


async def test_a_turn_that_no_engine_could_finish_says_so_before_its_end() -> None:
    async with stage() as it:

        async def fails(audio, options):  # type: ignore[no-untyped-def]
            yield Transcript("hello", stable=5)
            raise EngineUnavailable("gone")

        it.stt.transcribe = fails  # type: ignore[method-assign]
        user = await it.join()
        user.speak(400)
        await asyncio.sleep(5)
        assert not user.out.of(Failed)  # while it is spoken, another engine may be found
        user.pause(400)
        ended = await user.out.get(TurnEnded)
        assert user.out.names.index("Failed") < user.out.names.index("TurnEnded")
        assert ended.text == "hello"
        await user.out.get(ReplyEnded)  # what was understood is answered


async def test_an_error_that_everybody_is_told_of_counts_once() -> None:
    told = metrics.ERRORS.labels("engine_failed")._value
    before = told.get()
    async with stage() as it:

        async def fails(audio, options):  # type: ignore[no-untyped-def]
            raise EngineError("no such language")
            yield

        it.stt.transcribe = fails  # type: ignore[method-assign]
        user = await it.join(mode="listen")
        friend = await it.join(user.seat.conversation.id, mode="listen")
        user.speak(400)
        user.pause(800)
        await user.out.get(TurnEnded)
        await friend.out.get(TurnEnded)
        assert len(user.out.of(Failed)) == len(friend.out.of(Failed)) == 1
    assert told.get() == before + 1


async def test_the_turn_of_somebody_who_hung_up_is_told_to_the_others() -> None:
    async with stage() as it:
        user = await it.join()
        other = await it.join(user.seat.conversation.id)
        user.speak(400)
        user.seat.leave(user.out, for_good=True)
        assert (await other.out.get(TurnEnded)).cause is EndCause.CLOSE
        await other.out.get(ReplyEnded)
