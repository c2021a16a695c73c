"""VoiceClient: one conversation with a voicesrv."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from voicesrv.client.events import Audio, Ready, ServerEvent
from voicesrv.client.link import BY_DEFAULT, Link, Upkeep
from voicesrv.client.protocol import OptionValue


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
    microphone's last 30 s are kept and sent again from where the server lost them. Commands (``text``,
    ``cancel`` …) that a dying connection swallowed are not repeated. ``Ready`` comes first, and again
    after each reconnection; where its ``conversation`` is another one, the old one could not go on.

    The iteration ends when the server has closed as asked. Commands wait while the connection is down,
    and raise ``Closed`` once the conversation is over. Every method may be cancelled; only that command
    or audio may then be lost.
    """

    def __init__(
        self, url: str, *, token: str | None = None, upkeep: Upkeep = BY_DEFAULT, **options: OptionValue | None
    ) -> None:
        """Say where the server is and what is wanted; nothing is opened yet.

        Args:
            url: such as ``http://127.0.0.1:8000``; ``https``, ``ws`` and ``wss`` too.
            token: an API key or short-lived token, sent in a header.
            upkeep: whether and how to come back after a drop.
            options: the query parameters of ``docs/protocol.md``, e.g. ``mode="listen"``; None is the default.

        Raises:
            ValueError: the URL or the encoding is none.
        """
        self._link = Link(url, token, options, upkeep)
        self._first: Ready | None = None

    @property
    def conversation(self) -> str:
        """The id of the conversation; empty before the first connection."""
        return self._link.conversation

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
        """
        await self._link.send_audio(data)

    async def text(self, text: str) -> None:
        """Send a user's turn, typed."""
        await self._link.send({"type": "text", "text": text})

    async def speak(self, text: str, *, flush: bool = True) -> None:
        """Have this text said as it is; ``flush=False`` gathers until a sentence is whole."""
        await self._link.send({"type": "speak", "text": text, "flush": flush})

    async def flush(self, id: str | None = None) -> None:
        """Have what is gathered spoken; ``Flushed`` with this id comes when its last audio is sent."""
        await self._link.send({"type": "flush"} if id is None else {"type": "flush", "id": id})

    async def finalize(self) -> None:
        """End the user's turn now."""
        await self._link.send({"type": "finalize"})

    async def cancel(self) -> None:
        """Stop the reply under way, as a barge-in does."""
        await self._link.send({"type": "cancel"})

    async def playback(self, reply: int, played_ms: int) -> None:
        """Say how much of a reply has been heard; forgotten while the connection is down."""
        await self._link.send_if_up({"type": "playback", "reply": reply, "played_ms": played_ms})

    async def tool_result(self, id: str, output: str | None = None, *, error: str | None = None) -> None:
        """Answer a ``ToolCall`` with its output, or with what went wrong."""
        outcome = {"output": output or ""} if error is None else {"error": error}
        await self._link.send({"type": "tool_result", "id": id, **outcome})

    async def configure(
        self,
        *,
        instructions: str | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        **options: OptionValue,
    ) -> None:
        """Change options from here on; answered by ``Configured``.

        Args:
            instructions: added to the agent's own.
            tools: functions that the model may ask for: ``name``, ``description``, ``parameters``.
            options: query parameters of ``docs/protocol.md``, under the same names.

        Raises:
            ValueError: no such encoding.
        """
        changes: dict[str, Any] = dict(options)
        if instructions is not None:
            changes["instructions"] = instructions
        if tools is not None:
            changes["tools"] = [dict(tool) for tool in tools]
        await self._link.configure(changes)

    async def ping(self, id: str | int | None = None) -> None:
        """Ask for a ``Pong`` of the same id."""
        await self._link.send({"type": "ping"} if id is None else {"type": "ping", "id": id})

    async def close(self) -> None:
        """Ask the server to finish what was said and to close; go on iterating to see it through."""
        await self._link.finish()

    # --- lifetime -------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            Unreachable: nothing answers.
            Refused: the server said no, e.g. to a parameter or a key, or it is full.
            Closed: it accepted and closed again, e.g. a conversation that is not there.
            ProtocolError: it is no voicesrv.
        """
        self._first = await self._link.open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection at once; call ``close`` and iterate to the end to hear the end."""
        await self._link.close()

    def __aiter__(self) -> AsyncIterator[ServerEvent | Audio]:
        return self

    async def __anext__(self) -> ServerEvent | Audio:
        """Give the next event or piece of audio, coming back from drops on the way.

        Raises:
            Closed: the server closed for good, or reconnecting is off.
            Unreachable: it was gone for ``Upkeep.give_up_s``.
            Refused: it does not let the client come back.
            ProtocolError: it sent what ``voicesrv.v1`` does not allow.
        """
        first, self._first = self._first, None
        event = first or await self._link.next()
        if event is None:
            raise StopAsyncIteration
        return event
