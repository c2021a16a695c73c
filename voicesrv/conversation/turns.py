"""Users' turns: from what a listener notices to what is told of them and handed to the floor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from voicesrv import metrics
from voicesrv.conversation import clock, turn_end
from voicesrv.conversation.floor import Floor, Room
from voicesrv.conversation.listener import Ended, Heard, LikelyEnded, Noticed, Paused, Resumed, Started
from voicesrv.conversation.participant import OpenTurn, Participant
from voicesrv.conversation.reply import TurnTiming
from voicesrv.conversation.user_turn import UserTurn
from voicesrv.engines.base import SttOptions, Transcript
from voicesrv.errors import ClientError, Code
from voicesrv.events import EndCause, Event, Failed, TurnEnded, TurnLikelyEnded, TurnResumed, TurnStarted, TurnUpdated


class Turns:
    """The turns of a conversation, spoken and typed, numbered in the order in which they began."""

    def __init__(self, tasks: asyncio.TaskGroup, room: Room, floor: Floor) -> None:
        """Args:
        tasks: where recognisers are followed.
        room: who is there, and how they are told.
        floor: told of each turn's beginning and end.
        """
        self.count = 0
        """Turns so far."""
        self._tasks = tasks
        self._room = room
        self._floor = floor

    def type(self, participant: Participant, text: str) -> None:
        """A user typed a turn.

        Raises:
            ClientError: ``bad_parameter`` where it is empty.
        """
        if not text.strip():
            raise ClientError(Code.BAD_PARAMETER, "text: is empty; a user's turn has at least one letter")
        self.count += 1
        self._tell_silent(participant, text, 1.0, EndCause.TEXT)
        self._floor.turn_typed(participant, self.count, text)

    def end(self, participant: Participant, cause: EndCause) -> bool:
        """End the turn that is being spoken; return whether there was one."""
        noticed = participant.listener.end(cause)
        self.notice_all(participant, noticed)
        return bool(noticed)

    def withdraw(self, participant: Participant) -> None:
        """A user leaves: what was said and has no answer yet is not answered."""
        for each in participant.turns:
            each.withdrawn = True
        self.end(participant, EndCause.CLOSE)

    def finalize(self, participant: Participant) -> None:
        """The client says that the turn is over."""
        ended = self.end(participant, EndCause.FINALIZE)
        if not ended and participant.options.endpointing_ms == 0 and not participant.turns:
            # Push to talk, and no speech in it: the client waits for an answer all the same.
            self.count += 1
            self._tell_silent(participant, "", 0.0, EndCause.FINALIZE)

    def notice_all(self, participant: Participant, noticed: Iterable[Noticed]) -> None:
        """Take what a listener noticed, in order."""
        for each in noticed:
            self.notice(participant, each)

    def notice(self, participant: Participant, noticed: Noticed) -> None:
        """Take one thing that a listener noticed."""
        match noticed:
            case Heard(samples=samples):
                participant.turns[-1].turn.audio.append(samples)
            case Started():
                self._open_turn(participant, noticed)
            case Paused():
                participant.turns[-1].turn.pause()
            case LikelyEnded(at_ms=at_ms):
                turn = participant.turns[-1].turn
                turn.likely_ended_at_ms = at_ms
                self._prepare(participant, turn)
            case Resumed(at_ms=at_ms):
                self._resume_turn(participant, at_ms)
            case Ended():
                participant.turns[-1].end(noticed)

    def _open_turn(self, participant: Participant, started: Started) -> None:
        self.count += 1
        options = participant.options
        turn = UserTurn(
            self.count,
            started.start_ms,
            started.audio_from_ms,
            participant.setup.stt,
            SttOptions(options.language, options.interim, keyterms=options.keyterms),
            lambda turn, transcript: self._update_turn(participant, turn, transcript),
        )
        open_turn = OpenTurn(turn, has_floor=options.mode != "listen")
        participant.turns.append(open_turn)
        if participant.turns[0] is open_turn:
            open_turn.first.set()
        self._tell_turn(participant, turn, TurnStarted(turn.number, started.start_ms))
        if open_turn.has_floor:
            self._floor.turn_opened(interrupts=options.interrupt)
        self._tasks.create_task(self._follow_turn(participant, open_turn))

    def _resume_turn(self, participant: Participant, at_ms: int) -> None:
        turn = participant.turns[-1].turn
        turn.resume()
        if turn.likely_ended:
            turn.likely_ended = False
            self._tell_turn(participant, turn, TurnResumed(turn.number, at_ms))
            self._floor.turn_went_on(turn.number)

    def _update_turn(self, participant: Participant, turn: UserTurn, transcript: Transcript) -> None:
        if participant.options.interim and turn.is_news(transcript):
            words = transcript.words if participant.options.words else ()
            self._tell_turn(participant, turn, TurnUpdated(turn.number, transcript.text, transcript.stable, words))
        answers_pause = transcript.settled and turn.paused
        if participant.turns[-1].turn is turn and (answers_pause or turn.settled is None):
            self._wait(participant, transcript)
        if answers_pause:
            turn.settled = transcript
            self._prepare(participant, turn)

    def wait_anew(self, participant: Participant) -> None:
        """Other options are in force: judge the wait of the open turn again, by what is known of it."""
        if participant.turns and participant.listener.speaking:
            self._wait(participant, participant.turns[-1].turn.last)

    def _wait(self, participant: Participant, transcript: Transcript) -> None:
        """Have the silence that ends the turn fit what was said."""
        options = participant.options
        wait_ms = turn_end.wait_ms(
            transcript.text,
            transcript.language or options.language,
            options.endpointing_ms,
            options.endpointing_max_ms,
            punctuated=participant.setup.stt.capabilities.punctuates,
        )
        participant.listener.wait(wait_ms)

    def _prepare(self, participant: Participant, turn: UserTurn) -> None:
        """Begin a reply early, where the end is likely and it is known what to reply to."""
        settled, at_ms = turn.settled, turn.likely_ended_at_ms
        if settled is None or at_ms is None or turn.likely_ended or not settled.text:
            return
        first = participant.turns[0]
        if participant.options.mode == "listen" or first.turn is not turn or first.withdrawn:
            return
        if self._floor.may_prepare():
            turn.likely_ended = True
            self._tell_turn(participant, turn, TurnLikelyEnded(turn.number, settled.text, settled.confidence, at_ms))
            self._floor.turn_paused(participant, turn.number, settled.text)

    async def _follow_turn(self, participant: Participant, open_turn: OpenTurn) -> None:
        turn = open_turn.turn
        with metrics.STREAMS.labels("stt").track_inprogress():
            final = await turn.transcribe()
        final_at = clock.now()
        ended = await open_turn.wait_for_end()
        await open_turn.first.wait()
        if turn.failed:
            message = f"{participant.setup.stt.name} could not finish the turn; it has what was understood"
            metrics.ERRORS.labels(Code.ENGINE_FAILED.value).inc()
            self._room.emit(Failed(Code.ENGINE_FAILED, message))
        metrics.TURNS.labels(ended.cause.value).inc()
        self._room.emit(
            TurnEnded(
                turn.number,
                final.text,
                turn.start_ms,
                max(turn.start_ms, ended.speech_end_ms),
                round(final.confidence, 3),
                final.language or participant.options.language,
                ended.cause,
                final.words if participant.options.words else (),
            )
        )
        participant.turns.popleft()
        if participant.turns:
            following = participant.turns[0]
            for event in following.waiting:
                self._room.emit(event)
            following.first.set()
        timing = TurnTiming(
            endpoint_ms=max(0, ended.at_ms - ended.speech_end_ms),
            decided_at=open_turn.decided_at,
            final_at=max(final_at, open_turn.decided_at),
        )
        is_answered = open_turn.has_floor and not open_turn.withdrawn
        if not is_answered:
            self._floor.turn_heard(final.text)
        if open_turn.has_floor:
            self._floor.turn_closed(participant, turn.number, final.text if is_answered else "", timing)
        self._room.settled()

    def _tell_turn(self, participant: Participant, turn: UserTurn, event: Event) -> None:
        """Tell of a turn, once those before it on the same connection are over."""
        if participant.turns[0].turn is turn:
            self._room.emit(event)
        else:
            next(each for each in participant.turns if each.turn is turn).waiting.append(event)

    def _tell_silent(self, participant: Participant, text: str, confidence: float, cause: EndCause) -> None:
        """Tell of a turn in which nothing was spoken."""
        metrics.TURNS.labels(cause.value).inc()
        at_ms = participant.listener.received_ms
        language = participant.options.language
        self._room.emit(TurnEnded(self.count, text, at_ms, at_ms, confidence, language, cause))
