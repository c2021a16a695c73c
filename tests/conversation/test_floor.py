"""The floor: what becomes of replies, answers owed and dictated texts when things happen at bad moments."""

from __future__ import annotations

import asyncio

import pytest

from tests.conversation.stage import Player, Stage, stage
from voicesrv.engines.base import AgentItem, TextDelta, UserItem
from voicesrv.errors import ClientError, Code, EngineError
from voicesrv.events import (
    Cancel,
    Cleared,
    Close,
    Failed,
    Flush,
    Flushed,
    Latency,
    ReplyAudio,
    ReplyCause,
    ReplyEnded,
    ReplyStarted,
    SendText,
    Speak,
    ToolCall,
    ToolOutput,
    TurnEnded,
    TurnLikelyEnded,
)
from voicesrv.options import changed

pytestmark = pytest.mark.anyio

LONG = "one two three four five six seven eight nine ten eleven twelve."


def turn(player: Player, ms: int = 600, pause_ms: int = 400) -> None:
    player.speak(ms)
    player.pause(pause_ms)


def story(player: Player) -> list[tuple[str, int]]:
    """The life of each reply."""
    kinds = (ReplyStarted, Cleared, ReplyEnded)
    return [(type(event).__name__, event.reply) for event in player.out.events if isinstance(event, kinds)]


def check_lives(player: Player) -> None:
    """Every reply begins once and ends once, one after the other, and is silent before and after."""
    under_way: int | None = None
    seen: set[int] = set()
    for _, event in player.out.told:
        match event:
            case ReplyStarted(reply=reply):
                assert under_way is None and reply not in seen
                under_way = reply
                seen.add(reply)
            case ReplyEnded(reply=reply):
                assert reply == under_way
                under_way = None
            case _ if hasattr(event, "reply"):
                assert event.reply == under_way, event


# --- replies that are stopped before they began -------------------------------------------------


async def test_a_reply_that_is_stopped_at_once_has_begun_all_the_same() -> None:
    """Two messages may come in one go: the first one's reply has had no time to run."""
    async with stage() as it:
        it.llm.replies = ["Never.", "Second."]
        user = await it.join()
        user.say(SendText("one"))
        user.say(SendText("two"))
        await user.out.get(ReplyEnded, 2)
        assert story(user) == [
            ("ReplyStarted", 1),
            ("Cleared", 1),
            ("ReplyEnded", 1),
            ("ReplyStarted", 2),
            ("ReplyEnded", 2),
        ]
        assert [asked[0] for asked in it.llm.asked] == [(UserItem("one"), UserItem("two"))]


async def test_cancel_comes_in_time_however_early() -> None:
    async with stage() as it:
        user = await it.join()
        user.say(SendText("one"))
        user.say(Cancel())
        await asyncio.sleep(10)
        check_lives(user)
        assert [event.cause for event in user.out.of(ReplyEnded)] == [ReplyCause.CANCELLED]
        assert not it.llm.asked and user.seat.conversation.floor.idle


@pytest.mark.parametrize("turns_of_the_loop", range(20))
async def test_after_its_end_a_reply_says_nothing_whatever_it_was_about_to_do(turns_of_the_loop: int) -> None:
    async with stage() as it:
        it.llm.replies = [[TextDelta("Let me see. "), ToolCall("c", "weather", {}), TextDelta("Well.")]]
        user = await it.join()
        await user.seat.reconfigure(user.out, changed(user.seat.participant.options, {"tools": [{"name": "weather"}]}))
        user.say(SendText("weather?"))
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        user.say(Cancel())
        await asyncio.sleep(60)
        check_lives(user)


# --- what is owed -------------------------------------------------------------------------------


