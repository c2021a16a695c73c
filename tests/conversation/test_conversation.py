"""What a conversation tells, in which order, on scripted engines and a clock that does not wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.conversation.stage import Player, Stage, stage
from voicesrv.conversation.seat import Join
from voicesrv.engines.base import AgentItem, TextDelta, ToolResult, UserItem
from voicesrv.errors import ClientError, Code, EngineError, EngineUnavailable
from voicesrv.events import (
    AppendAudio,
    AudioEnded,
    AudioSince,
    AudioStarted,
    Cancel,
    Cleared,
    Close,
    EndCause,
    Failed,
    Finalize,
    Flush,
    Flushed,
    Latency,
    Ping,
    Playback,
    Pong,
    Ready,
    ReplyAudio,
    ReplyCause,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ReplyWords,
    SendText,
    Speak,
    Tool,
    ToolCall,
    ToolCalled,
    ToolOutput,
    TurnEnded,
    TurnLikelyEnded,
    TurnResumed,
    TurnStarted,
    TurnUpdated,
)
from voicesrv.options import Options, changed
from voicesrv.stores.files import FileStore

pytestmark = pytest.mark.anyio

LONG_REPLY = "one two three four five six seven eight nine ten eleven twelve."


def spoken_turn(player: Player, ms: int = 1000) -> None:
    player.pause(500)
    player.speak(ms)
    player.pause(400)


def audio_of(player: Player) -> bytes:
    return b"".join(event.pcm for event in player.out.of(ReplyAudio))


async def configure(player: Player, **options: object) -> None:
    await player.seat.reconfigure(player.out, changed(player.seat.participant.options, options))


async def test_a_spoken_turn_is_answered_in_order() -> None:
    async with stage() as it:
        user = await it.join()
        spoken_turn(user)
        ended = await user.out.get(ReplyEnded)
        names = user.out.names
        assert names[0] == "Ready"
        assert [n for n in names if n not in ("TurnUpdated", "ReplyText")] == [
            "Ready",
            "TurnStarted",
            "TurnEnded",
            "ReplyStarted",
            "AudioStarted",
            "ReplyAudio",
            "Latency",
            "ReplyAudio",
            "AudioEnded",
            "ReplyEnded",
        ]
        turn = user.out.of(TurnEnded)[0]
        assert (turn.text, turn.cause) == ("hello there", EndCause.SILENCE)
        assert abs(turn.start_ms - 500) <= 40 and abs(turn.end_ms - 1500) <= 40
        assert ended.heard == ended.text == "Well, hello to you. "
        assert user.out.of(AudioEnded)[0].duration_ms == pytest.approx(400, abs=30)
        assert len(audio_of(user)) == pytest.approx(400 * 48, abs=48 * 30)


async def test_numbers_are_1_2_3() -> None:
    async with stage() as it:
        user = await it.join()
        spoken_turn(user)
        user.say(Ping(7))
        await user.out.get(ReplyEnded)
        numbers = [seq for seq, event in user.out.told if not isinstance(event, ReplyAudio)]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_a_turn_begins_with_its_pre_roll_and_has_all_of_its_audio() -> None:
    async with stage() as it:
        user = await it.join()
        spoken_turn(user, 1000)
        await user.out.get(TurnEnded)
        # 300 ms before the speech, 1000 of it, 300 of silence that ended it
        assert it.stt.heard == [pytest.approx(1600 * 16, abs=40 * 16)]


async def test_nothing_understood_gets_no_reply() -> None:
    async with stage() as it:
        it.stt.texts = [""]
        user = await it.join()
        spoken_turn(user)
        assert (await user.out.get(TurnEnded)).text == ""
        user.say(Close())
        await user.out.until(lambda: user.out.closed == [None])
        assert not user.out.of(ReplyStarted)


async def test_barge_in_cuts_history_at_the_word_that_was_heard() -> None:
    async with stage() as it:
        it.llm.replies = [LONG_REPLY, "Sorry."]
        user = await it.join(words=True)
        spoken_turn(user)
        await user.out.get(AudioEnded)
        user.say(Playback(1, 360))
        user.speak(400)
        cleared = user.out.names.index("Cleared")
        assert user.out.names[cleared + 1] == "ReplyEnded"
        assert "ReplyAudio" not in user.out.names[cleared:]
        ended = user.out.of(ReplyEnded)[0]
        assert ended.cause is ReplyCause.INTERRUPTED
        assert ended.heard == "one two three four"  # half of each had sounded after 360 ms
        user.pause(400)
        await user.out.get(ReplyEnded, 2)
        assert it.llm.asked[1][0] == (
            UserItem("hello there"),
            AgentItem("one two three four", interrupted=True),
            UserItem("hello there"),
        )


async def test_barge_in_without_reports_goes_by_the_clock_of_what_was_sent() -> None:
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join()
        spoken_turn(user)
        await user.out.get(ReplyAudio)
        await asyncio.sleep(0.66)  # on a clock that does not wait
        user.speak(400)
        assert user.out.of(ReplyEnded)[0].heard == "one two three four five six seven"


async def test_audio_is_sent_at_most_lead_ms_ahead() -> None:
    async with stage() as it:
        it.llm.replies = [" ".join(["word"] * 60) + "."]  # 6 s
        user = await it.join()
        loop = asyncio.get_running_loop()
        spoken_turn(user)
        await user.out.get(ReplyAudio)
        began = loop.time()
        while not user.out.of(AudioEnded):
            elapsed_ms = (loop.time() - began) * 1000
            assert len(audio_of(user)) / 48 <= elapsed_ms + 2000 + 1
            await asyncio.sleep(0.05)
        await user.out.get(ReplyEnded)
        assert (loop.time() - began) * 1000 == pytest.approx(6000, abs=100)
        sizes = [len(event.pcm) / 48 for event in user.out.of(ReplyAudio)]
        assert all(20 <= size <= 100 for size in sizes[:-1]) and sizes[-1] <= 100


async def test_speech_does_not_stop_a_reply_that_may_not_be_interrupted() -> None:
    async with stage() as it:
        it.stt.texts = ["first", "second"]
        it.llm.replies = [LONG_REPLY, "Second answer."]
        user = await it.join(interrupt=False)
        spoken_turn(user)
        await user.out.get(ReplyAudio)
        spoken_turn(user)
        await user.out.get(ReplyEnded, 2)
        assert [event.cause for event in user.out.of(ReplyEnded)] == [ReplyCause.COMPLETE] * 2
        assert not user.out.of(Cleared)
        assert [event.turn for event in user.out.of(ReplyStarted)] == [1, 2]


async def test_an_eager_reply_is_held_until_the_turn_has_ended() -> None:
    async with stage() as it:
        user = await it.join(eager_ms=100, endpointing_ms=600)
        user.speak(600)
        user.pause(200)
        await user.out.get(TurnLikelyEnded)
        await asyncio.sleep(1)
        assert it.llm.asked and it.tts.spoken  # it was prepared
        assert not user.out.of(ReplyStarted) and not user.out.of(ReplyText)  # and not told
        user.pause(600)
        await user.out.get(ReplyEnded)
        assert len(it.llm.asked) == 1
        assert user.out.names.index("TurnEnded") < user.out.names.index("ReplyStarted")
        assert it.hub and user.seat.conversation.floor.history.items == (
            UserItem("hello there"),
            AgentItem("Well, hello to you. "),
        )


async def test_a_resumed_turn_throws_the_prepared_reply_away() -> None:
    async with stage() as it:
        it.stt.texts = ["hello there you"]
        it.stt.settled_text = lambda text: "hello there"
        user = await it.join(eager_ms=100, endpointing_ms=600)
        user.speak(600)
        user.pause(200)
        await user.out.get(TurnLikelyEnded)
        user.speak(400)
        assert user.out.of(TurnResumed)
        user.pause(700)
        ended = await user.out.get(ReplyEnded)
        assert [len(asked[0]) for asked in it.llm.asked] == [1, 1, 1][: len(it.llm.asked)]
        assert user.out.of(TurnEnded)[0].text == "hello there you"
        assert [event.reply for event in user.out.of(ReplyStarted)] == [ended.reply]
        assert user.seat.conversation.floor.history.items[0] == UserItem("hello there you")
        assert len(user.seat.conversation.floor.history.items) == 2


async def test_a_recogniser_that_dies_in_mid_turn_hears_the_turn_again() -> None:
    async with stage() as it:
        it.stt.die_after = 8000
        user = await it.join()
        user.pause(400)
        user.speak(1000)
        await asyncio.sleep(1)
        assert it.stt.streams == 2
        user.pause(400)
        assert (await user.out.get(TurnEnded)).text == "hello there"
        assert it.stt.heard == [pytest.approx(1600 * 16, abs=40 * 16)]
        assert not user.out.of(Failed)


async def test_a_recogniser_that_cannot_be_had_costs_the_turn_not_the_connection() -> None:
    async with stage() as it:
        it.stt.transcribe = _failing  # type: ignore[method-assign, assignment]
        user = await it.join()
        spoken_turn(user)
        assert (await user.out.get(TurnEnded)).text == ""
        assert user.out.of(Failed)[0].code == Code.ENGINE_FAILED and not user.out.of(Failed)[0].fatal
        user.say(SendText("still there?"))
        await user.out.get(ReplyEnded)


async def _failing(audio: object, options: object):  # type: ignore[no-untyped-def]
    raise EngineError("no such language")
    yield


async def test_a_voice_that_dies_in_mid_sentence_goes_on_where_it_was() -> None:
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        it.tts.die_after = 5
        user = await it.join(words=True)
        spoken_turn(user)
        await user.out.get(ReplyEnded)
        words = [word.text for event in user.out.of(ReplyWords) for word in event.items]
        assert words == LONG_REPLY.split()
        assert user.out.of(AudioEnded)[0].duration_ms == pytest.approx(1200, abs=30)


async def test_a_model_that_fails_is_told_and_the_turn_is_kept() -> None:
    async with stage() as it:
        it.llm.failures = [EngineUnavailable("down"), EngineUnavailable("down")]
        user = await it.join()
        spoken_turn(user)
        assert (await user.out.get(ReplyEnded)).cause is ReplyCause.FAILED
        assert user.out.of(Failed)[0].code == Code.ENGINE_FAILED
        assert user.seat.conversation.floor.history.items == (UserItem("hello there"),)
        it.llm.failures = [EngineUnavailable("once")]  # asked again by itself
        spoken_turn(user)
        assert (await user.out.get(ReplyEnded, 2)).cause is ReplyCause.COMPLETE


async def test_tools_are_run_by_the_client() -> None:
    async with stage() as it:
        call = ToolCall("c1", "weather", {"city": "Bern"})
        it.llm.replies = [[TextDelta("Let me see. "), call], "It rains."]
        user = await it.join()
        tool = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
        await user.seat.reconfigure(user.out, changed(user.seat.participant.options, {"tools": [tool]}))
        user.say(SendText("weather?"))
        told = await user.out.get(ToolCalled)
        assert told.call == call
        assert told.connection == user.out.of(Ready)[0].connection
        user.say(ToolOutput("c2", "?"))
        failed = user.out.of(Failed)[0]
        assert (failed.code, failed.id) == ("bad_parameter", "c2") and "'c2' is no tool call" in failed.message
        user.say(ToolOutput("c1", "rain"))
        ended = await user.out.get(ReplyEnded)
        assert ended.text == "Let me see. It rains. "
        assert it.llm.asked[0][1].tools == (Tool("weather"),)
        assert it.llm.asked[1][0][1:] == (AgentItem("Let me see. "), call, ToolResult("c1", "weather", "rain"))
        assert user.seat.conversation.floor.history.items == (
            UserItem("weather?"),
            AgentItem("Let me see. "),
            call,
            ToolResult("c1", "weather", "rain"),
            AgentItem("It rains. "),
        )


async def weather_asked(it: Stage) -> tuple[Player, Player]:
    """Two in a conversation, of whom the first asked what takes a tool."""
    it.llm.replies = [[TextDelta("Let me see. "), ToolCall("c1", "weather", {})], "It rains."]
    user = await it.join()
    await user.seat.reconfigure(user.out, changed(user.seat.participant.options, {"tools": [{"name": "weather"}]}))
    desk = await it.join(user.seat.conversation.id)
    user.say(SendText("weather?"))
    await desk.out.get(ToolCalled)
    return user, desk


async def test_all_are_told_of_a_tool_call_and_whose_it_is() -> None:
    async with stage() as it:
        user, desk = await weather_asked(it)
        assert desk.out.of(ToolCalled) == user.out.of(ToolCalled)
        assert desk.out.of(ToolCalled)[0].connection == user.out.of(Ready)[0].connection


async def test_the_first_result_counts_and_the_second_is_told_without_harm() -> None:
    async with stage() as it:
        user, desk = await weather_asked(it)
        desk.say(ToolOutput("c1", "rain"))  # whoever is first
        for _ in range(50):  # more errors than a connection may make
            user.say(ToolOutput("c1", "sun"))
        ended = await user.out.get(ReplyEnded)
        assert ended.text == "Let me see. It rains. "
        assert it.llm.asked[1][0][-1] == ToolResult("c1", "weather", "rain")
        assert {(event.code, event.fatal, event.id) for event in user.out.of(Failed)} == {
            ("bad_parameter", False, "c1")
        }
        assert not desk.out.of(Failed) and not user.out.closed


@pytest.mark.parametrize("answered", [True, False])
async def test_a_tool_call_of_who_is_gone_for_good_is_answered_by_another_or_given_up(answered: bool) -> None:
    async with stage() as it:
        user, desk = await weather_asked(it)
        loop = asyncio.get_running_loop()
        began = loop.time()
        user.seat.leave(user.out, for_good=True)
        if answered:
            desk.say(ToolOutput("c1", "rain"))
        assert (await desk.out.get(ReplyEnded)).text == "Let me see. It rains. "
        result = it.llm.asked[1][0][-1]
        assert isinstance(result, ToolResult) and result.is_error is not answered
        assert loop.time() - began < (5 if answered else 35)


async def test_a_reply_was_heard_as_far_as_the_farthest_of_its_listeners_heard_it() -> None:
    """Who joined late, whose sound is blocked, or who is lost reports less, and is not asked last."""
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join()
        user.say(SendText("hello"))
        await user.out.get(ReplyAudio)
        desk = await it.join(user.seat.conversation.id)
        await user.out.get(AudioEnded)
        user.say(Playback(1, 360))
        desk.say(Playback(1, 0))
        user.say(Cancel())
        assert user.out.of(ReplyEnded)[0].heard == "one two three four"


async def test_dictated_text_is_spoken_as_it_is_one_after_the_other() -> None:
    async with stage() as it:
        user = await it.join(mode="speak")
        user.say(Speak("First this."))
        user.say(Speak("Then that, ", flush=False))
        user.say(Speak("and more.", flush=False))
        user.say(Flush("f1"))
        assert (await user.out.get(Flushed)).id == "f1"
        await user.out.get(ReplyEnded, 2)
        assert [event.text for event in user.out.of(ReplyEnded)] == ["First this.", "Then that, and more."]
        assert all(event.turn is None for event in user.out.of(ReplyStarted))
        assert not it.llm.asked
        user.say(Flush("f2"))  # nothing is gathered
        assert user.out.of(Flushed)[-1].id == "f2"


@pytest.mark.parametrize(
    ("text", "code"), [("x" * 2001, Code.TEXT_TOO_LONG), ("", Code.NOTHING_TO_SPEAK), ("!?", Code.NOTHING_TO_SPEAK)]
)
async def test_what_cannot_be_spoken_is_refused(text: str, code: Code) -> None:
    async with stage() as it:
        user = await it.join(mode="speak")
        with pytest.raises(ClientError) as caught:
            user.say(Speak(text))
        assert caught.value.code is code
        assert user.seat.conversation.floor.idle


async def test_cancel_stops_the_reply_and_what_waits() -> None:
    async with stage() as it:
        user = await it.join(mode="speak")
        user.say(Speak(LONG_REPLY))
        user.say(Speak("Never heard."))
        user.say(Flush("f"))
        await user.out.get(ReplyAudio)
        user.say(Cancel())
        assert [event.cause for event in user.out.of(ReplyEnded)] == [ReplyCause.CANCELLED] * 2
        assert user.out.of(ReplyEnded)[1].heard == ""
        user.say(Cancel())  # nothing to stop
        user.say(Speak("Heard."))
        assert (await user.out.get(ReplyEnded, 3)).cause is ReplyCause.COMPLETE


async def test_finalize_ends_the_turn_now() -> None:
    async with stage() as it:
        user = await it.join(endpointing_ms=0)
        user.speak(600)
        user.pause(5000)
        assert not user.out.of(TurnEnded)
        user.say(Finalize())
        assert (await user.out.get(TurnEnded)).cause is EndCause.FINALIZE
        await user.out.get(ReplyEnded)
        user.say(Finalize())  # nothing was said: push to talk is answered all the same
        assert user.out.of(TurnEnded)[1].text == ""


async def test_a_typed_turn_interrupts() -> None:
    async with stage() as it:
        it.llm.replies = [LONG_REPLY, "Yes."]
        user = await it.join()
        user.say(SendText("hi"))
        await user.out.get(ReplyAudio)
        user.say(SendText("stop"))
        await user.out.get(ReplyEnded, 2)
        assert [event.cause for event in user.out.of(ReplyEnded)] == [ReplyCause.INTERRUPTED, ReplyCause.COMPLETE]
        assert [event.cause for event in user.out.of(TurnEnded)] == [EndCause.TEXT] * 2
        assert not user.out.of(TurnStarted) and not user.out.of(Latency)


async def test_close_finishes_what_was_said() -> None:
    async with stage() as it:
        user = await it.join()
        user.speak(600)
        user.say(Close())
        await user.out.until(lambda: bool(user.out.closed))
        assert user.out.of(TurnEnded)[0].cause is EndCause.CLOSE
        assert user.out.of(ReplyEnded)[0].cause is ReplyCause.COMPLETE


@pytest.mark.parametrize("said", ["speaking", "spoken", "paused", "likely", "answered"])
async def test_who_leaves_is_not_answered(said: str) -> None:
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join(eager_ms=100 if said == "likely" else 0)
        other = await it.join(user.seat.conversation.id, mode="listen")
        user.speak(600)
        if said == "paused":
            user.pause(200)
        elif said == "likely":
            user.pause(200)
            await user.out.get(TurnLikelyEnded)
        elif said != "speaking":
            user.say(Finalize())
        if said == "answered":
            await user.out.get(ReplyAudio)
        user.say(Close(finish=False))
        assert user.out.closed == [None]
        user.seat.leave(user.out, for_good=True)
        assert (await other.out.get(TurnEnded)).text  # what was said is no secret
        other.say(SendText("And you?"))
        await asyncio.sleep(1)
        replies = [event.cause for event in other.out.of(ReplyEnded)]
        assert replies == ([ReplyCause.CANCELLED] if said == "answered" else [])
        assert [type(item) for item in user.seat.conversation.floor.history.items][:1] == [UserItem]


async def test_the_model_is_not_asked_for_who_leaves_and_is_slow_to_go() -> None:
    async with stage() as it:
        user = await it.join(eager_ms=100)
        other = await it.join(user.seat.conversation.id, mode="listen")
        user.speak(600)
        user.pause(200)  # long enough to prepare a reply, once it is known what was said
        user.say(Close(finish=False))
        await other.out.get(TurnEnded)
        assert not it.llm.asked and not other.out.of(TurnLikelyEnded)


async def test_who_leaves_takes_no_answer_from_others() -> None:
    async with stage() as it:
        it.llm.replies = ["All of it. "]
        user = await it.join()
        other = await it.join(user.seat.conversation.id)
        user.say(SendText("hi"))
        await user.out.get(ReplyAudio)
        user.say(Close(finish=False))
        user.seat.leave(user.out, for_good=True)
        assert (await other.out.get(ReplyEnded)).cause is ReplyCause.COMPLETE
        other.speak(600)
        other.say(Finalize())
        assert (await other.out.get(ReplyEnded, 2)).cause is ReplyCause.COMPLETE


async def test_who_waits_for_the_end_can_still_leave() -> None:
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join()
        user.say(SendText("hi"))
        await user.out.get(ReplyAudio)
        user.say(Close())
        assert not user.out.closed
        user.say(Close(finish=False))
        assert user.out.closed == [None]
        assert user.out.of(ReplyEnded)[0].cause is ReplyCause.CANCELLED


async def test_a_turn_is_cut_at_60_s_without_loss() -> None:
    async with stage() as it:
        user = await it.join(mode="listen")
        for _ in range(13):
            user.speak(10_000)
            await asyncio.sleep(0)
        user.pause(500)
        await user.out.get(TurnEnded, 3)
        assert [event.cause for event in user.out.of(TurnEnded)] == [
            EndCause.TIMEOUT,
            EndCause.TIMEOUT,
            EndCause.SILENCE,
        ]
        assert sum(it.stt.heard) == pytest.approx(130_300 * 16, abs=40 * 16)


async def test_a_container_is_told_of_once() -> None:
    async with stage() as it:
        user = await it.join()
        user.say(AppendAudio(b"RIFF\x24\x08\x00\x00WAVEfmt " + bytes(100)))
        user.say(AppendAudio(b"RIFF\x24\x08\x00\x00WAVEfmt " + bytes(100)))
        assert user.out.names.count("Warned") == 1


async def test_two_connections_share_a_conversation() -> None:
    async with stage() as it:
        phone = await it.join()
        desk = await it.join(phone.seat.conversation.id, mode="listen")
        spoken_turn(phone)
        await desk.out.get(ReplyEnded)
        shared = [event for event in phone.out.told if not isinstance(event[1], Ready | ReplyAudio)]
        assert [event for event in desk.out.told if not isinstance(event[1], Ready)] == shared
        assert phone.out.of(ReplyAudio) and not desk.out.of(ReplyAudio)


async def test_a_foreign_key_finds_no_conversation() -> None:
    async with stage() as it:
        user = await it.join()
        with pytest.raises(ClientError) as caught:
            await it.hub.join(Join("other", Options(), user.seat.conversation.id))
        assert caught.value.code is Code.NOT_FOUND


async def test_a_full_server_says_so() -> None:
    async with stage() as it:
        for _ in range(4):
            await it.join()
        with pytest.raises(ClientError) as caught:
            await it.join()
        assert caught.value.code is Code.OVERLOADED and caught.value.retry_after_ms


@pytest.mark.parametrize("cut", range(1, 14))
async def test_resume_tells_each_event_once_and_all_audio(cut: int) -> None:
    """Dropped after any number of messages, the client ends up with what an undisturbed one has."""
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join(words=True)
        spoken_turn(user)
        await user.out.until(lambda: len(user.out.told) >= cut)
        had = user.out.told[:cut]
        user.seat.leave(user.out, for_good=False)
        await asyncio.sleep(5)
        last = max(seq for seq, event in had if not isinstance(event, ReplyAudio))
        got_ms = sum(len(event.pcm) for _, event in had if isinstance(event, ReplyAudio)) // 48
        back = await it.resume(user, last, AudioSince(1, got_ms) if got_ms else None)
        assert back.seat.participant is user.seat.participant
        await back.out.get(ReplyEnded)
        assert isinstance(back.out.told[0][1], Ready)
        events = [(s, e) for s, e in had + back.out.told[1:] if not isinstance(e, ReplyAudio)]
        assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
        audio = b"".join(e.pcm for _, e in had + back.out.told if isinstance(e, ReplyAudio))
        assert len(audio) // 48 == back.out.of(AudioEnded)[0].duration_ms
        assert back.out.of(ReplyEnded)[0].cause is ReplyCause.COMPLETE


async def test_nothing_is_played_to_nobody() -> None:
    async with stage() as it:
        it.llm.replies = [" ".join(["word"] * 100) + "."]
        user = await it.join()
        spoken_turn(user)
        await user.out.get(ReplyAudio)
        user.seat.leave(user.out, for_good=False)
        await asyncio.sleep(60)
        back = await it.resume(user, user.out.told[-1][0], AudioSince(1, len(audio_of(user)) // 48))
        assert (await back.out.get(ReplyEnded)).cause is ReplyCause.COMPLETE
        assert len(audio_of(user) + audio_of(back)) // 48 == pytest.approx(10_000, abs=30)


async def test_a_token_serves_once_and_the_later_socket_wins() -> None:
    async with stage() as it:
        user = await it.join()
        token = user.seat.participant.token
        first = await it.resume(user, 1, token=token)
        assert user.out.closed == [Code.SUPERSEDED]
        second = await it.resume(user, 1, token=token)  # the first never showed that it has the new token
        assert first.out.closed == [Code.SUPERSEDED]
        second.seat.participant.confirm_token()
        with pytest.raises(ClientError) as caught:
            await it.resume(user, 1, token=token)
        assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("after", [500, 10**8])
async def test_a_resume_that_cannot_be_whole_is_no_resume(after: int) -> None:
    async with stage() as it:
        user = await it.join()
        with pytest.raises(ClientError) as caught:
            await it.resume(user, after)
        assert caught.value.code is Code.STATE_LOST


async def test_a_connection_is_waited_for_then_forgotten() -> None:
    async with stage() as it:
        user = await it.join()
        user.seat.leave(user.out, for_good=False)
        await asyncio.sleep(100)
        assert it.hub.held == 1
        await asyncio.sleep(30)
        assert it.hub.held == 0


async def test_answers_to_one_are_not_told_to_others() -> None:
    async with stage() as it:
        one = await it.join()
        two = await it.join(one.seat.conversation.id)
        one.say(Ping("p"))
        assert one.out.of(Pong) and not two.out.of(Pong)


async def test_interims_can_be_left_out() -> None:
    async with stage() as it:
        user = await it.join(interim=False)
        spoken_turn(user)
        await user.out.get(TurnEnded)
        assert not user.out.of(TurnUpdated)


async def test_a_conversation_goes_on_in_the_next_process(tmp_path: Path) -> None:
    async with stage(FileStore(tmp_path)) as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join(words=True)
        spoken_turn(user)
        await user.out.get(ReplyAudio)
        user.speak(600)  # barge-in, and still speaking when the server stops
        await it.hub.drain(10)
        assert user.out.closed == [Code.SHUTTING_DOWN]
        assert user.out.of(TurnEnded)[1].cause is EndCause.CLOSE
        had = [(seq, event) for seq, event in user.out.told if not isinstance(event, ReplyAudio)]
        heard_ms = user.seat.participant.listener.received_ms
        items = user.seat.conversation.floor.history.items
        with pytest.raises(ClientError) as refused:
            await it.join()
        assert refused.value.code is Code.SHUTTING_DOWN
    async with stage(FileStore(tmp_path)) as it:
        back = await it.resume(user, after=had[-3][0])
        ready = back.out.of(Ready)[0]
        assert (ready.conversation, ready.connection) == (user.seat.conversation.id, user.seat.participant.id)
        assert ready.received_ms == heard_ms and ready.settings["words"] is True
        assert back.out.told[1:3] == had[-2:]  # the reply's end, and why the socket was closed
        spoken_turn(back)
        ended = await back.out.get(TurnEnded)
        assert ended.turn == 3 and ended.start_ms == pytest.approx(heard_ms + 500, abs=40)
        await back.out.get(ReplyEnded, 2)
        assert it.llm.asked[0][0][: len(items)] == items
        assert not list(tmp_path.glob("*.json"))  # it is held by one process at a time


async def test_what_was_owed_at_the_stop_is_answered_after_it(tmp_path: Path) -> None:
    async with stage(FileStore(tmp_path)) as it:
        it.llm.gate = asyncio.Event()  # a model that does not answer in time
        user = await it.join()
        spoken_turn(user)
        await user.out.get(ReplyStarted)
        await it.hub.drain(1)
        assert user.out.of(ReplyEnded)[0].heard == ""
    async with stage(FileStore(tmp_path)) as it:
        back = await it.resume(user, after=1)
        assert (await back.out.get(ReplyEnded, 2)).text == "Well, hello to you. "


async def test_an_interrupted_tool_is_not_run_again() -> None:
    async with stage() as it:
        call = ToolCall("c1", "pay", {"euros": 10})
        it.llm.replies = [[call], "Done."]
        it.stt.texts = [""]  # a cough
        user = await it.join()
        tools = changed(user.seat.participant.options, {"tools": [{"name": "pay"}]})
        await user.seat.reconfigure(user.out, tools)
        user.say(SendText("pay 10 euros"))
        await user.out.get(ToolCalled)
        spoken_turn(user)
        await user.out.get(TurnEnded, 2)
        await asyncio.sleep(5)
        assert len(user.out.of(ToolCalled)) == 1
        _, told, result = user.seat.conversation.floor.history.items
        assert told == call and isinstance(result, ToolResult) and result.is_error


async def test_a_tool_result_in_the_last_moment_is_remembered() -> None:
    async with stage() as it:
        it.llm.replies = [[ToolCall("c1", "pay", {})], "Done."]
        user = await it.join()
        await user.seat.reconfigure(user.out, changed(user.seat.participant.options, {"tools": [{"name": "pay"}]}))
        user.say(SendText("pay"))
        await user.out.get(ToolCalled)
        user.say(ToolOutput("c1", "paid"))
        user.say(Cancel())
        assert user.seat.conversation.floor.history.items[-1] == ToolResult("c1", "pay", "paid")


async def test_noise_after_a_restart_answers_what_was_owed(tmp_path: Path) -> None:
    async with stage(FileStore(tmp_path)) as it:
        it.llm.gate = asyncio.Event()
        user = await it.join()
        spoken_turn(user)
        await user.out.get(ReplyStarted)
        await it.hub.drain(1)
    async with stage(FileStore(tmp_path)) as it:
        it.stt.texts = [""]
        other = await it.join(user.seat.conversation.id)  # joins by its name, without a token
        spoken_turn(other)
        assert (await other.out.get(ReplyEnded)).text == "Well, hello to you. "


async def test_who_drops_out_in_mid_speech_keeps_nobody_waiting() -> None:
    async with stage() as it:
        one = await it.join()
        two = await it.join(one.seat.conversation.id)
        two.speak(1000)
        two.seat.leave(two.out, for_good=False)
        loop = asyncio.get_running_loop()
        began = loop.time()
        spoken_turn(one)
        await one.out.get(ReplyStarted)
        assert loop.time() - began < 1
        await asyncio.sleep(12)
        assert [event.turn for event in one.out.of(TurnEnded)] == [2, 1]  # and its recogniser is free again
        assert not two.seat.participant.turns


async def test_what_is_said_while_the_server_stops_is_not_counted_as_received(tmp_path: Path) -> None:
    async with stage(FileStore(tmp_path)) as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join()
        user.speak(1000)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(it.hub.drain(5))
            await user.out.get(TurnEnded)
            heard_ms = user.seat.participant.listener.received_ms
            user.speak(1000)
        assert user.seat.participant.listener.received_ms == heard_ms
        assert len(user.out.of(TurnStarted)) == 1
        assert user.out.of(ReplyEnded)[0].cause is ReplyCause.COMPLETE


async def test_what_is_not_heard_was_received_all_the_same() -> None:
    """A client counts all that it sent, and sends again after a drop what comes after ``received_ms``."""
    async with stage() as it:
        user = await it.join(mode="speak")
        listener = user.seat.participant.listener
        user.speak(1000)
        assert listener.received_ms == 1000
        assert not user.out.of(TurnStarted)
        await configure(user, mode="converse")
        user.say(AppendAudio(b"RIFF\x24\x08\x00\x00WAVEfmt " + bytes(3184)))  # a warning, and else nothing
        assert listener.received_ms == 1100
        spoken_turn(user)
        turn = await user.out.get(TurnEnded)
        assert (turn.start_ms, turn.end_ms) == (1600, 2600)
        user.say(Close())
        user.speak(1000)
        assert listener.received_ms == 4000


async def test_what_would_not_be_heard_anyway_is_not_counted_while_the_server_stops() -> None:
    async with stage() as it:
        user = await it.join(mode="speak")
        user.seat.conversation.hush()
        user.speak(1000)
        assert user.seat.participant.listener.received_ms == 0


async def test_places_are_counted_when_they_are_taken() -> None:
    async with stage() as it:
        user = await it.join()
        joins = [Join("local", Options(), user.seat.conversation.id) for _ in range(20)]
        seats = [await it.hub.join(join) for join in joins]  # all before any is taken
        taken = 1
        for seat in seats:
            try:
                Player(seat)
                taken += 1
            except ClientError as error:
                assert error.code is Code.OVERLOADED
        assert taken == it.hub.options.max_participants


async def test_an_old_socket_does_not_undo_what_a_new_one_set() -> None:
    async with stage() as it:
        user = await it.join()
        back = await it.resume(user, 1)
        await back.seat.reconfigure(back.out, changed(back.seat.participant.options, {"words": True}))
        await user.seat.reconfigure(user.out, changed(Options(), {"words": False}))
        assert back.seat.participant.options.words


async def test_who_turns_to_listening_in_mid_turn_gives_the_floor_back() -> None:
    async with stage() as it:
        it.stt.texts = [""]
        user = await it.join()
        user.speak(600)
        await user.seat.reconfigure(user.out, changed(user.seat.participant.options, {"mode": "listen"}))
        user.pause(400)
        await user.out.get(TurnEnded)
        assert user.seat.conversation.floor.idle


async def test_audio_goes_to_who_converses_and_to_who_asked_for_it() -> None:
    async with stage() as it:
        phone = await it.join()
        pen = await it.join(phone.seat.conversation.id, mode="speak")
        page = await it.join(phone.seat.conversation.id, mode="speak")
        phone.say(SendText("hi"))
        await phone.out.get(ReplyEnded)
        assert phone.out.of(ReplyAudio) and not pen.out.of(ReplyAudio) and not page.out.of(ReplyAudio)
        pen.say(Speak("To all."))
        await phone.out.get(ReplyEnded, 2)
        assert pen.out.of(ReplyAudio) and not page.out.of(ReplyAudio)
        assert {event.reply for event in phone.out.of(ReplyAudio)} == {1, 2}


async def test_a_resume_that_does_not_count_its_audio_hears_nothing_twice() -> None:
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join()
        spoken_turn(user)
        await user.out.get(ReplyAudio, 3)
        user.seat.leave(user.out, for_good=False)
        await asyncio.sleep(5)
        back = await it.resume(user, max(seq for seq, _ in user.out.told))
        await back.out.get(ReplyEnded)
        assert len(audio_of(user) + audio_of(back)) // 48 == back.out.of(AudioEnded)[0].duration_ms


@pytest.mark.parametrize("over", [False, True])
async def test_who_joined_gets_no_audio_from_before_whatever_it_asks_for(over: bool) -> None:
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join()
        user.say(SendText("hello"))
        await user.out.get(ReplyEnded if over else ReplyAudio)
        desk = await it.join(user.seat.conversation.id)
        desk.seat.leave(desk.out, for_good=False)
        back = await it.resume(desk, 0, AudioSince(1, 0))
        await user.out.get(ReplyEnded)
        start = [event.start_ms for event in back.out.of(AudioStarted)]
        assert audio_of(back) == (b"" if over else audio_of(user)[start[0] * 48 :])
        assert start == [] if over else start[0] > 0


@pytest.mark.parametrize("lost", ["all from the others' audio.start on", "what came after that"])
async def test_who_listened_first_gets_no_audio_from_before_it_conversed(lost: str) -> None:
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join()
        desk = await it.join(user.seat.conversation.id, mode="listen")
        user.say(SendText("hello"))
        await user.out.get(ReplyAudio)
        began = next(seq for seq, event in desk.out.told if isinstance(event, AudioStarted))
        has = AudioSince(1, 0) if lost == "what came after that" else None
        await configure(desk, mode="converse")
        await desk.out.get(ReplyAudio)
        desk.seat.leave(desk.out, for_good=False)
        back = await it.resume(desk, began - (has is None), has)
        await back.out.get(ReplyEnded)
        told = [event for _, event in back.out.told]
        at = next(i for i, event in enumerate(told) if isinstance(event, AudioStarted) and event.start_ms > 0)
        assert not [event for event in told[:at] if isinstance(event, ReplyAudio)]
        start = told[at]
        assert isinstance(start, AudioStarted) and audio_of(back) == audio_of(user)[start.start_ms * 48 :]


async def test_who_asked_for_one_text_gets_no_audio_of_the_reply_before_it() -> None:
    async with stage() as it:
        phone = await it.join()
        pen = await it.join(phone.seat.conversation.id, mode="speak")
        phone.say(SendText("hi"))
        await phone.out.get(ReplyEnded)
        began = next(seq for seq, event in pen.out.told if isinstance(event, AudioStarted))
        pen.say(Speak("To all."))
        await pen.out.get(ReplyAudio)
        pen.seat.leave(pen.out, for_good=False)
        back = await it.resume(pen, began, AudioSince(1, 0))
        await phone.out.get(ReplyEnded, 2)
        assert {event.reply for event in back.out.of(ReplyAudio)} == {2}
        assert audio_of(back) == b"".join(event.pcm for event in phone.out.of(ReplyAudio) if event.reply == 2)


async def test_what_was_lost_before_listening_for_a_moment_is_still_sent() -> None:
    """Nothing sounded meanwhile that was not for it."""
    async with stage() as it:
        it.llm.replies = [LONG_REPLY]
        user = await it.join()
        desk = await it.join(user.seat.conversation.id)
        user.say(SendText("hello"))
        await desk.out.get(ReplyAudio)
        last = desk.out.told[-1][0]
        await configure(desk, mode="listen")
        await configure(desk, mode="converse")
        desk.seat.leave(desk.out, for_good=False)
        back = await it.resume(desk, last, AudioSince(1, 0))
        await back.out.get(ReplyEnded)
        assert audio_of(back) == audio_of(user)
