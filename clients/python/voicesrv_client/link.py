"""Keeps a conversation connected: opens, notices drops, comes back and says again what got lost."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from voicesrv_client.connection import TRY_S, Connection
from voicesrv_client.errors import Closed, Refused, Unreachable, VoiceClientError
from voicesrv_client.events import Audio, Pong, Ready, ServerError, ServerEvent
from voicesrv_client.protocol import Incoming, Next, after_close, backoff_s, build_url, frame_bytes
from voicesrv_client.ring import AudioFormat, MicrophoneRing
from voicesrv_client.sending import Sender
from voicesrv_client.settings import NOT_IN_QUERY
from voicesrv_client.upkeep import BY_DEFAULT, Token, Upkeep
from voicesrv_client.wishes import Wishes

log = logging.getLogger(__name__)

_KEEPALIVE_ID = "keepalive"
_LONGEST_ID = "configure-999999"
_CLOSE = {"type": "close"}
_AUDIO_OPTIONS = ("encoding", "sample_rate", "channels")
_SHORTEST_TRY_S = 1.0
"""A try that is begun in time is one, be there ever so little of it left."""
_STEADY_S = 5.0
"""A connection that lived this long was a good one: the next drop starts the backoff anew."""


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
        """Check the address, the format and the settings; nothing is opened yet.

        Args:
            url: as ``build_url`` takes it.
            token: sent in a header.
            options: of the connection, see ``Settings``; None is as if left out.
            upkeep: whether and how to come back.
            trust: for ``https`` and ``wss`` alone; None trusts whom this system trusts.

        Raises:
            TypeError: an option is no JSON.
            ValueError: the URL or the encoding is none, ``trust`` is given for an address without TLS, or an option
                is no JSON or too large.
        """
        if not build_url(url, {}).startswith("wss:") and trust is not None:
            raise ValueError(f"ssl is for https and wss, and {url!r} is neither")
        self.conversation = ""
        self.connection = ""
        self.reconnections = 0
        self.lost_ms = 0
        self._url = url
        self._token = token
        self._trust = trust
        self._upkeep = upkeep
        self._wishes = Wishes(options)
        self._sender = Sender(MicrophoneRing(*_audio_format(options), seconds=upkeep.ring_s))
        self._check({name: options.get(name) for name in NOT_IN_QUERY})
        self._incoming = Incoming()
        self._connection: Connection | None = None
        self._resume = ""
        self._closing = False
        self._attempt = 0
        self._up_since = 0.0

    async def open(self) -> Ready:
        """Connect for the first time; raises what ``Connection.open`` raises."""
        return await self._open({}, asyncio.get_running_loop().time() + self._upkeep.give_up_s)

    async def close(self) -> None:
        """End it here and now; whoever waits to send gets ``Closed``."""
        await self._sender.close(Closed(1000, "closed by the client"))
        if self._connection is not None:
            await self._connection.leave()

    @property
    def over(self) -> bool:
        """Whether the conversation has ended and will not go on."""
        return self._sender.over is not None

    def while_it_lasts(self) -> AbstractAsyncContextManager[None]:
        """Run a block, but break it off where it waits when the conversation is over."""
        return self._sender.while_it_lasts()

    # --- out ------------------------------------------------------------------------------------

    async def send_audio(self, data: bytes) -> None:
        """Keep audio and send it; see ``Sender.send_audio``."""
        await self._sender.send_audio(data)

    async def send(self, command: Mapping[str, Any]) -> None:
        """Send a command, now or when it can be; see ``Sender.send``."""
        await self._sender.send(command)

    async def send_if_up(self, command: Mapping[str, Any]) -> None:
        """Send a command past what waits, or forget it: it would soon be stale."""
        await self._sender.send_past(command)

    async def configure(self, changes: Mapping[str, Any]) -> None:
        """Change options, also those of a new conversation once the server agrees; see ``VoiceClient.configure``.

        It stands once it is given, also where this is cancelled.

        Raises:
            TypeError: an option is no JSON.
            ValueError: no such encoding, or an option is no JSON or too large.
            Closed: the conversation is over.
        """
        if self._sender.over is not None:
            raise self._sender.over
        self._check(changes)
        audio: AudioFormat | None = None
        if any(name in changes for name in _AUDIO_OPTIONS):
            audio = _audio_format({**self._wishes.settings, **changes})
        await self._sender.send_lasting(self._wishes.ask(changes), audio)

    async def finish(self) -> None:
        """Ask the server to finish what was said and close; asked again after a drop."""
        self._closing = True
        await self._sender.send_lasting(_CLOSE)

    def _check(self, changes: Mapping[str, Any]) -> None:
        self._sender.encoded({"type": "configure", "id": _LONGEST_ID, **changes})

    # --- in -------------------------------------------------------------------------------------

    async def next(self) -> ServerEvent | Audio | None:
        """Give the next event or piece of audio, or None when the server has closed as asked.

        The conversation is over with whatever this raises, but that it may be cancelled.

        Raises:
            Closed: it closed for good, was gone for ``give_up_s`` or will be, or reconnecting is off.
            Unreachable: it was gone for ``give_up_s``.
            Refused, Untrusted: it does not let the client come back, or poses as another.
            ProtocolError: it sent what ``voicesrv.v1`` does not allow.
        """
        try:
            return await self._next()
        except Exception as error:  # also what is not ours, as of who gives the token: whoever waits to send is told
            self._sender.end(error if isinstance(error, Closed) else Closed(1006, str(error)))
            raise

    async def _next(self) -> ServerEvent | Audio | None:
        while self._sender.over is None:
            message: str | bytes | None = None
            try:
                async with self.while_it_lasts():
                    message = await self._receive()
            except Closed as closed:
                ready = await self._come_back(closed)
                if ready is None:
                    break
                return ready
            if message is None:  # it is over meanwhile
                break
            event = self._incoming.receive(message)
            if isinstance(event, ServerEvent):
                self._heed(event)
            if event is not None and not (isinstance(event, Pong) and event.id == _KEEPALIVE_ID):
                return event
        over = self._sender.over
        assert over is not None
        if isinstance(over, Closed) and over.code == 1000:
            return None
        raise over

    async def _receive(self) -> str | bytes:
        """Wait for the next message, with a ping whenever nothing was said for a while."""
        loop = asyncio.get_running_loop()
        while True:
            if self._connection is None:
                raise Closed(1006)
            ping_at = self._sender.last_sent_s + self._upkeep.keepalive_s
            try:
                async with asyncio.timeout_at(ping_at):
                    return await self._connection.receive()
            except TimeoutError:
                if loop.time() >= self._sender.last_sent_s + self._upkeep.keepalive_s:
                    await self._sender.ping(_KEEPALIVE_ID)

    def _heed(self, event: ServerEvent) -> None:
        self._wishes.received(event)
        if isinstance(event, ServerError) and event.fatal and self._connection is not None:
            self._connection.explain(event)

    # --- connections ----------------------------------------------------------------------------

    async def _come_back(self, closed: Closed) -> Ready | None:
        """Answer a drop: the ``Ready`` of the new connection, or None where the conversation is over."""
        loop = asyncio.get_running_loop()
        self._sender.down()
        self._connection = None
        if loop.time() - self._up_since > _STEADY_S:
            self._attempt = 0
        give_up_at = loop.time() + self._upkeep.give_up_s
        error: VoiceClientError = closed
        while not self.over:  # else this side closed meanwhile
            step = self._step_after(error)
            if step is Next.RESTART and self._resume:
                self._attempt = 0  # the server is there: no more of the long waits
            pause_s = self._pause_s(error)
            if step is Next.END:
                self._sender.end(error)
                return None
            if step is Next.FAIL or not self._upkeep.reconnect or loop.time() + pause_s > give_up_at:
                raise error
            if step is Next.RESTART:
                self._resume = ""
            await self._upkeep.sleep(pause_s)
            try:
                ready = await self._open(self._return_query(), give_up_at)
            except VoiceClientError as failure:
                error = failure
            else:
                self.reconnections += 1
                return ready
        return None

    def _step_after(self, error: VoiceClientError) -> Next:
        match error:
            case Closed(code=4504) | Refused(status=404) if self._resume:
                return Next.RESTART  # not found: a restarted server knows nothing of us
            case Closed(code=code):
                return after_close(code)
            case Unreachable() | Refused(status=429 | 503):
                return Next.RESUME
        return Next.FAIL

    def _pause_s(self, error: VoiceClientError) -> float:
        asked_s = error.retry_after_s if isinstance(error, Closed | Refused) else None
        own_s = backoff_s(self._attempt, self._upkeep.jitter())
        self._attempt += 1
        return max(asked_s or 0.0, own_s)

    def _return_query(self) -> dict[str, object]:
        if not self._resume:
            return {}
        return {"conversation": self.conversation, "resume": self._resume, **self._incoming.resume_query()}

    async def _open(self, query: Mapping[str, object], give_up_at: float) -> Ready:
        limit_s = min(TRY_S, max(_SHORTEST_TRY_S, give_up_at - asyncio.get_running_loop().time()))
        try:
            async with asyncio.timeout(limit_s):
                token = await self._token() if callable(self._token) else self._token
        except OSError as error:  # a network that is down is so for both
            raise Unreachable(f"no token could be had: {str(error) or f'none within {limit_s:.2g} s'}") from error
        url = build_url(self._url, {**self._wishes.query, **query})
        connection, ready = await Connection.open(url, token, self._trust, limit_s)
        if self._sender.over is not None:  # this side closed meanwhile
            await connection.close()
            raise self._sender.over
        again = "resume" in query
        if again:
            self._incoming.resumed()
        else:
            self._incoming = Incoming(ready.seq)
            self._wishes.begun()
        self.lost_ms += self._sender.connected(connection, ready, self._wishes.unanswered, again=again)
        if self._closing:
            self._sender.place(_CLOSE)
        self.conversation, self.connection, self._resume = ready.conversation, ready.connection, ready.resume
        self._connection = connection
        self._up_since = asyncio.get_running_loop().time()
        log.info("on connection %s", ready.connection)
        return ready


def _audio_format(options: Mapping[str, Any]) -> AudioFormat:
    encoding, channels = str(options.get("encoding") or "linear16"), int(options.get("channels") or 1)
    frame_bytes(encoding, channels)  # raises where there is no such encoding
    return encoding, int(options.get("sample_rate") or 16000), channels
