"""VoiceClient: one conversation with a voicesrv."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator
from types import TracebackType
from typing import Any, Self, Unpack

from voicesrv_client.events import Audio, Ready, ServerEvent
from voicesrv_client.link import Link
from voicesrv_client.playout import Playout
from voicesrv_client.settings import Settings
from voicesrv_client.upkeep import BY_DEFAULT, Token, Upkeep

_REPORT_S = 0.2
"""Between two reports of what was played: a barge-in cuts the history that exactly."""


class VoiceClient:
    """A conversation: audio and text in, events and audio out.

    ::

        async with VoiceClient("http://127.0.0.1:8000", language="en") as client:
            await client.send_audio(pcm)
            async for event in client:
                match event:
                    case TurnEnd(text=text): ...
                    case Audio(pcm=pcm): ...

    Iterating is what reads, notices drops and comes back, so one task should always do it. A dropped
    connection is resumed: events and audio of replies arrive exactly once and in order, and the
    microphone's last 30 s are kept and sent again from where the server lost them, as are commands
    (``say``, ``cancel`` …) that a dying connection swallowed. ``Ready`` comes first, and again after
    each reconnection; where its ``conversation`` is another one, the old one could not go on.

    The iteration ends when the server has closed as asked. Commands wait while the connection is down,
    and where they come faster than the server takes them (20 a second after a burst, unless it says
    otherwise). They raise ``Closed`` once the conversation is over, and ``ValueError`` for a text or a
    result that is larger than the server takes (64 KiB, likewise). Every method may be cancelled; a
    command that still waits is then never sent, unless another's text has joined it or a connection
    broke on it. Audio, ``configure`` and ``close`` stand once they are given.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        conversation: str | None = None,
        ssl: ssl.SSLContext | None = None,
        upkeep: Upkeep = BY_DEFAULT,
        **settings: Unpack[Settings],
    ) -> None:
        """Say where the server is and what is wanted; nothing is opened yet.

        Args:
            url: such as ``http://127.0.0.1:8000``; ``https``, ``ws`` and ``wss`` too.
            token: an API key, sent in a header; or an async function that gives a short-lived token, which is
                called for each connection. What it raises is raised by entering or iterating, but that an
                ``OSError``, or none in 30 s, counts as a server out of reach: on the way back it is tried again.
            conversation: the id of one to join; None begins a new one.
            ssl: whom to trust at ``https`` and ``wss``, such as ``tls.trusting("cert.pem")`` for a server with
                a self-signed certificate; None trusts whom this system trusts.
            upkeep: whether and how to come back after a drop.
            settings: what the conversation is to be like, e.g. ``mode="listen", keyterms=["Saoirse"]``.

        Raises:
            TypeError: a setting is no JSON.
            ValueError: the URL or the encoding is none, ``ssl`` is given where there is no TLS, or ``instructions``
                and ``tools`` are no JSON or too large.
        """
        self._link = Link(url, token, {"conversation": conversation, **settings}, upkeep, ssl)
        self._first: Ready | None = None
        self._entered = False

    @property
    def conversation(self) -> str:
        """The id of the conversation; empty before the first connection."""
        return self._link.conversation

    @property
    def connection(self) -> str:
        """The id of this client in the conversation, as a ``ToolCall`` has it; empty before the first connection."""
        return self._link.connection

    @property
    def reconnections(self) -> int:
        """How often the connection was lost and found again."""
        return self._link.reconnections

    @property
    def lost_ms(self) -> int:
        """Input audio that was lost because a drop lasted longer than what is kept."""
        return self._link.lost_ms

    # --- commands -------------------------------------------------------------------------------

    async def send_audio(self, data: bytes) -> None:
        """Send audio of the microphone: any number of bytes, 20-100 ms being best.

        While the connection is down the audio is kept, and sent when it is back. Waits where the
        network takes it slower than it comes.

        Raises:
            Closed: the conversation is over.
        """
        await self._on.send_audio(data)

    async def send_all(self, blocks: AsyncIterable[bytes]) -> None:
        """Send audio as it comes, until there is no more or the conversation is over."""
        async with self._on.while_it_lasts():
            async for block in blocks:
                if self._link.over:
                    return
                await self.send_audio(block)

    async def send_text(self, text: str) -> None:
        """Send a user's turn, typed."""
        await self._on.send({"type": "text", "text": text})

    async def say(self, text: str, *, flush: bool = True) -> None:
        """Have this text said as it is; ``flush=False`` gathers until a sentence is whole.

        Pieces that come faster than they can be sent, each said by a task of its own, are sent together.
        """
        await self._on.send({"type": "speak", "text": text, "flush": flush})

    async def flush(self, id: str | None = None) -> None:
        """Have what is gathered spoken; ``Flushed`` with this id comes when its last audio is sent."""
        await self._on.send({"type": "flush"} if id is None else {"type": "flush", "id": id})

    async def finalize(self) -> None:
        """End the user's turn now."""
        await self._on.send({"type": "finalize"})

    async def cancel(self) -> None:
        """Stop the reply under way, as a barge-in does; what waits to be said is dropped."""
        await self._on.send({"type": "cancel"})

    async def playback(self, reply: int, played_ms: int) -> None:
        """Say how much of a reply has been heard; forgotten while the connection is down or very busy."""
        await self._on.send_if_up({"type": "playback", "reply": reply, "played_ms": played_ms})

    async def report(self, playout: Playout) -> None:
        """Say every 200 ms how much of each reply has been heard, until the conversation is over."""
        told: dict[int, int] = {}
        while not self._link.over:
            await asyncio.sleep(_REPORT_S)
            played = playout.played_ms()
            for reply, played_ms in played.items():
                if told.get(reply) != played_ms:
                    await self.playback(reply, played_ms)
            told = played

    async def tool_result(self, id: str, output: Any = "", *, error: str | None = None) -> None:
        """Answer a ``ToolCall`` with its output, or with what went wrong.

        Args:
            id: of the ``ToolCall``.
            output: text, or what can be JSON; None is sent as ``null``.
            error: in place of an output.

        Raises:
            TypeError: the output is no JSON.
            ValueError: it is no JSON, such as NaN, or too large.
            Closed: the conversation is over.
        """
        outcome = {"output": output} if error is None else {"error": error}
        await self._on.send({"type": "tool_result", "id": id, **outcome})

    async def configure(self, **changes: Unpack[Settings]) -> None:
        """Change settings from here on, all of these or none; None brings back what the server chooses.

        Audio that is given after this is called is in the format that it asks for.

        It answers with a ``Configured`` or a ``ServerError``, whose ``id`` then begins with ``configure-``. A change
        that has no answer when the connection breaks is asked for again on the next; a refused one is forgotten.

        Raises:
            TypeError: a setting is no JSON.
            ValueError: no such encoding, or a setting is no JSON or too large.
            Closed: the conversation is over.
        """
        await self._on.configure(changes)

    async def ping(self, id: str | int | None = None) -> None:
        """Ask for a ``Pong`` of the same id."""
        await self._on.send({"type": "ping"} if id is None else {"type": "ping", "id": id})

    async def close(self) -> None:
        """Ask the server to finish what was said and to close; go on iterating to see it through."""
        await self._on.finish()

    # --- lifetime -------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            Unreachable: nothing answers in time, or it says to be elsewhere.
            Untrusted: its certificate is not one to be trusted.
            Refused: the server said no, e.g. to a parameter or a key, or it is full.
            Closed: it accepted and closed again, e.g. a conversation that is not there.
            ProtocolError: it is no voicesrv.
        """
        self._first = await self._link.open()
        self._entered = True
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Hang up at once, with nothing more answered; call ``close`` and iterate to the end to hear the end."""
        await self._link.close()

    @property
    def _on(self) -> Link:
        if not self._entered:
            raise RuntimeError(
                "there is no connection yet: enter the client first, async with VoiceClient(…) as client"
            )
        return self._link

    def __aiter__(self) -> AsyncIterator[ServerEvent | Audio]:
        return self

    async def __anext__(self) -> ServerEvent | Audio:
        """Give the next event or piece of audio, coming back from drops on the way.

        Raises:
            Closed: the server closed for good, lets nobody in for ``Upkeep.give_up_s``, or reconnecting is off.
            Unreachable: it was gone for ``Upkeep.give_up_s``.
            Refused, Untrusted: it does not let the client come back, or poses as another.
            ProtocolError: it sent what ``voicesrv.v1`` does not allow.
        """
        first, self._first = self._first, None
        event = first or await self._link.next()
        if event is None:
            raise StopAsyncIteration
        return event