async def test_a_cough_before_the_answer_does_not_cost_it() -> None:
    async with stage() as it:
        it.stt.texts = ["what time is it", "", "thanks"]
        it.llm.gate = asyncio.Event()
        user = await it.join()
        turn(user)
        await user.out.get(ReplyStarted)
        turn(user, 200)  # it interrupts, and nothing is understood
        await user.out.get(TurnEnded, 2)
        it.llm.gate.set()
        await user.out.get(ReplyEnded, 2)
        check_lives(user)
        assert [event.cause for event in user.out.of(ReplyEnded)] == [ReplyCause.INTERRUPTED, ReplyCause.COMPLETE]
        # A turn without words gets no reply: this one answers the turn before it.
        assert [event.turn for event in user.out.of(ReplyStarted)] == [1, 1]
        turn(user)
        await user.out.get(ReplyEnded, 3)
        assert user.out.of(ReplyStarted)[2].turn == 3


async def test_a_cough_before_the_answer_to_what_was_typed_does_not_cost_it() -> None:
    """Also where what was typed had itself interrupted a reply that was heard."""
    async with stage() as it:
        it.stt.texts = [""]
        it.llm.replies = [LONG, "Two."]
        user = await it.join()
        user.say(SendText("one"))
        await user.out.get(ReplyAudio)
        await asyncio.sleep(0.5)
        it.llm.gate = asyncio.Event()
        user.say(SendText("two"))
        assert user.out.of(ReplyEnded)[0].heard == "one two three four five"
        turn(user, 200)
        await user.out.get(TurnEnded, 3)
        it.llm.gate.set()
        assert (await user.out.get(ReplyEnded, 3)).text == "Two. "
        assert user.out.of(ReplyStarted)[2].turn == 2


async def test_a_cough_while_the_answer_is_heard_is_an_interruption() -> None:
    async with stage() as it:
        it.stt.texts = ["hello", ""]
        it.llm.replies = [LONG]
        user = await it.join()
        turn(user)
        await user.out.get(ReplyAudio)
        await asyncio.sleep(0.5)
        turn(user, 200)
        await user.out.get(TurnEnded, 2)
        await asyncio.sleep(5)
        assert len(it.llm.asked) == 1  # what was heard was an answer


async def test_cancel_asks_for_silence_not_for_another_try() -> None:
    async with stage() as it:
        it.stt.texts = ["hello", ""]
        it.llm.gate = asyncio.Event()
        user = await it.join()
        turn(user)
        await user.out.get(ReplyStarted)
        user.say(Cancel())
        turn(user)
        await user.out.get(TurnEnded, 2)
        await asyncio.sleep(5)
        assert len(user.out.of(ReplyStarted)) == 1


async def test_turns_during_a_reply_that_may_not_be_interrupted_get_one_answer_after_it() -> None:
    async with stage() as it:
        it.stt.texts = ["first", "second", "third"]
        it.llm.replies = [LONG, "Both.", "Never."]
        user = await it.join(interrupt=False)
        turn(user)
        await user.out.get(ReplyAudio)
        turn(user)
        turn(user)
        await user.out.get(ReplyEnded, 2)
        await asyncio.sleep(5)
        check_lives(user)
        assert [event.turn for event in user.out.of(ReplyStarted)] == [1, 3]
        assert it.llm.asked[1][0][-2:] == (UserItem("second"), UserItem("third")) or it.llm.asked[1][0] == (
            UserItem("first"),
            UserItem("second"),
            UserItem("third"),
            AgentItem(LONG + " "),
        )


async def test_a_turn_that_is_open_when_the_reply_ends_is_answered_with_the_one_before_it_once() -> None:
    async with stage() as it:
        it.stt.texts = ["first", "second", "third"]
        it.llm.replies = [LONG, "Both.", "Never."]
        user = await it.join(interrupt=False)
        turn(user)
        await user.out.get(ReplyAudio)
        turn(user)  # waits in line
        await user.out.get(TurnEnded, 2)
        user.speak(600)  # is still open when the reply is over
        await user.out.get(ReplyEnded)
        assert len(user.out.of(ReplyStarted)) == 1
        user.pause(400)
        await user.out.get(ReplyEnded, 2)
        await asyncio.sleep(5)
        check_lives(user)
        assert [event.turn for event in user.out.of(ReplyStarted)] == [1, 3]
        assert len(it.llm.asked) == 2 and user.seat.conversation.floor.idle


