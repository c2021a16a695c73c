"""The hub: who may join, how many fit, and what becomes of conversations that end at bad moments."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conversation.stage import Player, Recorder, Stage, stage
from voicesrv.conversation.participant import Setup
from voicesrv.conversation.seat import Join, Seat
from voicesrv.errors import ClientError, Code
from voicesrv.events import (
    AppendAudio,
    AudioEnded,
    AudioSince,
    AudioStarted,
    Close,
    Configured,
    EndCause,
    Failed,
    Ping,
    Pong,
    Ready,
    ReplyAudio,
    ReplyEnded,
    SendText,
    TurnEnded,
)
from voicesrv.options import Options, changed
from voicesrv.stores.files import FileStore

pytestmark = pytest.mark.anyio

NEW = Join("local", Options())
LONG = "one two three four five six seven eight nine ten eleven twelve."


async def refused(awaitable: object) -> Code:
    with pytest.raises(ClientError) as no:
        await awaitable  # type: ignore[misc]
    return no.value.code


async def slow(it: Stage, seconds: float) -> None:
    """From now on, engines take so long to be had."""
    resolve = it.hub.resolve

    async def slowly(options: Options) -> Setup:
        await asyncio.sleep(seconds)
        return await resolve(options)

    it.hub.resolve = slowly


# --- how many fit -------------------------------------------------------------------------------


async def test_a_conversation_takes_its_place_before_its_socket_stands() -> None:
    async with stage() as it:
        seats = [await it.hub.join(NEW) for _ in range(4)]
        assert it.hub.room == 0
        assert await refused(it.hub.join(NEW)) is Code.OVERLOADED
        seats[0].give_up()
        await asyncio.sleep(0.1)
        assert it.hub.room == 1 and it.hub.held == 3
        await it.join()


async def test_a_rush_of_clients_gets_no_more_places_than_there_are() -> None:
    async with stage() as it:
        await slow(it, 1)
        results = await asyncio.gather(*(it.hub.join(NEW) for _ in range(20)), return_exceptions=True)
        assert sum(isinstance(each, Seat) for each in results) == 4
        codes = {each.code for each in results if isinstance(each, ClientError)}
        assert codes == {Code.OVERLOADED} and sum(isinstance(each, ClientError) for each in results) == 16


async def test_who_just_came_is_not_forgotten_in_favour_of_who_is_gone() -> None:
    async with stage() as it:
        gone = [await it.join() for _ in range(4)]
        for number, player in enumerate(gone):
            await asyncio.sleep(1)
            player.seat.leave(player.out, for_good=False)
            assert it.hub.room == number + 1
        seats = [await it.hub.join(NEW) for _ in range(4)]
        await asyncio.sleep(0.1)
        players = [Player(seat) for seat in seats]
        for player in players:
            player.say(SendText("hello"))
            await player.out.get(ReplyEnded)
        assert it.hub.held == 7  # the one that was gone the longest made room, and each new one found enough
        assert await refused(it.resume(gone[0], 1)) is Code.NOT_FOUND
        await it.resume(gone[3], 1)


async def test_a_conversation_has_so_many_connections() -> None:
    async with stage() as it:
        user = await it.join()
        others = [await it.join(user.seat.conversation.id) for _ in range(15)]
        assert await refused(it.join(user.seat.conversation.id)) is Code.OVERLOADED
        others[0].seat.leave(others[0].out, for_good=True)
        await it.join(user.seat.conversation.id)


async def test_what_cannot_be_resolved_takes_no_place() -> None:
    async with stage() as it:

        async def fails(options: Options) -> Setup:
            raise ClientError(Code.NOT_FOUND, "agent: there is none")

        it.hub.resolve = fails
        for _ in range(9):
            assert await refused(it.hub.join(NEW)) is Code.NOT_FOUND
        assert it.hub.held == 0 and it.hub.room == 4


# --- conversations that are over ----------------------------------------------------------------


async def test_nobody_joins_a_conversation_that_is_ending() -> None:
    async with stage() as it:
        user = await it.join()
        user.seat.leave(user.out, for_good=True)
        assert await refused(it.join(user.seat.conversation.id)) is Code.NOT_FOUND


async def test_a_seat_in_a_conversation_that_ended_meanwhile_cannot_be_taken() -> None:
    """The handshake takes its time; the conversation may have had to make room."""
    async with stage() as it:
        user = await it.join()
        user.seat.leave(user.out, for_good=False)
        token = user.out.of(Ready)[0].resume
        join = Join("local", Options(), user.seat.conversation.id, token, 1)
        resuming = await it.hub.join(join)
        joining = await it.hub.join(replace(join, resume=None))
        user.seat.conversation.end()
        await asyncio.sleep(1)
        with pytest.raises(ClientError) as no:
            resuming.take(Recorder(), {})
        assert no.value.code is Code.STATE_LOST
        out = Recorder()
        with pytest.raises(ClientError) as no:
            joining.take(out, {})
        assert no.value.code is Code.NOT_FOUND and not out.told
        joining.leave(out, for_good=False)
        assert it.hub.held == 0


async def test_a_fault_of_ours_ends_one_conversation_and_says_no_more_than_an_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as it:
        user, other = await it.join(), await it.join()
        mate = await it.join(user.seat.conversation.id)
        it.llm.failures = [RuntimeError("secret details")]
        with caplog.at_level(logging.ERROR):
            user.say(SendText("hello"))
            await user.out.until(lambda: bool(user.out.closed))
        for player in (user, mate):
            assert player.out.closed == [Code.INTERNAL]
            failed = player.out.of(Failed)[-1]
            assert failed.fatal and failed.code == Code.INTERNAL
            assert "secret" not in failed.message and failed.message.split()[-1] in caplog.text
        other.say(SendText("hello"))
        await other.out.get(ReplyEnded)
        assert it.hub.held == 1
        user.seat.leave(user.out, for_good=False)
        assert await refused(it.resume(user, 1)) is Code.NOT_FOUND


# --- seats --------------------------------------------------------------------------------------


async def test_an_old_socket_that_notices_late_takes_nothing_from_the_new_one() -> None:
    async with stage() as it:
        user = await it.join()
        back = await it.resume(user, 1)
        user.seat.leave(user.out, for_good=True)
        back.say(SendText("hello"))
        await back.out.get(ReplyEnded)
        assert it.hub.held == 1


async def test_a_seat_that_was_given_up_ends_a_conversation_only_where_it_was_the_first() -> None:
    async with stage() as it:
        user = await it.join()
        seat = await it.hub.join(Join("local", Options(), user.seat.conversation.id))
        seat.give_up()
        user.say(Ping(1))
        assert user.out.of(Pong)
        seat = await it.hub.join(
            Join("local", Options(), user.seat.conversation.id, user.out.of(Ready)[0].resume, 1)
        )  # a resume that is given up leaves everything as it was
        seat.give_up()
        user.say(Ping(2))
        assert len(user.out.of(Pong)) == 2


async def test_a_change_that_cannot_be_had_changes_nothing() -> None:
    async with stage() as it:
        user = await it.join()

        async def fails(options: Options) -> Setup:
            raise ClientError(Code.NOT_FOUND, "voice: there is none")

        it.hub.resolve, resolve = fails, it.hub.resolve
        other = changed(user.seat.participant.options, {"voice": "nobody"})
        assert await refused(user.seat.reconfigure(user.out, other)) is Code.NOT_FOUND
        assert user.seat.participant.options.voice == "" and not user.out.of(Configured)
        it.hub.resolve = resolve
        await user.seat.reconfigure(user.out, other)
        assert user.out.of(Configured)[0].settings["voice"] == "nobody"


async def test_ready_comes_first_whatever_is_going_on() -> None:
    async with stage() as it:
        it.llm.replies = [LONG]
        user = await it.join()
        user.say(SendText("hello"))
        await user.out.get(ReplyAudio)
        late = await it.join(user.seat.conversation.id)
        assert late.out.names[:2] == ["Ready", "AudioStarted"]  # what is being said is for it too
        await late.out.get(ReplyEnded)
        assert late.out.of(ReplyAudio)


async def test_who_joins_in_the_middle_of_a_reply_is_told_where_its_audio_begins() -> None:
    async with stage() as it:
        it.llm.replies = [" ".join([LONG[:-1]] * 3) + "."]  # 3.6 s
        user = await it.join()
        user.say(SendText("hello"))
        await user.out.get(ReplyAudio)
        late = await it.join(user.seat.conversation.id)
        sent_ms = sum(len(event.pcm) for event in user.out.of(ReplyAudio)) // 48
        started = late.out.of(AudioStarted)[0]
        assert started == AudioStarted(1, start_ms=sent_ms) and sent_ms > 0
        assert user.out.of(AudioStarted) == [AudioStarted(1)]
        await late.out.get(ReplyEnded)
        assert late.out.of(ReplyAudio)[0].start_ms == sent_ms
        heard = b"".join(event.pcm for event in late.out.of(ReplyAudio))
        assert heard == b"".join(event.pcm for event in user.out.of(ReplyAudio))[sent_ms * 48 :]


async def test_who_joins_when_all_audio_was_sent_is_promised_none() -> None:
    async with stage() as it:
        it.llm.replies = [LONG]
        user = await it.join()
        user.say(SendText("hello"))
        await user.out.get(AudioEnded)
        late = await it.join(user.seat.conversation.id)
        await late.out.get(ReplyEnded)
        assert late.out.names == ["Ready", "ReplyEnded"]


async def test_who_begins_to_converse_in_the_middle_of_a_reply_is_told_where_its_audio_begins() -> None:
    async with stage() as it:
        it.llm.replies = [" ".join([LONG[:-1]] * 3) + "."]
        user = await it.join()
        desk = await it.join(user.seat.conversation.id, mode="listen")
        user.say(SendText("hello"))
        await user.out.get(ReplyAudio)
        for mode in ("converse", "converse", "listen"):
            await desk.seat.reconfigure(desk.out, changed(desk.seat.participant.options, {"mode": mode}))
        started = desk.out.of(AudioStarted)
        assert [event.start_ms > 0 for event in started] == [False, True]  # once: it heard nothing before
        assert desk.out.names[-4:] == ["Configured", "AudioStarted", "Configured", "Configured"]
        await desk.seat.reconfigure(desk.out, changed(desk.seat.participant.options, {"mode": "converse"}))
        await desk.out.get(ReplyEnded)
        assert desk.out.of(ReplyAudio)[0].start_ms == desk.out.of(AudioStarted)[-1].start_ms


# --- resume -------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize("restart", [False, True])
async def test_who_drops_before_it_was_told_anything_is_told_nothing_from_before_it_came(
    after: int, restart: bool, tmp_path: Path
) -> None:
    """A client that has seen no number but that of ``ready`` may count from 0."""
    store = FileStore(tmp_path)
    async with stage(store) as it:
        user = await it.join()
        user.say(SendText("hello"))
        await user.out.get(ReplyEnded)
        for number in range(1000):
            user.say(Ping(number))
        late = await it.join(user.seat.conversation.id)
        [(came_at, _)] = late.out.told
        late.seat.leave(late.out, for_good=False)
        user.say(SendText("and more"))
        ended = await user.out.get(ReplyEnded, 2)
        if restart:
            await it.hub.drain(1)
        else:
            back = await it.resume(late, after)
    if restart:
        async with stage(store) as it:
            back = await it.resume(late, after)
    told = back.out.told
    assert told[0][0] == came_at and isinstance(told[0][1], Ready)
    assert [event for event in back.out.of(ReplyEnded)] == [ended]
    assert [seq for seq, _ in told] == sorted(seq for seq, _ in told)
    assert {event.reply for event in back.out.of(ReplyAudio)} == (set() if restart else {2})


async def test_who_joined_in_the_middle_of_a_reply_and_dropped_is_sent_the_rest_to_the_millisecond() -> None:
    async with stage() as it:
        it.llm.replies = [" ".join([LONG[:-1]] * 3) + "."]
        user = await it.join()
        user.say(SendText("hello"))
        await user.out.get(ReplyAudio)
        late = await it.join(user.seat.conversation.id)
        await late.out.get(ReplyAudio, 2)
        late.seat.leave(late.out, for_good=False)
        had = list(late.out.told)
        start_ms = late.out.of(AudioStarted)[0].start_ms
        ms = start_ms + sum(len(event.pcm) for event in late.out.of(ReplyAudio)) // 48
        await user.out.get(ReplyEnded)
        back = await it.resume(late, had[-1][0], AudioSince(1, ms))
        audio = b"".join(event.pcm for _, event in had + back.out.told if isinstance(event, ReplyAudio))
        assert audio == b"".join(event.pcm for event in user.out.of(ReplyAudio))[start_ms * 48 :]


async def test_half_a_sample_before_the_drop_does_not_turn_the_rest_into_noise() -> None:
    """A client sends on from ``received_ms``, which is at a whole sample."""
    async with stage() as it:
        user = await it.join()
        loud = np.full(16 * 500, 0x0101 * 32, np.int16).tobytes()
        user.pause(400)
        user.say(AppendAudio(loud + loud[:1]))
        user.seat.leave(user.out, for_good=False)
        back = await it.resume(user, user.out.told[-1][0])
        assert back.out.of(Ready)[0].received_ms == 900
        back.say(AppendAudio(loud))
        back.pause(400)
        await back.out.get(TurnEnded)
        assert it.stt.heard == [pytest.approx((300 + 1000 + 300) * 16, abs=40 * 16)]


async def test_who_only_listens_is_sent_no_audio_after_a_resume_either() -> None:
    async with stage() as it:
        it.llm.replies = [LONG]
        user = await it.join()
        desk = await it.join(user.seat.conversation.id, mode="listen")
        desk.seat.leave(desk.out, for_good=False)
        user.say(SendText("hello"))
        await user.out.get(ReplyAudio)
        await asyncio.sleep(0.5)
        back = await it.resume(desk, desk.out.told[-1][0])
        assert back.out.of(AudioStarted) and not back.out.of(ReplyAudio)
        await back.out.get(ReplyEnded)
        assert not back.out.of(ReplyAudio)


async def test_a_network_whose_end_is_noticed_late_loses_no_audio() -> None:
    """What was sent into the void until the reply was over is sent again."""
    async with stage() as it:
        it.llm.replies = [LONG]
        user = await it.join()
        user.say(SendText("hello"))
        await user.out.get(ReplyAudio, 4)
        had = list(user.out.told)
        await user.out.get(ReplyEnded)
        user.seat.leave(user.out, for_good=False)
        ms = sum(len(event.pcm) for _, event in had if isinstance(event, ReplyAudio)) // 48
        back = await it.resume(user, had[-1][0], AudioSince(1, ms))
        audio = b"".join(event.pcm for _, event in had + back.out.told if isinstance(event, ReplyAudio))
        assert audio == b"".join(event.pcm for event in user.out.of(ReplyAudio))


async def test_a_close_that_lost_its_answer_is_answered_when_asked_again() -> None:
    async with stage() as it:
        user = await it.join()
        user.speak(600)
        user.say(Close())
        user.seat.leave(user.out, for_good=False)
        await asyncio.sleep(5)
        back = await it.resume(user, user.out.told[-1][0])
        back.say(Close())
        await back.out.until(lambda: bool(back.out.closed))
        assert back.out.closed == [None] and back.out.of(TurnEnded)[0].cause is EndCause.CLOSE


@pytest.mark.parametrize("at_once", [True, False])
async def test_all_connections_come_back_after_a_restart(tmp_path: Path, at_once: bool) -> None:
    store = FileStore(tmp_path / "kept")
    async with stage(store) as it:
        phone = await it.join()
        desk = await it.join(phone.seat.conversation.id, mode="listen")
        phone.say(SendText("hello"))
        await phone.out.get(ReplyEnded)
        await it.hub.drain(1)
    async with stage(store) as it:
        await slow(it, 1)
        resumes = [it.resume(player, player.out.told[-1][0]) for player in (phone, desk)]
        backs = await asyncio.gather(*resumes) if at_once else [await each for each in resumes]
        assert backs[0].seat.conversation is backs[1].seat.conversation
        assert it.hub.held == 1
        backs[0].say(SendText("and again"))
        await backs[1].out.get(ReplyEnded)
        assert len(it.llm.asked[0][0]) == 3


async def test_a_restart_with_engines_that_cannot_be_had_yet_loses_nothing(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "kept")
    async with stage(store) as it:
        user = await it.join()
        await it.hub.drain(1)
    async with stage(store) as it:

        async def fails(options: Options) -> Setup:
            raise ClientError(Code.OVERLOADED, "still loading", retry_after_ms=1000)

        it.hub.resolve, resolve = fails, it.hub.resolve
        assert await refused(it.resume(user, user.out.told[-1][0])) is Code.OVERLOADED
        it.hub.resolve = resolve
        await it.resume(user, user.out.told[-1][0])


async def test_nobody_slips_in_while_the_server_stops() -> None:
    async with stage() as it:
        await slow(it, 5)
        joining = asyncio.create_task(it.hub.join(NEW))
        await asyncio.sleep(1)
        await it.hub.drain(1)
        assert await refused(joining) is Code.SHUTTING_DOWN
        assert await refused(it.hub.join(NEW)) is Code.SHUTTING_DOWN


class BadDisk(FileStore):
    """Cannot be swept; counts how often it was tried."""

    swept = 0

    def sweep(self) -> None:
        self.swept += 1
        raise OSError("the disk is gone")


async def test_a_disk_that_fails_ends_nobodys_conversation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = BadDisk(tmp_path)
    async with stage(store) as it:
        user = await it.join()
        while store.swept < 2:  # in a thread, which takes its time whatever this loop's clock says
            await asyncio.sleep(1)
        assert not user.seat.conversation.over
    assert "could not be forgotten" in caplog.text
