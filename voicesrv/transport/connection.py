"""One WebSocket: what it receives goes to its conversation, what it is told goes out, within bounds.

Two tasks: one only receives and hands on in plain calls, one only sends (``sender.py``). A timer looks after
both: a client that is silent for too long, or does not read what it is sent, is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from voicesrv import metrics
from voicesrv.audio.pcm import OUTPUT_RATE
from voicesrv.conversation.seat import Seat
from voicesrv.errors import ClientError, Code
from voicesrv.events import AppendAudio, Configure, Event, Failed, ReplyAudio, ToolOutput
from voicesrv.options import Options, changed
from voicesrv.protocols.base import Codec
from voicesrv.transport.keys import Identity
from voicesrv.transport.limits import AudioPace, TokenBucket
from voicesrv.transport.reply_format import ReplyFormat
from voicesrv.transport.rights import check_command, check_mode
from voicesrv.transport.sender import Send, Sender
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

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


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
        self._sender = Sender(send)
        self._wire = wire
        self._options = options
        self._defaults = defaults
        self._max_waiting = 4 * options.max_waiting_bytes  # until the seat is taken: a resume may repeat much
        self._finished = False  # whether the client said its ``close`` and got its answer
        self._format = ReplyFormat()
        self._n_errors = 0
        now = time.monotonic()
        self._heard_at = now
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
            # What a resume repeats is not held against the client.
            self._max_waiting = self._options.max_waiting_bytes + self._sender.waiting_bytes
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(self._sender.run())
                await self._receive_all()
                sender.cancel()
        except ClientError as error:  # the seat could not be taken
            self._fail(error)
            await self._sender.run()
        finally:
            self._looking.cancel()
            self._seat.leave(self, for_good=self._finished)

    # --- an outbox ------------------------------------------------------------------------------

    def deliver(self, seq: int, event: Event) -> None:
        """Put an event in line to be sent; never waits."""
        if self._sender.closing:
            return
        try:
            messages = [
                message
                for each in self._format.convert(event, self._seat.participant.options)
                for message in self._codec.send(seq, each)
            ]
        except Exception:  # a fault of ours in one dialect is not the conversation's
            request_id = uuid.uuid4().hex[:12]
            logger.exception("an event could not be put into words, request id %s", request_id)
            self._fail(ClientError(Code.INTERNAL, f"request id {request_id}"))
            return
        if isinstance(event, ReplyAudio):
            _AUDIO_OUT.inc(len(event.pcm) / 2 / OUTPUT_RATE)
        for message in messages:
            self._sender.put(message)
        if self._sender.waiting_bytes > self._max_waiting:
            self._drop_slow(f"over {self._options.max_waiting_bytes} bytes wait to be read")

    def close(self, code: Code | None) -> None:
        """Close after what was delivered."""
        if not self._sender.closing:
            self._finished = code is None
            self._sender.close(*((1000, "") if code is None else self._codec.refuse(ClientError(code, ""))))

    # --- receiving ------------------------------------------------------------------------------

    async def _receive_all(self) -> None:
        receive = self._receive
        conversation, participant = self._seat.conversation, self._seat.participant
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if self._sender.closing:
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
                        elif not self._sender.closing:
                            conversation.handle(participant, command)
                    elif isinstance(command, Configure):
                        id = command.id
                        options = changed(participant.options, command.changes, self._defaults)
                        check_mode(self._identity, options)
                        await self._reconfigure(options, id)
                    else:
                        id = command.id if isinstance(command, ToolOutput) else None
                        check_command(self._identity, command)
                        conversation.handle(participant, command)
            except ClientError as error:
                self._tell(error, id)
            except Exception:
                request_id = uuid.uuid4().hex[:12]
                logger.exception("connection %s failed, request id %s", participant.id, request_id)
                self._fail(ClientError(Code.INTERNAL, f"request id {request_id}"))

    async def _hear_in_pieces(self, data: bytes, length_ms: float) -> None:
        """Let others have the loop while much audio is taken in at once, as after a resume."""
        size = int(len(data) * PIECE_MS / length_ms)
        for start in range(0, len(data), size):
            if self._sender.closing:  # another socket may have this seat by now
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

    # --- the timer ------------------------------------------------------------------------------

    def _period_s(self) -> float:
        return min(self._options.idle_timeout_s, self._options.send_timeout_s) / 4

    def _look(self) -> None:
        now = time.monotonic()
        if self._sender.stalled_s(now) > self._options.send_timeout_s:
            if self._sender.closing:  # it does not read its farewell either
                self._wire.abort()
            else:
                self._drop_slow(f"a message waited {self._options.send_timeout_s:.0f} s to be read")
            return
        idle_s = now - self._heard_at
        if not self._sender.closing and idle_s > IDLE_PATIENCE * self._options.idle_timeout_s:
            self._fail(ClientError(Code.IDLE, f"no message for {self._options.idle_timeout_s:.0f} s"))
        self._looking = asyncio.get_running_loop().call_later(self._period_s(), self._look)

    def _drop_slow(self, why: str) -> None:
        """Let go of a client that does not read; what waits for it is kept for its resume."""
        if self._sender.closing:
            return
        metrics.DROPS.labels("slow_consumer").inc()
        error = ClientError(Code.SLOW_CONSUMER, why)
        code, reason = self._codec.refuse(error)
        self._sender.drop()
        self._sender.close(code, reason)
        self._wire.cut(code, reason, self._farewell(error))

    def _farewell(self, error: ClientError) -> str | None:
        """The last message where the wire itself ends the connection, numbered like all others."""
        metrics.ERRORS.labels(error.code.value).inc()
        failed = Failed(error.code, error.message, fatal=True, retry_after_ms=error.retry_after_ms)
        seq = self._seat.conversation.journal.append(failed, only_for=self._seat.participant.id)
        return next((each for each in self._codec.send(seq, failed) if isinstance(each, str)), None)