async def test_what_was_said_while_a_text_was_read_out_is_answered_though_nothing_is_understood_next() -> None:
    async with stage() as it:
        it.stt.texts = ["first", ""]
        user = await it.join(interrupt=False)
        user.say(Speak(LONG))
        await user.out.get(ReplyAudio)
        user.speak(400)
        user.pause(400)
        user.speak(200)  # the next turn is open when the first one's text is known
        await user.out.get(ReplyEnded)
        user.pause(400)
        assert (await user.out.get(ReplyEnded, 2)).cause is ReplyCause.COMPLETE
        assert user.out.of(ReplyStarted)[1].turn == 1
        assert it.llm.asked[0][0] == (UserItem("first"), AgentItem(LONG)) or it.llm.asked[0][0] == (
            AgentItem(LONG),
            UserItem("first"),
        )


async def test_a_failed_reply_is_over() -> None:
    async with stage() as it:
        it.stt.texts = ["hello", ""]
        it.llm.failures = [EngineError("no")]
        user = await it.join()
        turn(user)
        assert (await user.out.get(ReplyEnded)).cause is ReplyCause.FAILED
        turn(user)
        await user.out.get(TurnEnded, 2)
        await asyncio.sleep(5)
        assert len(it.llm.asked) == 1


# --- prepared replies ---------------------------------------------------------------------------


async def test_a_prepared_answer_to_what_is_owed_too_is_for_the_later_turn() -> None:
    async with stage() as it:
        it.stt.texts = ["what time", "is it"]
        it.llm.gate = asyncio.Event()
        user = await it.join(eager_ms=100, endpointing_ms=300)
        turn(user)
        await user.out.get(ReplyStarted)
        user.speak(400)  # before anything was heard
        user.pause(140)
        await user.out.get(TurnLikelyEnded, 2)
        user.pause(300)
        it.llm.gate.set()
        await user.out.get(ReplyEnded, 2)
        check_lives(user)
        assert it.llm.asked[-1][0] == (UserItem("what time"), UserItem("is it"))
        assert user.out.of(Latency)[-1].turn == 2
        assert len(user.out.of(Latency)) == 1


async def test_a_prepared_reply_does_not_leave_a_turn_owed() -> None:
    async with stage() as it:
        it.stt.texts = ["hello", ""]
        user = await it.join(eager_ms=100, endpointing_ms=300)
        user.speak(400)
        user.pause(140)
        await user.out.get(TurnLikelyEnded)
        user.pause(300)
        await user.out.get(ReplyEnded)
        turn(user)
        await user.out.get(TurnEnded, 2)
        await asyncio.sleep(5)
        assert len(it.llm.asked) == 1 and len(user.out.of(ReplyStarted)) == 1


async def test_a_model_that_fails_while_it_is_held_fails_when_it_is_wanted() -> None:
    async with stage() as it:
        it.llm.failures = [EngineError("no")]
        user = await it.join(eager_ms=100, endpointing_ms=600)
        user.speak(400)
        user.pause(160)
        await user.out.get(TurnLikelyEnded)
        await asyncio.sleep(5)
        assert not user.out.of(ReplyStarted)
        user.pause(600)
        assert (await user.out.get(ReplyEnded)).cause is ReplyCause.FAILED
        check_lives(user)
        turn(user, pause_ms=800)
        assert (await user.out.get(ReplyEnded, 2)).cause is ReplyCause.COMPLETE


# --- dictated texts -----------------------------------------------------------------------------


