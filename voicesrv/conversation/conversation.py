"""A conversation: its connections, their turns, and the numbered record of what was told.

Everything that decides runs in plain calls on the event loop, in the order in which it happens:
commands from connections, transcripts from turns, news from replies. Tasks only wait for engines;
they belong to the conversation's own group and end with it. Replies are the ``Floor``'s business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from voicesrv import metrics
from voicesrv.audio.encodings import container_of
from voicesrv.conversation import clock
from voicesrv.conversation.floor import Floor
from voicesrv.conversation.journal import Journal
from voicesrv.conversation.line import Line
from voicesrv.conversation.participant import Outbox, Participant, Setup
from voicesrv.conversation.snapshot import Seated, Snapshot
from voicesrv.conversation.spoken import speakable
from voicesrv.conversation.turns import Turns
from voicesrv.errors import ClientError, Code
from voicesrv.events import (
    AppendAudio,
    AudioSince,
    AudioStarted,
    Cancel,
    Close,
    Command,
    Configured,
    EndCause,
    Event,
    Failed,
    Finalize,
    Flush,
    Ping,
    Playback,
    Pong,
    Ready,
    ReplyAudio,
    SendText,
    Speak,
    ToolOutput,
    Warned,
)

logger = logging.getLogger(__name__)


class _Over(Exception):
    """Ends a conversation's tasks; never leaves ``run``."""


CLOSE_TIMEOUT_S = 60.0
"""How long ``close`` waits for what was said to be finished."""


