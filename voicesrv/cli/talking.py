"""A conversation with recordings or a microphone: what ``voicesrv talk`` does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from voicesrv.audio.files import decode, duration_s
from voicesrv.cli.reach import Server
from voicesrv.cli.screen import screen_for
from voicesrv.cli.sound import Sound, microphone
from voicesrv.cli.ticks import Ticks
from voicesrv.options import Options
from voicesrv_client import Settings, VoiceClient
from voicesrv_client.events import Audio, Ready, ReplyEnd, ReplyStart, ServerError, ServerEvent, TurnEnd, TurnStart

MESSAGE_MS = 20
_MESSAGE_BYTES = 32 * MESSAGE_MS  # 16 kHz linear16
_SILENCE = bytes(_MESSAGE_BYTES)
_SETTLE_MS = 700
"""Silence after a recording, beyond ``endpointing_ms``, in which a turn has ended or never began."""
_PATIENCE_MS = 30_000
"""Silence in which nothing happened, after which a reply that was due is not waited for any more."""
_DEVICE_S = 0.2
"""What a sound device may still hold when the last audio was given to it."""
_KEEP_S = 0.2
"""Between two times that what was played is written to the file."""

Show = Callable[[ServerEvent | Audio], object]
"""Called with every event and every piece of audio."""


async def talk_to(server: Server, options: Settings, files: Sequence[Path], *, aloud: bool, out: Path | None) -> None:
    """Hold a conversation and show it on stdout.

    Args:
        server: whom to talk to.
        options: settings of the conversation.
        files: recordings to say, one after another; none for the microphone, until interrupted.
        aloud: whether to play replies.
        out: a WAV file for what was played.

    Raises:
        ClientError: a recording cannot be read.
        ConfigError: there is no microphone, or an option makes no sense.
        VoiceClientError: the server does not let it in, or is gone for good.
    """
    for path in files:
        duration_s(path)  # one that is no recording is found before a server is started
    with ExitStack() as stack:
        mic = None if files else stack.enter_context(microphone())
        sound = stack.enter_context(Sound(aloud=aloud, out=out))
        async with server.connected(options) as client:
            screen = screen_for(Console())
            stack.enter_context(screen)
            talk = Talk(client, screen.show, sound, _wait_ms(options))
            await talk.run(talk.recordings(files) if mic is None else aiter(mic))


def _wait_ms(options: Settings) -> int:
    """The silence that ends a turn; one that may be held longer is open, and waited for."""
    named = options.get("endpointing_ms")
    return Options().endpointing_ms if named is None else named


@dataclass(slots=True)
class Exchange:
    """Whether anything is still to be said or heard; pure."""

    turns: set[int] = field(default_factory=set)
    """Those that are open."""
    replies: set[int] = field(default_factory=set)
    """Those under way."""
    due: bool = False
    """Whether a turn has ended that will get a reply."""
    conversation: str = ""
    """Its id."""

    @property
    def idle(self) -> bool:
        """Whether nobody speaks and nobody is about to."""
        return not (self.turns or self.replies or self.due)

    def apply(self, event: ServerEvent | Audio) -> None:
        """Take an event."""
        match event:
            case TurnStart(turn=turn):
                self.turns.add(turn)
            case TurnEnd(turn=turn, text=text):
                self.turns.discard(turn)
                self.due = self.due or text != ""
            case ReplyStart(reply=reply):
                self.replies.add(reply)
                self.due = False  # it answers all that was said before it
            case ReplyEnd(reply=reply):
                self.replies.discard(reply)
            case ServerError():
                self.due = False
            case Ready(conversation=conversation) if conversation != self.conversation:
                self.conversation = conversation
                self.turns.clear()  # nobody will end what belonged to one that is lost
                self.replies.clear()
                self.due = False


class Talk:
    """One conversation: what is said, shown and played."""

    def __init__(self, client: VoiceClient, show: Show, sound: Sound, endpointing_ms: int) -> None:
        """Args:
        client: connected.
        show: called with every event and every piece of audio.
        sound: where replies are heard.
        endpointing_ms: silence that ends a turn; 0 where nothing but ``finalize`` does.
        """
        self._client = client
        self._show = show
        self._sound = sound
        self._endpointing_ms = endpointing_ms
        self._exchange = Exchange()
        self._quiet_ms = 0  # of silence sent since anything happened

    async def run(self, messages: AsyncIterator[bytes]) -> None:
        """Say all messages, hear the server out, and let its replies be played to the end.

        Args:
            messages: what the user says, at its own pace.

        Raises:
            VoiceClientError: the server is gone for good.
        """
        async with asyncio.TaskGroup() as tasks:
            saying = tasks.create_task(self._say(messages))
            whatever_is_played = (
                self._sound.play(),
                self._client.report(self._sound.playout),
                self._keep(),
            )
            playing = [tasks.create_task(each) for each in whatever_is_played]
            await self._listen()
            saying.cancel()
            await asyncio.sleep(self._sound.playout.waiting_ms / 1000 + _DEVICE_S)
            for task in playing:
                task.cancel()
        self._sound.keep()

    async def recordings(self, files: Sequence[Path]) -> AsyncGenerator[bytes, None]:
        """Yield recordings at real time, each followed by silence until all is said and heard.

        Raises:
            ClientError: one is damaged.
        """
        ticks = Ticks(MESSAGE_MS / 1000)
        for path in files:
            async with aclosing(_messages(path)) as messages:
                async for message in messages:
                    await ticks.next()
                    yield message
            if self._endpointing_ms == 0:
                await self._client.finalize()
            self._quiet_ms = 0
            while not self._settled():
                await ticks.next()
                yield _SILENCE
                self._quiet_ms += MESSAGE_MS

    def _settled(self) -> bool:
        if self._sound.playout.waiting_ms:
            self._quiet_ms = 0
        if self._exchange.idle:
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
            self._sound.playout.take(event)
            self._show(event)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_S)
            self._sound.keep()


async def _messages(path: Path) -> AsyncGenerator[bytes, None]:
    """Cut a recording into messages; the last is filled up with silence."""
    rest = b""
    blocks = decode(path)
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        rest += block.tobytes()
        while len(rest) >= _MESSAGE_BYTES:
            yield rest[:_MESSAGE_BYTES]
            rest = rest[_MESSAGE_BYTES:]
    if rest:
        yield rest.ljust(_MESSAGE_BYTES, b"\0")