async def test_after_a_voice_failed_what_is_gathered_is_another_text() -> None:
    """Nothing is fed to a reply that is over, and every ``flush`` is answered."""
    async with stage() as it:
        speaks = it.tts.synthesize
        it.tts.synthesize = _failing  # type: ignore[method-assign]
        user = await it.join(mode="speak")
        user.say(Speak("This fails. ", flush=False))
        assert (await user.out.get(ReplyEnded)).cause is ReplyCause.FAILED
        it.tts.synthesize = speaks  # type: ignore[method-assign]
        user.say(Speak("This does not. ", flush=False))
        user.say(Flush("f"))
        await user.out.get(Flushed)
        ended = await user.out.get(ReplyEnded, 2)
        assert (ended.text, ended.cause) == ("This does not. ", ReplyCause.COMPLETE)
        check_lives(user)


async def _failing(text: str, options: object):  # type: ignore[no-untyped-def]
    raise EngineError("no such voice")
    yield


async def test_flushed_comes_after_the_last_audio_and_before_it_was_heard() -> None:
    async with stage() as it:
        user = await it.join(mode="speak")
        user.say(Speak(LONG, flush=False))
        user.say(Flush(1))
        await user.out.get(Flushed)
        names = user.out.names
        assert names.index("AudioEnded") < names.index("Flushed") and "ReplyEnded" not in names
        await user.out.get(ReplyEnded)


async def test_flushes_of_what_is_cancelled_are_answered() -> None:
    async with stage() as it:
        user = await it.join(mode="speak")
        other = await it.join(user.seat.conversation.id, mode="speak")
        user.say(Speak(LONG, flush=False))
        user.say(Flush("mine"))
        other.say(Speak("Theirs.", flush=False))
        other.say(Flush("theirs"))
        await user.out.get(ReplyAudio)
        user.say(Cancel())
        assert [event.id for event in user.out.of(Flushed)] == ["mine"]
        assert [event.id for event in other.out.of(Flushed)] == ["theirs"]
        check_lives(user)
        check_lives(other)


async def test_text_is_spoken_sentence_by_sentence_before_the_flush() -> None:
    async with stage() as it:
        user = await it.join(mode="speak")
        user.say(Speak("A whole sentence. And ", flush=False))
        await user.out.get(ReplyAudio)
        await asyncio.sleep(20)
        assert it.tts.spoken == ["A whole sentence."]
        user.say(Speak("another.", flush=False))
        user.say(Flush())
        assert (await user.out.get(ReplyEnded)).text == "A whole sentence. And another."
        assert it.tts.spoken == ["A whole sentence.", "And another."]


async def test_leaving_finishes_what_was_gathered() -> None:
    async with stage() as it:
        user = await it.join(mode="speak")
        stays = await it.join(user.seat.conversation.id)
        user.say(Speak("Not finished ", flush=False))
        user.seat.leave(user.out, for_good=True)
        assert (await stays.out.get(ReplyEnded)).cause is ReplyCause.COMPLETE


async def test_a_text_waits_for_a_turn_and_is_spoken_after_its_answer() -> None:
    async with stage() as it:
        user = await it.join()
        user.speak(400)
        user.say(Speak("Read out."))
        await asyncio.sleep(5)
        assert not user.out.of(ReplyStarted)
        user.pause(400)
        await user.out.get(ReplyEnded, 2)
        assert [event.text for event in user.out.of(ReplyEnded)] == ["Well, hello to you. ", "Read out."]


async def test_a_text_that_waited_for_a_turn_without_words_is_spoken() -> None:
    async with stage() as it:
        it.stt.texts = [""]
        user = await it.join()
        user.speak(400)
        user.say(Speak("Read out."))
        user.pause(400)
        assert (await user.out.get(ReplyEnded)).text == "Read out."


async def test_a_text_is_measured_before_it_is_looked_at() -> None:
    async with stage() as it:
        user = await it.join(mode="speak")
        for text, code in (("!" * 2000, Code.NOTHING_TO_SPEAK), ("!" * 2001, Code.TEXT_TOO_LONG)):
            with pytest.raises(ClientError) as no:
                user.say(Speak(text))
            assert no.value.code is code
        assert not user.out.of(ReplyStarted)


