"""One WebSocket: what it receives goes to its conversation, what it is told goes out, within bounds.

Two tasks: one only receives and hands on in plain calls, one only sends. A timer looks after both:
a client that is silent for too long, or does not read what it is sent, is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import math
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicesrv import metrics
from voicesrv.audio.pcm import OUTPUT_RATE
from voicesrv.audio.stream import OutputMessages
from voicesrv.conversation.seat import Seat
from voicesrv.errors import ClientError, Code
from voicesrv.events import (
    AppendAudio,
    AudioEnded,
    AudioStarted,
    Cancel,
    Cleared,
    Command,
    Configure,
    Event,
    Failed,
    Playback,
    ReplyAudio,
    SendText,
    Speak,
    ToolOutput,
)
from voicesrv.options import Options, changed
from voicesrv.protocols.base import Codec, Message
from voicesrv.transport.keys import Identity
from voicesrv.transport.limits import AudioPace, TokenBucket
from voicesrv.transport.wire import Wire

logger = logging.getLogger(__name__)

# Looking these up costs more than counting in them.
_AUDIO_IN = metrics.AUDIO.labels("in")
_AUDIO_OUT = metrics.AUDIO.labels("out")

MAX_REFUSALS = 200
"""Messages over the rate that are answered before the connection is ended; the allowance refills at the rate."""
PIECE_MS = 1000
"""Input that is listened to in one go, which the detector takes 2 ms for."""
CONFIGURE_TIMEOUT_S = 20.0
"""For engines that a ``configure`` names and that are not open yet."""
PACE_TOLD_EVERY_S = 2.0
IDLE_PATIENCE = 1.5
"""Times the idle limit, before a silent client is let go. Chrome runs the timers of a hidden tab once a minute
(https://developer.chrome.com/blog/timer-throttling-in-chrome-88), so one that pings after 15 s of silence may be
heard 75 s after the last time. Answers to the server's own pings do not count: every WebSocket library gives them,
also for a program that has forgotten its socket, and no limit would be left."""
_NOT_COUNTED = (Code.RATE_LIMITED, Code.AUDIO_TOO_FAST)  # these have limits of their own

_MODES_FOR: Mapping[type[Command], tuple[str, ...]] = {
    SendText: ("converse",),
    ToolOutput: ("converse",),
    Speak: ("converse", "speak"),
    Cancel: ("converse", "speak"),
    Playback: ("converse", "speak"),
}
"""What a key must be allowed to do beyond listening; any one of these scopes will do."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """Bounds of one connection."""

    idle_timeout_s: float = 60.0
    """Within which a client has to send some message; it is let go after half as long again."""
    send_timeout_s: float = 10.0
    """One message may wait so long for the client to read."""
    max_waiting_bytes: int = 1 << 20
    """What may wait for a client that reads slowly."""
    max_errors: int = 20
    """Errors of the client's before it is let go."""
    control_rate: float = 20.0
    """Text messages a second, on average."""
    control_burst: float = 40.0
    audio_pace: float = 1.25
    """Input audio, times real time, averaged over 10 s."""
    audio_burst_s: float = 30.0
    """Audio that may come at once, to catch up after a resume."""
    max_text_bytes: int = 64 * 1024
    max_binary_bytes: int = 1 << 20

    def public(self) -> Mapping[str, int | float]:
        """As ``ready`` tells them."""
        return {
            "idle_timeout_s": self.idle_timeout_s,
            "text_bytes": self.max_text_bytes,
            "binary_bytes": self.max_binary_bytes,
            "control_messages_per_s": self.control_rate,
            "control_burst": self.control_burst,
            "audio_pace": self.audio_pace,
            "audio_burst_s": self.audio_burst_s,
        }


def check_scope(identity: Identity, options: Options) -> None:
    """A key's scopes are the modes that it may use.

    Raises:
        ClientError: ``forbidden``.
    """
    if not identity.may(options.mode):
        raise ClientError(Code.FORBIDDEN, f"mode: {options.mode!r} is not within this key's scopes")


class Connection:
    """The socket's end of a seat in a conversation; an ``Outbox``."""

    def __init__(
        self,
        seat: Seat,
        identity: Identity,
        codec: Codec,
        receive: Receive,
        send: Send,
        wire: Wire,
        options: ConnectionOptions,
        defaults: Options,
    ) -> None:
        """Args:
        seat: in a conversation.
        identity: who the client is.
        codec: of its protocol.
        receive: of ASGI.
        send: of ASGI.
        wire: what ASGI does not have.
        options: bounds.
        defaults: what ``configure`` goes back to where it is told null.
        """
        self._seat = seat
        self._identity = identity
        self._codec = codec
        self._receive = receive
        self._send = send
        self._wire = wire
        self._options = options
        self._defaults = defaults
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._max_waiting = 4 * options.max_waiting_bytes  # until the seat is taken: a resume may repeat much
        self._more = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._finished = False  # whether the client said its ``close`` and got its answer
        self._output: OutputMessages | None = None  # while a reply's audio is sent
        self._n_errors = 0
        now = time.monotonic()
        self._heard_at = now
        self._sending_since: float | None = None
        self._control = TokenBucket(options.control_rate, options.control_burst, now)
        self._refusals = TokenBucket(options.control_rate, MAX_REFUSALS, now)
        self._pace = AudioPace(options.audio_pace, options.audio_burst_s, now)
        self._pace_told_at = -math.inf

    async def run(self) -> None:
        """Serve the socket until it closes; the seat is left when this returns."""
        looking = asyncio.get_running_loop().call_later(self._period_s(), self._look)
        self._looking = looking
        try:
            self._seat.take(self, self._options.public())
            self._wire.farewell = self._farewell
            self._max_waiting = (
                self._options.max_waiting_bytes + self._waiting_bytes
            )  # what a resume repeats is not held against the client
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(self._send_all())
                await self._receive_all()
                sender.cancel()
        except ClientError as error:  # the seat could not be taken
            self._fail(error)
            await self._send_all()
        finally:
            self._looking.cancel()
            self._seat.leave(self, for_good=self._finished)

    # --- an outbox ------------------------------------------------------------------------------

    def deliver(self, seq: int, event: Event) -> None:
        """Put an event in line to be sent; never waits."""
        if self._closing is not None:
            return
        audible = isinstance(event, ReplyAudio | AudioStarted | AudioEnded | Cleared)
        try:
            messages = [
                message
                for each in (self._localised(event) if audible else (event,))
                for message in self._codec.send(seq, each)
            ]
        except Exception:  # a fault of ours in one dialect is not the conversation's
            request_id = uuid.uuid4().hex[:12]
            logger.exception("an event could not be put into words, request id %s", request_id)
            self._fail(ClientError(Code.INTERNAL, f"request id {request_id}"))
            return
        for message in messages:
            self._waiting.append(message)
            self._waiting_bytes += _size(message)
        self._more.set()
        if self._waiting_bytes > self._max_waiting:
            self._drop_slow(f"over {self._options.max_waiting_bytes} bytes wait to be read")

    def close(self, code: Code | None) -> None:
        """Close after what was delivered."""
        if self._closing is None:
            self._finished = code is None
            self._closing = (1000, "") if code is None else self._codec.refuse(ClientError(code, ""))
            self._more.set()

    # --- receiving ------------------------------------------------------------------------------

    async def _receive_all(self) -> None:
        receive = self._receive
        conversation, participant = self._seat.conversation, self._seat.participant
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if self._closing is not None:
                continue
            now = time.monotonic()
            self._heard_at = now
            participant.confirm_token()
            data = message.get("bytes")
            id: str | int | None = None
            try:
                if data is None:
                    participant.received_messages += 1
                    data = message["text"]
                    if not self._may_control(data, now):
                        continue
                for command in self._codec.receive(data):
                    if isinstance(command, AppendAudio):
                        length_ms = participant.listener.length_ms(len(command.data))
                        self._meter_audio(length_ms, now)
                        if length_ms > PIECE_MS:
                            await self._hear_in_pieces(command.data, length_ms)
                        elif self._closing is None:
                            conversation.handle(participant, command)
                    elif isinstance(command, Configure):
                        id = command.id
                        options = changed(participant.options, command.changes, self._defaults)
                        check_scope(self._identity, options)
                        await self._reconfigure(options, id)
                    else:
                        id = command.id if isinstance(command, ToolOutput) else None
                        self._check_right(command)
                        conversation.handle(participant, command)
            except ClientError as error:
                self._tell(error, id)
            except Exception:
                request_id = uuid.uuid4().hex[:12]
                logger.exception("connection %s failed, request id %s", participant.id, request_id)
                self._fail(ClientError(Code.INTERNAL, f"request id {request_id}"))

    def _check_right(self, command: Command) -> None:
        modes = _MODES_FOR.get(type(command))
        if modes is not None and not any(map(self._identity.may, modes)):
            message = f"type: this key may not do that; it takes the scope {' or '.join(modes)}"
            raise ClientError(Code.FORBIDDEN, message)

    async def _hear_in_pieces(self, data: bytes, length_ms: float) -> None:
        """Let others have the loop while much audio is taken in at once, as after a resume."""
        size = int(len(data) * PIECE_MS / length_ms)
        for start in range(0, len(data), size):
            if self._closing is not None:  # another socket may have this seat by now
                return
            self._seat.conversation.handle(self._seat.participant, AppendAudio(data[start : start + size]))
            await asyncio.sleep(0)

    async def _reconfigure(self, options: Options, id: str | int | None) -> None:
        try:
            async with asyncio.timeout(CONFIGURE_TIMEOUT_S):
                await self._seat.reconfigure(self, options, id)
        except TimeoutError:
            message = f"an engine was not open within {CONFIGURE_TIMEOUT_S:.0f} s; nothing has changed"
            raise ClientError(Code.OVERLOADED, message, retry_after_ms=5000) from None
        self._heard_at = time.monotonic()

    def _may_control(self, text: str, now: float) -> bool:
        """Whether a text message may be obeyed; a client that goes on too fast is let go."""
        if self._control.take(now):
            return True
        message = f"over {self._options.control_rate:.0f} messages a second; this one was not obeyed"
        error = ClientError(Code.RATE_LIMITED, message, retry_after_ms=self._control.wait_ms(now))
        if self._refusals.take(now):
            self._tell(error, self._id_of(text))
        else:
            self._fail(error)
        return False

    def _id_of(self, text: str) -> str | int | None:
        """The id by which a client knows what of its own was refused; None where it gave none."""
        with contextlib.suppress(ClientError):
            for command in self._codec.receive(text):
                if isinstance(command, Configure | ToolOutput):
                    return command.id
        return None

    def _meter_audio(self, ms: float, now: float) -> None:
        _AUDIO_IN.inc(ms / 1000)
        verdict = self._pace.add(ms, now)
        if verdict is None:
            return
        message = f"audio comes faster than {self._options.audio_pace} × real time"
        error = ClientError(Code.AUDIO_TOO_FAST, message, retry_after_ms=self._pace.wait_ms(now))
        if verdict == "fatal":
            self._fail(error)
        elif now - self._pace_told_at > PACE_TOLD_EVERY_S:
            self._pace_told_at = now
            self._tell(error)

    def _tell(self, error: ClientError, id: str | int | None = None) -> None:
        """Tell the client of a fault of its own, in the command of this id; too many of them end the connection."""
        metrics.ERRORS.labels(error.code.value).inc()
        failed = Failed(error.code, error.message, retry_after_ms=error.retry_after_ms, id=id)
        self._seat.conversation.answer(self._seat.participant, failed)
        if error.code in _NOT_COUNTED:
            return
        self._n_errors += 1
        if self._n_errors >= self._options.max_errors:
            self._fail(ClientError(Code.TOO_MANY_ERRORS, f"{self._n_errors} errors on one connection"))

    def _fail(self, error: ClientError) -> None:
        """Tell the client why the connection ends, and end it."""
        metrics.ERRORS.labels(error.code.value).inc()
        failed = Failed(error.code, error.message, fatal=True, retry_after_ms=error.retry_after_ms)
        if self._seat.participant.outbox is self:
            self._seat.conversation.answer(self._seat.participant, failed)
        else:  # it never took its seat: the number is no part of the conversation
            self.deliver(max(1, self._seat.conversation.journal.last_seq), failed)
        self.close(error.code)

    # --- sending --------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        try:
            await self._send_each()
        except OSError:  # the client went away; the receiving task hears of it too
            self._waiting.clear()

    async def _send_each(self) -> None:
        send = self._send
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self._waiting_bytes -= _size(message)
                self._sending_since = time.monotonic()
                if isinstance(message, bytes):
                    await send({"type": "websocket.send", "bytes": message})
                else:
                    await send({"type": "websocket.send", "text": message})
                self._sending_since = None
            if self._closing is not None:
                code, reason = self._closing
                self._sending_since = time.monotonic()
                await send({"type": "websocket.close", "code": code, "reason": reason})
                return
            self._more.clear()
            await self._more.wait()

    def _localised(self, event: Event) -> Sequence[Event]:
        """Put a reply's audio into the format that this connection wants."""
        options = self._seat.participant.options
        match event:
            case AudioStarted():
                self._output = OutputMessages(options.output_encoding, options.output_sample_rate)
                encoding, sample_rate = options.output_encoding, options.output_sample_rate
                return (dataclasses.replace(event, encoding=encoding, sample_rate=sample_rate),)
            case ReplyAudio(pcm=pcm):
                if self._output is None:  # resumed in the middle of it
                    self._output = OutputMessages(options.output_encoding, options.output_sample_rate)
                _AUDIO_OUT.inc(len(pcm) / 2 / OUTPUT_RATE)
                return [dataclasses.replace(event, pcm=message) for message in self._output.feed(pcm)]
            case AudioEnded(reply=reply) if self._output is not None:
                rest, self._output = self._output.end(), None
                return [*(ReplyAudio(reply, message, event.duration_ms) for message in rest), event]
            case Cleared():
                self._output = None
        return (event,)

    # --- the timer ------------------------------------------------------------------------------

    def _period_s(self) -> float:
        return min(self._options.idle_timeout_s, self._options.send_timeout_s) / 4

    def _look(self) -> None:
        now = time.monotonic()
        if self._sending_since is not None and now - self._sending_since > self._options.send_timeout_s:
            if self._closing is not None:  # it does not read its farewell either
                self._wire.abort()
            else:
                self._drop_slow(f"a message waited {self._options.send_timeout_s:.0f} s to be read")
            return
        idle_s = now - self._heard_at
        if self._closing is None and idle_s > IDLE_PATIENCE * self._options.idle_timeout_s:
            self._fail(ClientError(Code.IDLE, f"no message for {self._options.idle_timeout_s:.0f} s"))
        self._looking = asyncio.get_running_loop().call_later(self._period_s(), self._look)

    def _drop_slow(self, why: str) -> None:
        """Let go of a client that does not read; what waits for it is kept for its resume."""
        if self._closing is not None:
            return
        metrics.DROPS.labels("slow_consumer").inc()
        error = ClientError(Code.SLOW_CONSUMER, why)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._closing = code, reason = self._codec.refuse(error)
        self._wire.cut(code, reason, self._farewell(error))

    def _farewell(self, error: ClientError) -> str | None:
        """The last message where the wire itself ends the connection, numbered like all others."""
        metrics.ERRORS.labels(error.code.value).inc()
        failed = Failed(error.code, error.message, fatal=True, retry_after_ms=error.retry_after_ms)
        seq = self._seat.conversation.journal.append(failed, only_for=self._seat.participant.id)
        return next((each for each in self._codec.send(seq, failed) if isinstance(each, str)), None)


def _size(message: Message) -> int:
    """Bytes on the wire, at most."""
    return len(message) if isinstance(message, bytes) or message.isascii() else 4 * len(message)