class Conversation:
    """Several connections, one history, one agent.

    ``run`` must be running for anything to happen; all other methods are plain calls on its loop
    that never wait.
    """

    def __init__(self, id: str, owner: str, lead_ms: int) -> None:
        """Args:
        id: the conversation's own.
        owner: name of the key it belongs to.
        lead_ms: how far a reply's audio is sent ahead of real time.
        """
        self.id = id
        self.owner = owner
        self.participants: dict[str, Participant] = {}
        self.journal = Journal()
        self.started = asyncio.Event()
        """Set once connections may attach."""
        self._ended = asyncio.Event()
        self._hushed = False
        self._settled = asyncio.Event()  # something ended: whoever waits to close looks again
        self._tasks = asyncio.TaskGroup()
        self.floor = Floor(self._tasks, self, lead_ms)
        self._turns = Turns(self._tasks, self, self.floor)

    async def run(self) -> None:
        """Live until ``end`` is called."""
        try:
            async with self._tasks:
                self.started.set()
                await self._ended.wait()
                raise _Over
        except* _Over:
            pass
        finally:
            self._ended.set()

    def end(self) -> None:
        """Stop all that goes on; nothing more is said."""
        self._ended.set()

    @property
    def over(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._ended.is_set()

    @property
    def waits(self) -> bool:
        """Whether all its connections lost their sockets; one that was just founded has none yet."""
        return bool(self.participants) and not self.attended

    @property
    def attended(self) -> bool:
        """Whether any connection has a socket."""
        return any(participant.outbox is not None for participant in self.participants.values())

    @property
    def detached_at(self) -> float:
        """``clock.now()`` since when none has."""
        return max((each.detached_at or 0.0 for each in self.participants.values()), default=0.0)

    # --- from process to process ----------------------------------------------------------------

    async def finished(self) -> None:
        """Wait until no turn is open and nothing is being said to anybody who listens."""
        while self.attended and (
            not self.floor.idle or any(participant.turns for participant in self.participants.values())
        ):
            self._settled.clear()
            await self._settled.wait()

    async def deserted(self) -> None:
        """Wait until no connection has a socket."""
        while self.attended:
            self._settled.clear()
            await self._settled.wait()

    def hush(self) -> None:
        """End open turns with what was heard of them, and hear no more.

        What comes now is not counted as received, so that it is sent again after a resume.
        """
        for participant in self.participants.values():
            self._turns.end(participant, EndCause.CLOSE)
        self._hushed = True

    def snapshot(self) -> Snapshot:
        """What another process needs to go on."""
        seated = tuple(
            Seated(
                each.id,
                each.options,
                each.token,
                each.listener.received_ms,
                each.received_messages,
                each.joined_at,
            )
            for each in self.participants.values()
        )
        return Snapshot(
            id=self.id,
            owner=self.owner,
            last_seq=self.journal.last_seq,
            n_turns=self._turns.count,
            n_replies=self.floor.n_replies,
            owed=self.floor.owed,
            items=self.floor.history.items,
            told=self.journal.entries(),
            seated=seated,
        )

    def restore(self, snapshot: Snapshot, participants: Sequence[Participant]) -> None:
        """Go on from a snapshot; ``participants`` are its connections, without sockets yet."""
        self._turns.count = snapshot.n_turns
        self.journal.restore(snapshot.last_seq, snapshot.told)
        self.floor.restore(snapshot.items, snapshot.n_replies, snapshot.owed)
        for participant in participants:
            participant.detached_at = clock.now()
            self.participants[participant.id] = participant

    # --- connections ----------------------------------------------------------------------------

    def attach(self, participant: Participant, outbox: Outbox, ready: Ready) -> None:
        """A new connection joins; the first of a conversation is greeted, where the agent greets."""
        begins = not self.participants
        self.participants[participant.id] = participant
        self._connect(participant, outbox)
        self.answer(participant, ready)
        participant.joined_at = self.journal.last_seq
        participant.tuned_in = self.journal.end
        self._tune_in(participant)
        self.floor.audience_changed()
        greeting = participant.setup.greeting
        if begins and greeting and participant.options.mode == "converse":
            self.floor.dictate(participant, greeting, flush=True)

    def reattach(
        self, participant: Participant, outbox: Outbox, ready: Ready, after: int, has: AudioSince | None
    ) -> bool:
        """A connection comes back; False where what it missed is not whole any more.

        Its old socket, if it still has one, is closed as superseded.
        """
        after = max(after, participant.joined_at)  # a client may count from 0: what was before is not its own
        missed = self.journal.since(
            after,
            participant.id,
            has,
            tuned_in=participant.tuned_in,
            audio=self.floor.is_heard_by(participant),
        )
        if missed is None:
            return False
        if participant.outbox is not None:
            metrics.ERRORS.labels(Code.SUPERSEDED.value).inc()
            participant.outbox.deliver(
                self.journal.last_seq, Failed(Code.SUPERSEDED, "another connection resumed this one", fatal=True)
            )
            participant.outbox.close(Code.SUPERSEDED)
        self._connect(participant, outbox)
        participant.listener.rejoin()
        outbox.deliver(after, ready)
        for seq, event in missed:
            outbox.deliver(seq, event)
        self.floor.audience_changed()
        self.floor.pick_up(participant, self._turns.count)
        if participant.closing:  # its close may have been answered while nobody was there
            self._tasks.create_task(self._close_when_done(participant))
        return True

    def detach(self, participant: Participant, outbox: Outbox) -> None:
        """A connection's socket is gone; it may come back."""
        if participant.outbox is outbox:
            participant.outbox = None
            participant.detached_at = clock.now()
            self.floor.audience_changed()
            self.settled()

    def end_broken_turns(self, before: float) -> None:
        """End the turns of connections that lost their socket before a moment of ``clock.now()``.

        Their recognisers are wanted by others; what is sent after a resume is a turn of its own.
        """
        for participant in self.participants.values():
            if participant.detached_at is not None and participant.detached_at < before:
                self._turns.end(participant, EndCause.CLOSE)

    def leave(self, participant: Participant) -> None:
        """A connection will not come back."""
        self._turns.end(participant, EndCause.CLOSE)
        self.participants.pop(participant.id, None)
        self.journal.left(participant.id)
        self.floor.finish(participant)
        self.floor.audience_changed()
        self.settled()

    def _tune_in(self, participant: Participant) -> None:
        """Tell a connection of the audio that it hears from here on, where a reply is under way."""
        sounding = self.journal.sounding
        if sounding is not None and self.floor.is_heard_by(participant):
            self.answer(participant, AudioStarted(sounding.reply, start_ms=sounding.ms))

    @staticmethod
    def _connect(participant: Participant, outbox: Outbox) -> None:
        participant.outbox = outbox
        participant.detached_at = None

    # --- telling --------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Number an event and tell it to everybody.

        Audio goes to those who converse, and to who asked for it in mode ``speak``.
        """
        if isinstance(event, ReplyAudio):
            self.journal.append_audio(event)
            for participant in self.participants.values():
                if not self.floor.is_heard_by(participant):
                    participant.tuned_in = self.journal.end
                elif participant.outbox is not None:
                    participant.outbox.deliver(self.journal.last_seq, event)
            return
        seq = self.journal.append(event)
        for participant in self.participants.values():
            if participant.outbox is not None:
                participant.outbox.deliver(seq, event)

    def answer(self, participant: Participant, event: Event) -> None:
        """Number an event and tell it to one connection."""
        seq = self.journal.append(event, only_for=participant.id)
        if participant.outbox is not None:
            participant.outbox.deliver(seq, event)

    # --- commands -------------------------------------------------------------------------------

    def handle(self, participant: Participant, command: Command) -> None:
        """Carry out a command of a connection (``Configure`` is ``reconfigure``, engines in hand).

        Raises:
            ClientError: it cannot be carried out; nothing has changed.
        """
        match command:
            case AppendAudio(data=data):
                self._hear(participant, data)
            case SendText(text=text):
                self._turns.type(participant, text)
            case Speak(text=text, flush=flush):
                self._dictate(participant, text, flush)
            case Flush(id=id):
                self.floor.flush(participant, id)
            case Finalize():
                self._turns.finalize(participant)
            case Cancel():
                self.floor.cancel()
            case Playback(reply=reply, played_ms=played_ms):
                self.floor.report(reply, played_ms)
                self.journal.played(participant.id, reply, played_ms)
            case ToolOutput():
                self._take_result(participant, command)
            case Ping(id=id):
                self.answer(participant, Pong(id))
            case Close(finish=True):
                self._close(participant)
            case Close():
                self._close_now(participant)

    def reconfigure(self, participant: Participant, setup: Setup, id: str | int | None = None) -> None:
        """Put other options in force; an open turn keeps its recogniser."""
        heard = self.floor.is_heard_by(participant)
        participant.setup = setup
        self._turns.notice_all(participant, participant.listener.configure(setup.options))
        self._turns.wait_anew(participant)
        if setup.options.mode == "speak":  # no more audio is heard: nothing else would end its turn
            self._turns.end(participant, EndCause.FINALIZE)
        self.answer(participant, Configured(setup.options.public(), id))
        if not heard:
            self._tune_in(participant)
        self.floor.audience_changed()

    def _hear(self, participant: Participant, data: bytes) -> None:
        if self._hushed:
            return
        if participant.closing or participant.options.mode == "speak" or self._begins_a_file(participant, data):
            participant.listener.skip(data)
            return
        self._turns.notice_all(participant, participant.listener.feed(data))

    def _begins_a_file(self, participant: Participant, data: bytes) -> bool:
        """Whether the first audio of a connection is none, of which it is warned."""
        if participant.heard_any or not data:
            return False
        participant.heard_any = True
        container = container_of(data)
        if container is None:
            return False
        message = f"the first audio looks like a {container} file; send raw {participant.options.encoding}"
        self.answer(participant, Warned(Code.CONTAINER_IN_PCM, message))
        return True

    def _take_result(self, participant: Participant, output: ToolOutput) -> None:
        if not self.floor.answer_tool(output):
            # Told and not raised: it is not counted against a client that another was quicker, or the user.
            message = (
                f"id: {output.id[:64]!r} is no tool call that waits; it was answered, took too long or was stopped"
            )
            metrics.ERRORS.labels(Code.BAD_PARAMETER.value).inc()
            self.answer(participant, Failed(Code.BAD_PARAMETER, message, id=output.id))

    def _dictate(self, participant: Participant, text: str, flush: bool) -> None:
        Line.check_request(text)
        if participant.options.mode == "listen":
            raise ClientError(Code.BAD_PARAMETER, "mode: 'listen' sends no audio; speak needs converse or speak")
        if flush and not self.floor.gathering(participant) and not speakable(text):
            raise ClientError(Code.NOTHING_TO_SPEAK, "text: has nothing in it that can be spoken")
        self.floor.dictate(participant, text, flush)

    def _close(self, participant: Participant) -> None:
        if participant.closing:
            return
        self._turns.end(participant, EndCause.CLOSE)
        participant.closing = True
        self.floor.finish(participant)
        self._tasks.create_task(self._close_when_done(participant))

    def _close_now(self, participant: Participant) -> None:
        participant.closing = True
        self._turns.withdraw(participant)
        if not any(each is not participant and self.floor.is_heard_by(each) for each in self.everybody()):
            self.floor.cancel()
        if participant.outbox is not None:
            participant.outbox.close(None)

    async def _close_when_done(self, participant: Participant) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.finished()
        except TimeoutError:
            logger.warning("conversation %s: closing before all was said", self.id)
        if participant.outbox is not None:
            participant.outbox.close(None)

    # --- what the floor asks of its conversation ------------------------------------------------

    def everybody(self) -> Sequence[Participant]:
        """All participants, with a socket or waiting for one."""
        return tuple(self.participants.values())

    def settled(self) -> None:
        """Something came to its end: whoever waits to close looks again."""
        self._settled.set()