async def test_cancel_while_a_turn_is_open_drops_what_waits() -> None:
    async with stage() as it:
        it.stt.texts = [""]
        user = await it.join()
        user.speak(400)
        user.say(Speak("Read out.", flush=False))
        user.say(Flush("f"))
        user.say(Cancel())
        assert user.out.of(Flushed) and user.out.of(ReplyEnded)[0].cause is ReplyCause.CANCELLED
        user.pause(400)
        await user.out.get(TurnEnded)
        await asyncio.sleep(5)
        assert not it.tts.spoken
        check_lives(user)


# --- several connections ------------------------------------------------------------------------


async def pair(it: Stage, **options: object) -> tuple[Player, Player]:
    """Somebody who talks, and another connection to the same conversation."""
    first = await it.join()
    return first, await it.join(first.seat.conversation.id, **options)


async def test_who_only_listens_does_not_interrupt() -> None:
    async with stage() as it:
        it.stt.texts = ["hello", "aside"]
        it.llm.replies = [LONG]
        user, desk = await pair(it, mode="listen")
        turn(user)
        await user.out.get(ReplyAudio)
        turn(desk)
        assert (await user.out.get(ReplyEnded)).cause is ReplyCause.COMPLETE
        assert [event.text for event in user.out.of(TurnEnded)] == ["hello", "aside"]
        assert UserItem("aside") in user.seat.conversation.floor.history.items


async def test_who_only_listens_does_not_hold_answers_up() -> None:
    async with stage() as it:
        user, desk = await pair(it, mode="listen", endpointing_ms=0)
        desk.speak(400)  # and goes on for as long as there is noise
        turn(user)
        assert (await user.out.get(ReplyEnded)).cause is ReplyCause.COMPLETE


async def test_an_answer_waits_until_all_have_finished() -> None:
    async with stage() as it:
        it.stt.texts = ["one", "two"]
        user, other = await pair(it)
        user.speak(400)
        other.speak(400)
        user.pause(400)
        await asyncio.sleep(5)
        assert not user.out.of(ReplyStarted)
        other.pause(400)
        await user.out.get(ReplyEnded)
        assert it.llm.asked[0][0] == (UserItem("one"), UserItem("two")) and len(it.llm.asked) == 1


async def test_a_reply_that_nobody_is_left_to_hear_ends() -> None:
    """The last who takes audio has hung up; who only listens is not kept waiting by its reply."""
    async with stage() as it:
        it.llm.replies = [LONG]
        user, desk = await pair(it, mode="listen")
        turn(user)
        await user.out.get(ReplyAudio)
        user.seat.leave(user.out, for_good=True)
        assert (await desk.out.get(ReplyEnded)).cause is ReplyCause.CANCELLED
        desk.say(Close())
        began = asyncio.get_running_loop().time()
        await desk.out.until(lambda: bool(desk.out.closed))
        assert asyncio.get_running_loop().time() - began < 1


async def test_who_comes_back_in_time_hears_the_rest() -> None:
    async with stage() as it:
        it.llm.replies = [LONG]
        user, desk = await pair(it, mode="listen")
        turn(user)
        await user.out.get(ReplyAudio)
        user.seat.leave(user.out, for_good=False)
        await asyncio.sleep(60)
        assert not desk.out.of(ReplyEnded)
        back = await it.resume(user, user.out.told[-1][0])
        assert (await back.out.get(ReplyEnded)).cause is ReplyCause.COMPLETE


# --- changes and odd moments --------------------------------------------------------------------


async def test_a_tools_output_that_nobody_waits_for_is_refused_shortly() -> None:
    async with stage() as it:
        user = await it.join()
        user.say(ToolOutput("x" * 60_000, "?"))
        [failed] = user.out.of(Failed)
        assert failed.code == Code.BAD_PARAMETER and len(failed.message) < 300
