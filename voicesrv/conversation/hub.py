"""All conversations of a process: who may join which, how many fit, when one is over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from voicesrv import metrics
from voicesrv.conversation import clock
from voicesrv.conversation.conversation import Conversation
from voicesrv.conversation.participant import Participant, Setup
from voicesrv.conversation.seat import Join, Seat
from voicesrv.conversation.snapshot import Snapshot, SnapshotError
from voicesrv.errors import ClientError, Code
from voicesrv.events import Failed, Warned
from voicesrv.options import Options
from voicesrv.stores.base import ConversationStore

logger = logging.getLogger(__name__)

FAREWELL_S = 1.0
"""For connections to be sent what they were told last."""

BROKEN_TURN_S = 5.0
"""A turn whose connection is lost waits so long for its rest; most clients are back within two seconds."""

Resolve = Callable[[Options], Awaitable[Setup]]
"""Options to open engines and the agent's words.

Raises ``ClientError`` (``not_found``, ``overloaded``, ``engine_failed``)."""


@dataclass(frozen=True, slots=True)
class HubOptions:
    """Bounds of what one process holds."""

    max_conversations: int = 200
    """Conversations at a time; one more is refused with ``overloaded``. As many again may wait for their
    connections, and those that come back are let in."""
    max_participants: int = 16
    """Connections in one conversation."""
    lead_ms: int = 2000
    """How far a reply's audio is sent ahead of real time."""
    resume_window_s: float = 120.0
    """How long a connection without a socket is waited for."""
    retry_after_ms: int = 5000
    """What a client is told to wait when the server is full."""


