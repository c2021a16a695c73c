"""A conversation with recordings or a microphone: what ``voicesrv talk`` does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from voicesrv.audio.pcm import Samples
from voicesrv.client import VoiceClient
from voicesrv.client.events import (
    Audio,
    Clear,
    ReplyEnd,
    ReplyStart,
    ServerError,
    ServerEvent,
    TurnEnd,
    TurnStart,
)
from voicesrv.client.playout import Playout

MESSAGE_MS = 20
_TICK_S = MESSAGE_MS / 1000
_MESSAGE_BYTES = 32 * MESSAGE_MS  # 16 kHz linear16
_PLAYED_BYTES = 48 * MESSAGE_MS  # 24 kHz linear16
_SILENCE = bytes(_MESSAGE_BYTES)
_SETTLE_MS = 700
"""Silence after a recording, beyond ``endpointing_ms``, in which a turn has ended or never began."""
_PATIENCE_MS = 30_000
"""Silence after which a reply that was due is not waited for any more."""
_DEVICE_S = 0.2
"""What a sound device may still hold when the last audio was given to it."""
_REPORT_S = 0.2
"""Between two reports of what was played; what a barge-in cuts is known this exactly."""

Show = Callable[[ServerEvent | Audio], object]
"""Called with every event and every piece of audio."""
Keep = Callable[[], object]


@dataclass(slots=True)
class Exchange:
    """Whether anything is still to be said or heard; pure."""

    turns: set[int] = field(default_factory=set)
    """Those that are open."""
    replies: set[int] = field(default_factory=set)
    """Those under way."""
    due: int = 0
    """Replies that a turn will get and that have not begun."""

    @property
    def idle(self) -> bool:
        """Whether nobody speaks and nobody is about to."""
        return not self.turns and not self.replies and self.due <= 0

    def apply(self, event: ServerEvent | Audio) -> None:
        """Take an event."""
        match event:
            case TurnStart(turn=turn):
                self.turns.add(turn)
            case TurnEnd(turn=turn, text=text):
                self.turns.discard(turn)
                if text:
                    self.due += 1
            case ReplyStart(reply=reply):
                self.replies.add(reply)
                self.due = 0  # one reply answers all that was said before it
            case ReplyEnd(reply=reply):
                self.replies.discard(reply)
            case ServerError():
                self.due = 0


class Talk:
    """One conversation: what is said, shown, played and kept."""

    def __init__(self, client: VoiceClient, show: Show, playout: Playout, endpointing_ms: int) -> None:
        """Args:
        client: connected.
        show: called with every event and every piece of audio.
        playout: where replies wait to be played.
        endpointing_ms: silence that ends a turn; 0 where nothing but ``finalize`` does.
        """
        self._client = client
        self._show = show
        self._playout = playout
        self._endpointing_ms = endpointing_ms
        self._exchange = Exchange()
        self._quiet_ms = 0  # of silence sent since anything happened

    async def run(self, messages: AsyncIterator[bytes], play: Coroutine[Any, Any, None], keep: Keep) -> None:
        """Say all messages, hear the server out, and let its replies be played to the end.

        Args:
            messages: what the user says, at its own pace.
            play: takes audio out of the playout until cancelled.
            keep: called now and then, so that what was played can be kept.

        Raises:
            VoiceClientError: the server is gone for good.
        """
        async with asyncio.TaskGroup() as tasks:
            saying = tasks.create_task(self._say(messages))
            playing = [tasks.create_task(play), tasks.create_task(self._report(keep))]
            await self._listen()
            saying.cancel()
            await asyncio.sleep(self._playout.waiting_ms / 1000 + _DEVICE_S)
            for task in playing:
                task.cancel()
        keep()

    async def recordings(self, files: Iterable[Iterator[Samples]]) -> AsyncGenerator[bytes, None]:
        """Yield the messages of recordings at real time, each followed by silence until all is said and heard.

        Args:
            files: the blocks of each, mono int16 at 16 kHz.

        Raises:
            ClientError: from ``files``, one that cannot be decoded.
        """
        clock = Clock(_TICK_S)
        for blocks in files:
            rest = b""
            while (block := await asyncio.to_thread(next, blocks, None)) is not None:
                rest += block.tobytes()
                whole = len(rest) - len(rest) % _MESSAGE_BYTES
                for start in range(0, whole, _MESSAGE_BYTES):
                    await clock.tick()
                    yield rest[start : start + _MESSAGE_BYTES]
                rest = rest[whole:]
            yield rest
            if self._endpointing_ms == 0:
                await self._client.finalize()
            self._quiet_ms = 0
            while not self._settled():
                await clock.tick()
                yield _SILENCE
                self._quiet_ms += MESSAGE_MS

    def _settled(self) -> bool:
        if self._playout.waiting_ms:
            self._quiet_ms = 0
        elif self._exchange.idle:
            return self._quiet_ms >= self._endpointing_ms + _SETTLE_MS
        return self._quiet_ms >= _PATIENCE_MS

    async def _say(self, messages: AsyncIterator[bytes]) -> None:
        async for message in messages:
            await self._client.send_audio(message)
        await self._client.close()

    async def _listen(self) -> None:
        async for event in self._client:
            self._quiet_ms = 0
            self._exchange.apply(event)
            match event:
                case Audio(reply=reply, pcm=pcm):
                    self._playout.push(reply, pcm)
                case Clear(reply=reply):
                    self._playout.clear(reply)
            self._show(event)

    async def _report(self, keep: Keep) -> None:
        told: dict[int, int] = {}
        while True:
            await asyncio.sleep(_REPORT_S)
            keep()
            played = self._playout.played_ms()
            for reply, played_ms in played.items():
                if told.get(reply) != played_ms:
                    await self._client.playback(reply, played_ms)
            told = played


class Clock:
    """Ticks at a strict rate: a late tick is followed by earlier ones, not by a later schedule."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._next_at: float | None = None

    async def tick(self) -> None:
        """Wait for the next tick."""
        now = asyncio.get_running_loop().time()
        due = now if self._next_at is None else self._next_at
        self._next_at = due + self._period_s
        await asyncio.sleep(max(0.0, due - now))


async def play_silently(playout: Playout, heard: Callable[[bytes], object]) -> None:
    """Take the place of a speaker: play at real time, to nobody."""
    clock = Clock(_TICK_S)
    while True:
        await clock.tick()
        if pcm := playout.pull(_PLAYED_BYTES):
            heard(pcm)
