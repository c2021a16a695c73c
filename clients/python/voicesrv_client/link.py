"""Keeps a conversation connected: opens, notices drops, comes back and says again what got lost."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from voicesrv_client.connection import Connection
from voicesrv_client.errors import Closed, ProtocolError, Refused, Unreachable, Untrusted, VoiceClientError
from voicesrv_client.events import Audio, Pong, Ready, ServerEvent
from voicesrv_client.outgoing import Outgoing
from voicesrv_client.protocol import Incoming, Next, after_close, backoff_s, build_url
from voicesrv_client.ring import MicrophoneRing
from voicesrv_client.wishes import Wishes

log = logging.getLogger(__name__)

_KEEPALIVE_ID = "keepalive"
_AUDIO_OPTIONS = ("encoding", "sample_rate", "channels")
_STEADY_S = 5.0
"""A connection that lived this long was a good one: the next drop starts the backoff anew."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How a connection is kept up."""

    reconnect: bool = True
    """False lets a drop end the conversation."""
    keepalive_s: float = 20.0
    """Silence towards the server after which a ``ping`` is sent; its idle limit is 60 s by default."""
    give_up_s: float = 120.0
    """How long to try to come back; a resume token lives 120 s by default."""
    ring_s: float = 30.0
    """How much of the microphone's audio is kept for a resume; the server takes bursts of 30 s."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    """Waits between tries."""
    jitter: Callable[[], float] = random.random
    """Evenly distributed in [0, 1)."""


BY_DEFAULT = Upkeep()

Token = str | Callable[[], Awaitable[str]]
"""A key, or what gives a token for one connection: it is called anew for each, as a token serves once."""


class Link:
    """One conversation over as many connections as it takes.

    One task calls ``next``, which is what comes back from drops; others may send meanwhile.
    """

    def __init__(
        self,
        url: str,
        token: Token | None,
        options: Mapping[str, Any],
        upkeep: Upkeep = BY_DEFAULT,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """Check the address and the format; nothing is opened yet.

        Args:
            url: as ``build_url`` takes it.
            token: sent in a header.
            options: of the connection, see ``Settings``; None is as if left out.
            upkeep: whether and how to come back.
            trust: for ``https`` and ``wss`` alone; None trusts whom this system trusts.

        Raises:
            ValueError: the URL or the encoding is none, or ``trust`` is given for an address without TLS.
        """
        if not build_url(url, {}).startswith("wss:") and trust is not None:
            raise ValueError(f"ssl is for https and wss, and {url!r} is neither")
        self.conversation = ""
        self.reconnections = 0
        self.lost_ms = 0
        self._url = url
        self._token = token
        self._trust = trust
        self._upkeep = upkeep
        self._wishes = Wishes(options)
        self._outgoing = Outgoing(MicrophoneRing(*_audio_format(options), seconds=upkeep.ring_s))
        self._incoming = Incoming()
        self._connection: Connection | None = None
        self._resume = ""
        self._up = asyncio.Event()  # a connection stands, or none ever will again
        self._order = asyncio.Lock()  # of what is sent
        self._closing = False
        self._over: Closed | None = None
        self._attempt = 0
        self._last_sent = 0.0
        self._up_since = 0.0

    @property
    def over(self) -> bool:
        """Whether the conversation has ended and will not go on."""
        return self._over is not None

    async def open(self) -> Ready:
        """Connect for the first time; raises what ``Connection.open`` raises."""
        ready = await self._open({})
        await self._tell(ready)
        return ready

    async def close(self) -> None:
        """End it here and now; whoever waits to send gets ``Closed``."""
        self._end(Closed(1000, "closed by the client"))
        if self._connection is not None:
            await self._connection.close()

    # --- out ------------------------------------------------------------------------------------

    async def send_audio(self, data: bytes) -> None:
        """Keep audio and send it, at once or when the connection is back.

        Raises:
            Closed: the conversation is over.
        """
        if self._over is not None:
            raise self._over
        self._outgoing.ring.append(data)
        await self._pump()

    async def send(self, command: Mapping[str, Any]) -> None:
        """Send a command, once a connection stands; what was heard before it is sent before it.

        It is sent again on the next connection if this one swallows it. Cancelling does not take it back.

        Raises:
            Closed: the conversation is over.
        """
        if self._over is not None:
            raise self._over
        self._outgoing.add(command)
        while self._outgoing.has_commands:
            await self._up.wait()
            if self._over is not None:
                raise self._over
            await self._pump()

    async def send_if_up(self, command: Mapping[str, Any]) -> None:
        """Send a command that would be stale after a reconnection, or forget it."""
        async with self._order:
            if self._up.is_set() and self._over is None:
                await self._say(command)

    async def configure(self, changes: Mapping[str, Any]) -> None:
        """Change options, also those of a new conversation once the server agrees; see ``VoiceClient.configure``.

        Raises:
            ValueError: no such encoding.
            Closed: the conversation is over.
        """
        if self._over is not None:
            raise self._over
        if any(name in changes for name in _AUDIO_OPTIONS):
            audio_format = _audio_format({**self._wishes.settings, **changes})
            await self._pump()
            async with self._order:
                self._outgoing.ring.changed(*audio_format)
        await self.send_if_up(self._wishes.ask(changes))  # else the next connection is told

    async def finish(self) -> None:
        """Ask the server to finish what was said and close; asked again after a drop."""
        self._closing = True
        await self._pump()
        await self.send_if_up({"type": "close"})

    async def _pump(self) -> None:
        """Send what waits, while the connection takes it; after a drop the next one is sent the rest."""
        async with self._order:
            await self._send_waiting()

    async def _send_waiting(self) -> None:
        while self._up.is_set() and (waiting := self._outgoing.next()) is not None:
            if isinstance(waiting, bytes):
                sent = await self._write(waiting)
            elif not (sent := await self._write(_encoded(waiting))):
                self._outgoing.take_back()
            if not sent:
                return

    async def _say(self, command: Mapping[str, Any]) -> None:
        """Send a command past what waits, or forget it."""
        self._outgoing.count()
        await self._write(_encoded(command))

    async def _write(self, message: str | bytes) -> bool:
        """Send a message, and say whether it was."""
        connection = self._connection
        if connection is None:
            return False
        try:
            # Whoever asked for it may be cancelled; what is counted as sent is sent all the same.
            await asyncio.shield(connection.send(message))
        except Closed:
            if connection is self._connection:  # else the reader has come back meanwhile
                self._down()
            return False
        self._last_sent = asyncio.get_running_loop().time()
        return True

    # --- in -------------------------------------------------------------------------------------

    async def next(self) -> ServerEvent | Audio | None:
        """Give the next event or piece of audio, or None when the server has closed as asked.

        Raises:
            Closed: it closed for good, or reconnecting is off.
            Unreachable: it was gone for ``give_up_s``.
            Refused, Untrusted: it does not let the client come back, or poses as another.
            ProtocolError: it sent what ``voicesrv.v1`` does not allow.
        """
        while self._over is None:
            try:
                message = await self._receive()
            except Closed as closed:
                return await self._come_back(closed)
            event = self._incoming.receive(message)
            if isinstance(event, ServerEvent):
                self._wishes.received(event)
            if event is not None and not (isinstance(event, Pong) and event.id == _KEEPALIVE_ID):
                return event
        if self._over.code == 1000:
            return None
        raise self._over

    async def _receive(self) -> str | bytes:
        """Wait for the next message, with a ping whenever nothing was said for a while."""
        loop = asyncio.get_running_loop()
        while True:
            if self._connection is None:
                raise Closed(1006)
            try:
                async with asyncio.timeout_at(self._last_sent + self._upkeep.keepalive_s):
                    return await self._connection.receive()
            except TimeoutError:
                if loop.time() >= self._last_sent + self._upkeep.keepalive_s:
                    await self._say({"type": "ping", "id": _KEEPALIVE_ID})

    async def _come_back(self, closed: Closed) -> Ready | None:
        """Answer a drop: the ``Ready`` of the new connection, or None where the end was asked for."""
        loop = asyncio.get_running_loop()
        self._down()
        self._connection = None
        if loop.time() - self._up_since > _STEADY_S:
            self._attempt = 0
        give_up_at = loop.time() + self._upkeep.give_up_s
        wait_s = 0.0
        while True:
            if self._over is not None:  # this side closed meanwhile
                return None
            step = after_close(closed.code)
            if step is Next.END:
                self._end(closed)
                return None
            if step is Next.FAIL or not self._upkeep.reconnect:
                self._end(closed)
                raise closed
            if step is Next.RESTART:
                self._resume = ""
            await self._upkeep.sleep(max(wait_s, backoff_s(self._attempt, self._upkeep.jitter())))
            self._attempt += 1
            wait_s = 0.0
            try:
                ready = await self._open(self._return_query())
            except (Unreachable, Untrusted, Refused, ProtocolError) as error:
                wait_s = self._wait_after(error, closed, in_time=loop.time() < give_up_at)
            except Closed as error:
                # 4504, not found: a restarted server knows nothing of us; see ``_wait_after``.
                closed = Closed(4007, error.reason) if error.code == 4504 and self._resume else error
            else:
                self.reconnections += 1
                await self._tell(ready)
                return ready

    def _wait_after(self, error: VoiceClientError, closed: Closed, *, in_time: bool) -> float:
        """Say for how many seconds to wait after a try that failed, or raise where it was the last."""
        match error:
            case Refused(status=404) if self._resume:
                self._resume = ""  # a restarted server knows nothing of us: begin a new conversation
                return 0.0
            case Refused(status=429 | 503, retry_after_s=retry_after_s) if in_time:
                return retry_after_s or 0.0
            case Unreachable() if in_time:
                return 0.0
        self._end(closed)
        raise error

    def _return_query(self) -> dict[str, object]:
        if not self._resume:
            return {}
        return {"conversation": self.conversation, "resume": self._resume, **self._incoming.resume_query()}

    async def _open(self, query: Mapping[str, object]) -> Ready:
        try:
            token = await self._token() if callable(self._token) else self._token
        except OSError as error:  # a network that is down is so for both
            raise Unreachable(f"no token could be had: {error}") from error
        except Exception:
            self._end(Closed(1006))  # whoever waits to send is told
            raise
        url = build_url(self._url, {**self._wishes.query, **query})
        connection, ready = await Connection.open(url, token, self._trust)
        if "resume" in query:
            self._incoming.resumed()
            self.lost_ms += self._outgoing.rewind(ready)
        else:
            self._incoming = Incoming()
            self._outgoing.restart(ready)
            self._wishes.begun()
        self.conversation, self._resume = ready.conversation, ready.resume
        self._connection = connection
        self._up_since = self._last_sent = asyncio.get_running_loop().time()
        self._up.set()
        return ready

    async def _tell(self, ready: Ready) -> None:
        """Tell a new connection what it cannot know."""
        log.info("on connection %s", ready.connection)
        async with self._order:
            for command in self._wishes.unanswered:
                await self._say(command)
            await self._send_waiting()
            if self._closing:
                await self._say({"type": "close"})

    def _down(self) -> None:
        if self._over is None:  # else nobody is to wait
            self._up.clear()

    def _end(self, closed: Closed) -> None:
        self._over = self._over or closed
        self._up.set()  # whoever waits to send is told


def _encoded(command: Mapping[str, Any]) -> str:
    return json.dumps(command, ensure_ascii=False)


def _audio_format(options: Mapping[str, Any]) -> tuple[str, int, int]:
    return (
        str(options.get("encoding") or "linear16"),
        int(options.get("sample_rate") or 16000),
        int(options.get("channels") or 1),
    )
