"""A conversation on scripted engines, with everything that it tells written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import numpy as np

from voicesrv.conversation.hub import Hub, HubOptions
from voicesrv.conversation.participant import Setup
from voicesrv.conversation.seat import Join, Seat
from voicesrv.errors import Code
from voicesrv.events import AppendAudio, AudioSince, Command, Event, Ready, ReplyAudio
from voicesrv.options import Options, changed
from voicesrv.stores.base import ConversationStore
from voicesrv.testing import FakeLlm, FakeStt, FakeTts, FakeVad

E = TypeVar("E")

LOUD = np.full(320, 8000, dtype=np.int16).tobytes()
QUIET = np.zeros(320, dtype=np.int16).tobytes()


class Recorder:
    """An outbox that keeps what it is given."""

    def __init__(self) -> None:
        self.told: list[tuple[int, Event]] = []
        self.closed: list[Code | None] = []
        self._news = asyncio.Event()

    def deliver(self, seq: int, event: Event) -> None:
        self.told.append((seq, event))
        self._news.set()

    def close(self, code: Code | None) -> None:
        self.closed.append(code)
        self._news.set()

    @property
    def events(self) -> list[Event]:
        """All but audio."""
        return [event for _, event in self.told if not isinstance(event, ReplyAudio)]

    @property
    def names(self) -> list[str]:
        """Kinds of events, audio run together."""
        names: list[str] = []
        for _, event in self.told:
            name = type(event).__name__
            if not (name == "ReplyAudio" and names and names[-1] == name):
                names.append(name)
        return names

    def of(self, kind: type[E]) -> list[E]:
        """Events of one kind."""
        return [event for _, event in self.told if isinstance(event, kind)]

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so; a minute of the loop's time at most."""
        async with asyncio.timeout(60):
            while not done():
                self._news.clear()
                await self._news.wait()

    async def get(self, kind: type[E], number: int = 1) -> E:
        """Wait for the ``number``-th event of a kind."""
        await self.until(lambda: len(self.of(kind)) >= number)
        return self.of(kind)[number - 1]


class Stage:
    """A hub on fakes, and connections to it."""

    def __init__(self, store: ConversationStore | None) -> None:
        self.vad = FakeVad()
        self.stt = FakeStt()
        self.llm = FakeLlm()
        self.tts = FakeTts()
        self.greeting = ""
        self.hub = Hub(self._resolve, HubOptions(max_conversations=4, resume_window_s=120), store)

    async def _resolve(self, options: Options) -> Setup:
        return Setup(
            options,
            self.vad,
            self.stt,
            self.llm,
            self.tts,
            options.instructions,
            options.voice,
            options.tools,
            self.greeting,
        )

    async def join(self, conversation: str | None = None, **options: object) -> Player:
        """A new connection."""
        join = Join("local", changed(Options(), options), conversation)
        return Player(await self.hub.join(join))

    async def resume(self, player: Player, after: int, has: AudioSince | None = None, token: str = "") -> Player:
        """A connection that comes back."""
        token = token or player.out.of(Ready)[0].resume
        join = Join("local", Options(), player.seat.conversation.id, token, after, has)
        return Player(await self.hub.join(join))


class Player:
    """One connection: says commands, hears events."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.out = Recorder()
        seat.take(self.out, {})

    def say(self, command: Command) -> None:
        self.seat.conversation.handle(self.seat.participant, command)

    def speak(self, ms: int) -> None:
        """Loud audio, in 20 ms messages."""
        self._send(LOUD, ms)

    def pause(self, ms: int) -> None:
        """Silence, in 20 ms messages."""
        self._send(QUIET, ms)

    def _send(self, message: bytes, ms: int) -> None:
        for _ in range(ms // 20):
            self.say(AppendAudio(message))


@asynccontextmanager
async def stage(store: ConversationStore | None = None) -> AsyncIterator[Stage]:
    """Raise the curtain."""
    it = Stage(store)
    async with it.hub:
        yield it
