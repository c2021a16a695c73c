"""The floor of a conversation: carries out what the turn table decides about replies.

It owns the history, the line of what waits to be said, and the reply under way. What happens is
told to it by plain calls, in order; each is one step of the table and its actions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from voicesrv.conversation.history import History
from voicesrv.conversation.line import Answer, Dictated, Line
from voicesrv.conversation.participant import Participant
from voicesrv.conversation.reply import Reply, ReplyCallbacks, TurnTiming
from voicesrv.conversation.thinking import Source, Thinking
from voicesrv.conversation.turn import (
    CAUSE_OF_STOP,
    Action,
    CancelAsked,
    FloorEvent,
    Phase,
    ReplyHeard,
    ReplyOver,
    SpeechWanted,
    TurnClosed,
    TurnOpened,
    TurnPaused,
    TurnTyped,
    TurnWentOn,
    step,
)
from voicesrv.engines.base import Item, LlmOptions, TtsOptions, UserItem
from voicesrv.events import Event, Flushed, ReplyCause, ReplyEnded, ReplyStarted, ToolCall, ToolCalled, ToolOutput


@dataclass(slots=True)
class _Prepared:
    """A reply that is held until the turn it answers has ended."""

    turn: int
    text: str
    reply: Reply


@dataclass(slots=True)
class _Asked:
    """The turn that a reply is to answer."""

    participant: Participant
    turn: int
    text: str
    timing: TurnTiming | None = None


class Room(Protocol):
    """Who is in the conversation, and how they are told; none of it waits."""

    def everybody(self) -> Sequence[Participant]:
        """All participants, with a socket or waiting for one."""
        ...

    def emit(self, event: Event) -> None:
        """Tell everybody."""
        ...

    def answer(self, participant: Participant, event: Event) -> None:
        """Tell one."""
        ...

    def settled(self) -> None:
        """The floor became free."""
        ...


class Floor:
    """Whose turn it is, and what is being said."""

    def __init__(self, tasks: asyncio.TaskGroup, room: Room, lead_ms: int) -> None:
        """Args:
        tasks: where replies run.
        room: who is there, and how they are told.
        lead_ms: how far audio is sent ahead of real time.
        """
        self.history = History()
        self.phase = Phase.IDLE
        self._tasks = tasks
        self._room = room
        self._lead_ms = lead_ms
        self._line = Line()
        self._reply: Reply | None = None
        self._dictated: Dictated | None = None  # what the reply under way speaks, where a client dictates it
        self._prepared: _Prepared | None = None
        self._likely: _Asked | None = None  # what the next PREPARE is for
        self._asked: _Asked | None = None  # what the next ANSWER or RELEASE is for: the last that was said to the agent
        self._owed = False  # whether something was said to the agent that no reply has taken up
        self._n_replies = 0
        self._speaks_for = ""  # the connection that the reply under way was made for

    @property
    def idle(self) -> bool:
        """Whether nothing is being said or waits to be."""
        return self.phase is Phase.IDLE and not self._line

    # --- users' turns ---------------------------------------------------------------------------

    def turn_opened(self, interrupts: bool) -> None:
        """A user began to speak."""
        self._step(TurnOpened(interrupts))

    def may_prepare(self) -> bool:
        """Whether a reply to the only open turn could be made ready now."""
        return self.phase is Phase.LISTENING and self._open_turns() == 1

    def turn_paused(self, participant: Participant, turn: int, text: str) -> None:
        """A turn has likely ended, with this text, and ``may_prepare`` said yes."""
        self._likely = _Asked(participant, turn, text)
        self._step(TurnPaused())

    def turn_went_on(self, turn: int) -> None:
        """It had not ended."""
        if self._prepared is not None and self._prepared.turn == turn:
            self._step(TurnWentOn())

    def turn_heard(self, text: str) -> None:
        """The final text of a turn that was not spoken to the agent is known."""
        if text:
            self.history.add([UserItem(text)])

    def turn_closed(self, participant: Participant, turn: int, text: str, timing: TurnTiming) -> None:
        """A spoken turn's final text is known; it no longer counts as open."""
        if text:
            self.history.add([UserItem(text)])
            self._owed = True
            self._asked = _Asked(participant, turn, text, timing)
        prepared = self._prepared
        as_prepared = prepared is not None and prepared.turn == turn and prepared.text == text
        if self._asked is None:  # owed since before a restart
            self._asked = _Asked(participant, turn, text, timing)
        self._step(
            TurnClosed(
                answer=self._owed,
                as_prepared=as_prepared,
                others_open=self._open_turns() > 0,
                more=bool(self._line),
            )
        )

    def turn_typed(self, participant: Participant, turn: int, text: str) -> None:
        """A user typed a turn."""
        self.history.add([UserItem(text)])
        if participant.options.mode == "listen":
            return
        self._owed = True
        self._asked = _Asked(participant, turn, text)
        self._step(TurnTyped(interrupts=participant.options.interrupt))

    # --- from process to process ----------------------------------------------------------------

    @property
    def n_replies(self) -> int:
        """Replies so far; the next one's number follows."""
        return self._n_replies

    @property
    def owed(self) -> bool:
        """Whether something was said to the agent that it has not answered."""
        return self._owed

    def restore(self, history: Sequence[Item], n_replies: int, owed: bool) -> None:
        """Begin with what another process left."""
        self.history.add(history)
        self._n_replies = n_replies
        self._owed = owed

    def pick_up(self, participant: Participant, turn: int) -> None:
        """Answer what was said before a restart, now that somebody listens again."""
        if self._owed and self.idle:
            self._asked = _Asked(participant, turn, "")
            self._step(TurnTyped(interrupts=False))

    # --- what a client asks for -----------------------------------------------------------------

    def dictate(self, participant: Participant, text: str, flush: bool) -> None:
        """Have a text spoken as it is.

        Raises:
            ClientError: ``text_too_long`` or ``rate_limited``.
        """
        if self._line.gather(participant, text):
            self._step(SpeechWanted())
        if flush:
            self._line.finish(participant)

    def gathering(self, participant: Participant) -> bool:
        """Whether text of this connection waits for a flush."""
        return self._line.gathering(participant)

    def finish(self, participant: Participant) -> None:
        """Speak what was gathered; nothing more will come."""
        self._line.finish(participant)

    def flush(self, participant: Participant, id: str | int | None) -> None:
        """Speak what was gathered, and say when its last audio is sent."""
        dictated = self._line.finish(participant)
        if dictated is None:
            self._room.answer(participant, Flushed(id))
        else:
            dictated.flushes.append(id)

    def cancel(self) -> None:
        """Stop the reply under way and forget what waits."""
        self._step(CancelAsked(turn_open=self._open_turns() > 0))
        self._owed = False
        self._drop_waiting(None, ReplyCause.CANCELLED)

    def interrupt(self) -> None:
        """Stop the reply under way where it was heard, whoever speaks."""
        if self._reply is not None:
            self._step(TurnOpened(interrupts=True))

    def report(self, reply: int, played_ms: int) -> None:
        """A client says how much of a reply it has played."""
        if self._reply is not None and self._reply.number == reply:
            self._reply.report(played_ms)

    def answer_tool(self, output: ToolOutput) -> bool:
        """A client ran a tool; False where no call of that id waits."""
        source = self._reply.source if self._reply is not None else None
        return isinstance(source, Thinking) and source.answer_tool(output)

    def is_heard_by(self, participant: Participant) -> bool:
        """Whether the audio of the reply under way is for this connection."""
        if participant.options.mode == "speak":
            return self._speaks_for == participant.id
        return participant.options.mode == "converse"

    def audience_changed(self) -> None:
        """Somebody who takes audio came or went."""
        if self._reply is None:
            return
        everybody = self._room.everybody()
        if any(each.outbox is not None and self.is_heard_by(each) for each in everybody):
            self._reply.release_playout()
        elif any(map(self.is_heard_by, everybody)):
            self._reply.hold_playout()  # they may come back
        else:
            self.cancel()

    # --- the table's actions --------------------------------------------------------------------

    def _step(self, event: FloorEvent) -> None:
        self.phase, actions = step(self.phase, event)
        for action in actions:
            match action:
                case Action.PREPARE:
                    self._prepare()
                case Action.DISCARD:
                    self._discard()
                case Action.RELEASE:
                    self._release()
                case Action.ANSWER:
                    self._begin_answer()
                case Action.ENQUEUE:
                    assert self._asked is not None
                    self._line.owe(Answer(self._asked.participant, self._asked.turn))
                case Action.NEXT:
                    self._begin_next()
                case Action.INTERRUPT | Action.CANCEL:
                    self._stop(CAUSE_OF_STOP[action])
        if self.idle:
            self._room.settled()

    def _prepare(self) -> None:
        assert self._likely is not None
        asked = self._likely
        history = [*self.history.items, UserItem(asked.text)]
        reply = self._new_answer(asked.participant, asked.turn, history, held=True)
        self._prepared = _Prepared(asked.turn, asked.text, reply)
        reply.start(self._tasks)

    def _discard(self) -> None:
        assert self._prepared is not None
        self._prepared.reply.discard()
        self._prepared = None

    def _release(self) -> None:
        assert self._prepared is not None and self._asked is not None
        self._reply, self._prepared = self._prepared.reply, None
        self._speaks_for = self._asked.participant.id
        self._reply.timing = self._asked.timing
        self._taken_up()
        self._reply.release()
        self.audience_changed()

    def _begin_answer(self) -> None:
        assert self._asked is not None
        self._reply = self._new_answer(self._asked.participant, self._asked.turn, self.history.items, held=False)
        self._reply.timing = self._asked.timing
        self._taken_up()
        self._begin()

    def _begin_next(self) -> None:
        waiting = self._line.pop()
        if isinstance(waiting, Answer):
            self._reply = self._new_answer(waiting.participant, waiting.turn, self.history.items, held=False)
            self._taken_up()
        else:
            self._dictated = waiting
            self._reply = self._new_reply(waiting.participant, None, waiting.source)
        self._begin()

    def _begin(self) -> None:
        assert self._reply is not None
        self._reply.start(self._tasks)
        self.audience_changed()

    def _taken_up(self) -> None:
        """The reply that begins answers all that was said until now."""
        self._owed = False
        self._line.answered()

    def _stop(self, cause: ReplyCause) -> None:
        assert self._reply is not None
        reply, self._reply = self._reply, None
        items = reply.stop(cause)
        self.history.add(items)
        if reply.turn is not None and not items:
            self._owed = True  # nothing of the answer was heard, and nothing was run for it
        current, self._dictated = self._dictated, None
        self._drop_waiting(current, cause)

    def _drop_waiting(self, current: Dictated | None, cause: ReplyCause) -> None:
        """Forget what waits in line, and tell whose texts will not be heard, or not to their end."""
        for dictated in self._line.clear(current):
            if dictated is not current:
                self._drop(dictated, cause)
            self._answer_flushes(dictated)

    def _drop(self, dictated: Dictated, cause: ReplyCause) -> None:
        """Say of a reply that waited in line that nothing of it will be heard."""
        self._n_replies += 1
        self._room.emit(ReplyStarted(self._n_replies, None))
        self._room.emit(ReplyEnded(self._n_replies, dictated.source.text, "", cause))

    # --- what replies tell ----------------------------------------------------------------------

    def _reply_heard(self, reply: Reply) -> None:
        if reply is self._reply:
            self._step(ReplyHeard())

    def _reply_sent(self, reply: Reply) -> None:
        if reply is self._reply:
            self._dictation_done()

    def _reply_over(self, reply: Reply) -> None:
        if reply is not self._reply:
            return
        self.history.add(reply.items())
        self._reply = None
        self._step(ReplyOver(more=bool(self._line), turn_open=self._open_turns() > 0))

    def _dictation_done(self) -> None:
        dictated, self._dictated = self._dictated, None
        if dictated is not None:
            self._line.forget(dictated)  # its client may not have finished it, where the voice failed
            self._answer_flushes(dictated)

    def _answer_flushes(self, dictated: Dictated) -> None:
        for id in dictated.flushes:
            self._room.answer(dictated.participant, Flushed(id))
        dictated.flushes.clear()

    # --- making replies -------------------------------------------------------------------------

    def _new_answer(self, participant: Participant, turn: int, history: Sequence[Item], held: bool) -> Reply:
        may_act = asyncio.Event()
        number = self._n_replies + 1
        setup = participant.setup

        def on_tool_call(call: ToolCall) -> None:
            if self._reply is not None and self._reply.number == number:  # else it was stopped a moment ago
                self._room.emit(ToolCalled(number, call, participant.id))

        source = Thinking(
            setup.llm,
            LlmOptions(instructions=setup.instructions, tools=setup.tools),
            history,
            on_tool_call,
            may_act,
        )
        return self._new_reply(participant, turn, source, held=held, released=may_act)

    def _new_reply(
        self,
        participant: Participant,
        turn: int | None,
        source: Source,
        held: bool = False,
        released: asyncio.Event | None = None,
    ) -> Reply:
        self._n_replies += 1
        if not held:
            self._speaks_for = participant.id
        setup = participant.setup
        everybody = self._room.everybody()
        return Reply(
            self._n_replies,
            turn,
            source,
            setup.tts,
            TtsOptions(voice=setup.voice, language=setup.options.language),
            self._lead_ms,
            ReplyCallbacks(self._room.emit, self._reply_heard, self._reply_sent, self._reply_over),
            wants_words=any(each.options.words for each in everybody),
            wants_visemes=any(each.options.visemes for each in everybody),
            held=held,
            released=released or asyncio.Event(),
        )

    def _open_turns(self) -> int:
        """Turns that an answer waits for.

        Not those of who lost the socket in mid-speech: that one may be silent for as long as a resume
        is waited for.
        """
        return sum(
            open_turn.has_floor
            for each in self._room.everybody()
            if each.outbox is not None
            for open_turn in each.turns
        )