class Hub:
    """The conversations, each in a task of its own inside the hub's group.

    An async context manager; leaving it ends all conversations.
    """

    def __init__(
        self,
        resolve: Resolve,
        options: HubOptions,
        store: ConversationStore | None = None,
        engine_room: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Args:
        resolve: opens what a connection's options name.
        options: bounds.
        store: keeps conversations when the server stops; None keeps none.
        engine_room: how many more streams fit in the engines; None where they set no bound.
        """
        self._engine_room = engine_room
        self._store = store
        self.resolve = resolve
        self.options = options
        self.draining = False
        self._conversations: dict[str, Conversation] = {}
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._reaper = self._tasks.create_task(self._reap())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reaper.cancel()
        for conversation in self._conversations.values():
            conversation.end()
        await self._tasks.__aexit__(None, None, None)  # an exception of the caller's is not the group's

    @property
    def held(self) -> int:
        """How many conversations there are, those that wait for their connections included."""
        return len(self._conversations)

    @property
    def room(self) -> int:
        """How many more conversations fit."""
        ours = max(0, self.options.max_conversations - sum(not each.waits for each in self._conversations.values()))
        engines = self._engine_room()
        return ours if engines is None else min(ours, engines)

    def admit(self) -> None:
        """Refuse what cannot be taken, before anything is spent on it.

        Raises:
            ClientError: ``shutting_down`` or ``overloaded``.
        """
        if self.draining:
            raise ClientError(Code.SHUTTING_DOWN, "the server is stopping", retry_after_ms=self.options.retry_after_ms)

    async def join(self, join: Join) -> Seat:
        """Find or found the conversation that a connection asks for.

        Raises:
            ClientError: ``overloaded``, ``shutting_down``, ``not_found``, or what resolving raises.
        """
        self.admit()
        if join.conversation is None:
            self._check_room()
            setup = await self.resolve(join.options)
            self.admit()  # others may have come, or the server been stopped, while engines were opened
            self._check_room()
            self._make_room()
            conversation = Conversation(_new_id("cv"), join.owner, self.options.lead_ms)
            await self._begin(conversation)
            return Seat(self, conversation, Participant(_new_id("cn"), setup), join)
        conversation = await self._find(join.conversation, join.owner)
        if join.resume is not None:  # it was let in before, and is so again: a full server loses nobody
            return Seat(self, conversation, _holder(conversation, join.resume), join)
        if conversation.waits:
            self._check_room()
        self.check_places(conversation)
        return Seat(self, conversation, Participant(_new_id("cn"), await self.resolve(join.options)), join)

    def check_places(self, conversation: Conversation) -> None:
        """Refuse one connection too many.

        Raises:
            ClientError: ``overloaded``.
        """
        if len(conversation.participants) >= self.options.max_participants:
            message = f"all {self.options.max_participants} places of the conversation are taken"
            raise ClientError(Code.OVERLOADED, message, retry_after_ms=self.options.retry_after_ms)

    def remove(self, conversation: Conversation, participant: Participant) -> None:
        """A connection will not come back; a conversation without any is over."""
        conversation.leave(participant)
        if not conversation.participants:
            conversation.end()

    async def drain(self, within_s: float) -> None:
        """Stop in good order: let what is being said be finished, then close every connection.

        Nobody new is let in. Connections are told at once that the server stops, and when it does;
        open turns end with what was heard of them. What was said is kept in the store, so that the
        next process can be resumed from.

        Args:
            within_s: for replies under way; one that takes longer is interrupted where it was heard.
        """
        self.draining = True
        conversations = list(self._conversations.values())
        for conversation in conversations:
            conversation.emit(Warned(Code.SHUTTING_DOWN, f"the server stops within {within_s:.0f} s"))
            conversation.hush()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for conversation in conversations:
                    await conversation.finished()
        for conversation in conversations:
            conversation.floor.interrupt()
            for participant in list(conversation.participants.values()):
                _dismiss(conversation, participant, Code.SHUTTING_DOWN, "the server stops; come back and resume")
        for conversation in conversations:
            await self._keep(conversation)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                for conversation in conversations:
                    await conversation.deserted()

    async def _keep(self, conversation: Conversation) -> None:
        if self._store is None:
            return
        try:
            snapshot = conversation.snapshot().to_json()
            await asyncio.to_thread(self._store.put, conversation.id, snapshot, self.options.resume_window_s)
        except Exception:  # the others are kept all the same
            logger.exception("conversation %s could not be kept", conversation.id)

    async def _revive(self, id: str, owner: str) -> Conversation | None:
        """Go on with a conversation that an earlier process kept."""
        kept = self._store.get(id) if self._store is not None else None
        if kept is None or kept.get("owner") != owner:
            return None
        assert self._store is not None
        try:
            snapshot = Snapshot.from_json(kept)
        except SnapshotError as error:
            logger.warning("conversation %s cannot be gone on with: %s", id, error)
            self._store.drop(id)
            return None
        participants = []
        for seated in snapshot.seated:
            setup = await self.resolve(seated.options)
            participant = Participant(seated.id, setup, seated.received_ms, seated.received_messages, seated.joined_at)
            participant.token = seated.token
            participants.append(participant)
        if id in self._conversations:  # another of its connections came back meanwhile
            return self._conversations[id]
        self._store.drop(id)
        conversation = Conversation(id, owner, self.options.lead_ms)
        conversation.restore(snapshot, participants)
        await self._begin(conversation)
        return conversation

    def _check_room(self) -> None:
        if self.room == 0:
            message = "no more conversations fit now"
            raise ClientError(Code.OVERLOADED, message, retry_after_ms=self.options.retry_after_ms)

    def _make_room(self) -> None:
        """Forget the conversation that has waited longest, where as many wait as may be attended."""
        waiting = [each for each in self._conversations.values() if each.waits]
        if len(waiting) >= self.options.max_conversations:
            metrics.DROPS.labels("waiting_conversation").inc()
            min(waiting, key=lambda each: each.detached_at).end()

    async def _find(self, id: str, owner: str) -> Conversation:
        conversation = self._conversations.get(id) or await self._revive(id, owner)
        if conversation is None or conversation.owner != owner or conversation.over:
            raise ClientError(Code.NOT_FOUND, "conversation: there is none of this id")
        await conversation.started.wait()
        return conversation

    async def _begin(self, conversation: Conversation) -> None:
        self._conversations[conversation.id] = conversation
        metrics.CONVERSATIONS.inc()
        self._tasks.create_task(self._hold(conversation))
        await conversation.started.wait()

    async def _hold(self, conversation: Conversation) -> None:
        """Run a conversation; a fault of ours in it ends it alone."""
        try:
            await conversation.run()
        except Exception:
            request_id = uuid.uuid4().hex[:12]
            logger.exception("conversation %s failed, request id %s", conversation.id, request_id)
            for participant in list(conversation.participants.values()):
                _dismiss(conversation, participant, Code.INTERNAL, f"request id {request_id}")
        finally:
            del self._conversations[conversation.id]
            metrics.CONVERSATIONS.dec()

    async def _reap(self) -> None:
        """Let go of connections that did not come back in time, and of what the store has kept for too long."""
        window_s = self.options.resume_window_s
        while True:
            await asyncio.sleep(min(window_s / 4, 5.0))
            now = clock.now()
            for conversation in list(self._conversations.values()):
                try:
                    self._tidy(conversation, now)
                except Exception:  # a fault in one is not the others'
                    logger.exception("conversation %s could not be tidied", conversation.id)
                    conversation.end()
            if self._store is not None:
                try:
                    await asyncio.to_thread(self._store.sweep)
                except Exception:  # a disk that fails ends nobody's conversation
                    logger.exception("what was kept for too long could not be forgotten")

    def _tidy(self, conversation: Conversation, now: float) -> None:
        conversation.end_broken_turns(now - BROKEN_TURN_S)
        for participant in list(conversation.participants.values()):
            if participant.detached_at is not None and now - participant.detached_at > self.options.resume_window_s:
                self.remove(conversation, participant)


def _holder(conversation: Conversation, token: str) -> Participant:
    for participant in conversation.participants.values():
        if participant.accepts(token):
            return participant
    raise ClientError(Code.NOT_FOUND, "resume: no connection of this conversation has that token")


def _dismiss(conversation: Conversation, participant: Participant, code: Code, message: str) -> None:
    if participant.outbox is not None:
        metrics.ERRORS.labels(code.value).inc()
        conversation.answer(participant, Failed(code, message, fatal=True))
        participant.outbox.close(code)


def _new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_urlsafe(16)}"
