"""One connection's part in a conversation; it outlives its socket for the resume window."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from voicesrv.conversation import clock
from voicesrv.conversation.listener import Ended, Listener
from voicesrv.conversation.user_turn import UserTurn
from voicesrv.engines.base import Llm, Stt, Tts, Vad
from voicesrv.errors import Code
from voicesrv.events import AudioSince, Event, Tool
from voicesrv.options import Options

MAX_TOKENS = 4
"""Tokens before the last that serve while no socket stood long enough to be spoken on."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A connection's options with what they stand for: engines that are open, the agent's words."""

    options: Options
    vad: Vad
    stt: Stt
    llm: Llm
    tts: Tts
    instructions: str
    """The agent's own, with the connection's added."""
    voice: str
    """The agent's, where the connection names none; empty for the engine's choice."""
    tools: tuple[Tool, ...] = ()
    """The agent's and the connection's."""
    greeting: str = ""
    """What the agent says when a conversation begins."""

    @property
    def engine_names(self) -> dict[str, str]:
        """As ``ready`` tells them."""
        return {"vad": self.vad.name, "stt": self.stt.name, "llm": self.llm.name, "tts": self.tts.name}


class Outbox(Protocol):
    """Where a connection's events go; neither method waits or raises."""

    def deliver(self, seq: int, event: Event) -> None:
        """Send an event; audio comes with the number of the event before it."""
        ...

    def close(self, code: Code | None) -> None:
        """Close the connection after what was delivered: 1000, or as ``code`` asks."""
        ...


class OpenTurn:
    """A turn whose end has not been told."""

    def __init__(self, turn: UserTurn, has_floor: bool = True) -> None:
        self.turn = turn
        self.has_floor = has_floor
        """Whether it is spoken to the agent: not where its connection only listened to transcripts when it began."""
        self.withdrawn = False
        """Whether its user left before it was answered: it is told of, and not answered."""
        self.waiting: list[Event] = []
        """What it has to say while an earlier turn of the same connection has the word."""
        self.first = asyncio.Event()
        """Set once no earlier turn of the connection is open."""
        self.ended: Ended | None = None
        self.decided_at = 0.0
        """``clock.now()`` of the decision that it had ended."""
        self._over = asyncio.Event()

    def end(self, ended: Ended) -> None:
        """No more audio will come."""
        self.ended = ended
        self.decided_at = clock.now()
        self.turn.end()
        self._over.set()

    async def wait_for_end(self) -> Ended:
        """Wait until ``end`` was called, and return what it was told."""
        await self._over.wait()
        assert self.ended is not None
        return self.ended


class Participant:
    """What a conversation knows of one connection."""

    def __init__(
        self, id: str, setup: Setup, received_ms: int = 0, received_messages: int = 0, joined_at: int = 1
    ) -> None:
        self.id = id
        self.setup = setup
        self.joined_at = joined_at
        """Number of its first ``Ready``: what was told before is not for it."""
        self.tuned_in = AudioSince(0, 0)
        """Where the audio that it hears began: none from before is for it."""
        self.received_messages = received_messages
        """Text messages that came, refused ones too, from all its sockets."""
        self.listener = Listener(setup.vad, setup.options, received_ms)
        self.turns: deque[OpenTurn] = deque()
        """Turns whose end has not been told, oldest first; only the last can still be spoken."""
        self.outbox: Outbox | None = None
        self.token = ""
        """What a resume must show; a new one with each socket."""
        self._tokens_before: deque[str] = deque(maxlen=MAX_TOKENS)
        self.detached_at: float | None = None
        """``clock.now()`` since when it has no socket."""
        self.heard_any = False
        """Whether any audio came: the first bytes are looked at."""
        self.closing = False
        """Whether it asked to close: it is heard no more."""

    def rotate_token(self) -> None:
        """Give out a new token. Those before serve until ``confirm_token``: one socket after the
        other may be lost before the client has read what it brought."""
        if self.token:
            self._tokens_before.append(self.token)
        self.token = secrets.token_urlsafe(32)

    def confirm_token(self) -> None:
        """The client spoke on the new socket: the tokens before are used up."""
        self._tokens_before.clear()

    def accepts(self, token: str) -> bool:
        """Whether a resume may show this token; how long it takes tells nothing of a wrong one."""
        given = token.encode()
        known = [each for each in (self.token, *self._tokens_before) if each]
        return any([secrets.compare_digest(each.encode(), given) for each in known])

    @property
    def options(self) -> Options:
        """The settings in force."""
        return self.setup.options
