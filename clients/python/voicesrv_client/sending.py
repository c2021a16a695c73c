"""Sends what is given to it, in order and at the server's pace, over one connection after another.

The twin of clients/web/src/sending.ts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from voicesrv_client.commands import encode
from voicesrv_client.connection import Connection
from voicesrv_client.errors import Closed
from voicesrv_client.events import Ready
from voicesrv_client.outgoing import Outgoing, Placed
from voicesrv_client.pace import Pace
from voicesrv_client.ring import AudioFormat, MicrophoneRing

log = logging.getLogger(__name__)

_LIMITS: Mapping[str, Any] = {"text_bytes": 65_536, "control_messages_per_s": 20.0, "control_burst": 40.0}
"""What ``docs/protocol.md`` says that a server takes, until it has said so itself."""


class Sender:
    """The outgoing half of a conversation; any number of tasks may use it.

    What waits is sent by a task of its own, which lives no longer than there is something to send. A fault in it, which
    is none of the network, ends the conversation.
    """

    def __init__(self, ring: MicrophoneRing) -> None:
        """``ring`` is where the audio is kept."""
        self.over: BaseException | None = None
        """Why the conversation is over; None while it is not."""
        self.last_sent_s = 0.0
        """On the clock of the event loop."""
        self._outgoing = Outgoing(ring)
        self._set_limits({})
        self._connection: Connection | None = None
        self._up = asyncio.Event()  # a connection stands, or none ever will again
        self._task: asyncio.Task[None] | None = None  # that sends over this connection
        self._tasks: set[asyncio.Task[None]] = set()  # those over the connections before it may not have ended yet
        self._given = asyncio.Event()  # there is something new for it
        self._still = asyncio.Event()  # all is sent that may be sent now
        self._moved: dict[Placed, asyncio.Event] = {}  # of the commands that somebody waits for
        self._lasting: set[asyncio.Timeout] = set()  # of blocks that last no longer than the conversation

    # --- connections ----------------------------------------------------------------------------

    def connected(
        self, connection: Connection, ready: Ready, first: Sequence[Mapping[str, Any]], *, again: bool
    ) -> int:
        """Go on over another connection.

        Args:
            first: commands that come before all that waits, but those that wait in their places.
            again: the conversation is the same as before.

        Returns:
            ms of audio that neither side has any more.
        """
        lost_ms = 0
        if again:
            lost_ms = self._outgoing.rewind(ready)
        else:
            self._outgoing.restart(ready)
        self._outgoing.add_first(first)
        self.last_sent_s = asyncio.get_running_loop().time()
        self._set_limits(ready.limits)
        self._connection = connection
        self._task = None
        self._up.set()
        self._go()
        return lost_ms

    def down(self) -> None:
        """The connection is gone; what is given meanwhile waits for the next."""
        if self.over is None:  # else nobody is to wait
            self._up.clear()
        self._tell(*self._moved)
        self._still.set()
        self._given.set()

    def end(self, reason: BaseException) -> None:
        """There will be no other connection; whoever waits to send is told."""
        if self.over is not None:
            return
        self.over = reason
        self._up.set()
        self.down()
        for limit in self._lasting:
            limit.reschedule(asyncio.get_running_loop().time())

    async def close(self, closed: Closed) -> None:
        """End it, and wait until nothing goes on."""
        self.end(closed)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def while_it_lasts(self) -> AsyncGenerator[None]:
        """Run a block, but break it off where it waits when the conversation is over."""
        try:
            async with asyncio.timeout(None if self.over is None else 0) as limit:
                self._lasting.add(limit)
                try:
                    yield
                finally:
                    self._lasting.discard(limit)
        except TimeoutError:
            if not limit.expired():
                raise

    # --- what is given --------------------------------------------------------------------------

    def encoded(self, command: Mapping[str, Any]) -> str:
        """Put a command into words.

        Raises:
            TypeError: it is no JSON.
            ValueError: it is no JSON, or larger than the server takes.
        """
        message = encode(command)
        size = len(message.encode())
        if size > (most := self._outgoing.max_bytes):
            raise ValueError(f"{command['type']}: {size} bytes are over the {most} that the server takes")
        return message

    async def send_audio(self, data: bytes) -> None:
        """Keep audio and send it, at once or when the connection is back, also where this is cancelled.

        Where a command before it waits for its time, so does the audio, but not the caller.

        Raises:
            Closed: the conversation is over.
        """
        self._check_open()
        self._outgoing.ring.append(data)
        await self._flush()

    async def send(self, command: Mapping[str, Any]) -> None:
        """Send a command, once a connection stands and the pace allows it; what was heard before it goes before it.

        It is sent again on the next connection if this one swallows it. Cancelled while it waits, it is never sent,
        but where another's text has joined it or a connection broke on it.

        Raises:
            TypeError, ValueError: see ``encoded``.
            Closed: the conversation is over.
        """
        self._check_open()
        placed = self._outgoing.add(command, self.encoded(command))
        if placed.type == "cancel":
            self._tell(*self._moved)  # it may have dropped some
        try:
            while self._outgoing.waits(placed):
                await self._up.wait()
                self._check_open()
                await self._until_moved(placed)
        except asyncio.CancelledError:
            self._outgoing.withdraw(placed)
            self._tell(placed)
            self._go()  # what was behind it may be sent
            raise

    async def send_lasting(self, command: Mapping[str, Any], audio: AudioFormat | None = None) -> None:
        """Send a command that is asked for anew where it gets lost, and wait for it while this connection stands.

        It is sent also where this is cancelled.

        Args:
            audio: what the audio that is given from here on is in; None for what it was in before.
        """
        placed = self.place(command, audio)
        while self._is_up and self._outgoing.waits(placed):
            await self._until_moved(placed)

    def place(self, command: Mapping[str, Any], audio: AudioFormat | None = None) -> Placed:
        """Have a command sent after what waits; nobody need wait for it."""
        placed = self._outgoing.add(command, audio=audio)
        self._go()
        return placed

    async def send_past(self, command: Mapping[str, Any]) -> None:
        """Send a command past what waits, or forget it: it would soon be stale."""
        if self._is_up and self._pace.has_any(asyncio.get_running_loop().time()):
            await self._write_past(command)

    async def ping(self, id: str) -> None:
        """Let the server hear something, whatever waits."""
        await self._write_past({"type": "ping", "id": id})

    # --- how it is sent -------------------------------------------------------------------------

    @property
    def _is_up(self) -> bool:
        return self._up.is_set() and self.over is None

    def _set_limits(self, told: Mapping[str, Any]) -> None:
        limits = {**_LIMITS, **told}
        self._outgoing.max_bytes = int(limits["text_bytes"])
        self._pace = Pace(limits["control_messages_per_s"], limits["control_burst"], self.last_sent_s)

    def _check_open(self) -> None:
        if self.over is not None:
            raise self.over

    async def _until_moved(self, placed: Placed) -> None:
        """Wait until a command is sent, or may have been dropped, or the connection is gone."""
        self._go()
        if self._is_up and self._outgoing.waits(placed):
            await self._moved.setdefault(placed, asyncio.Event()).wait()

    def _tell(self, *placed: Placed) -> None:
        for each in placed:
            if each in self._moved:
                self._moved.pop(each).set()

    async def _flush(self) -> None:
        """Have all sent that may be sent now."""
        if self._is_up:
            self._still.clear()
            self._go()
            await self._still.wait()

    def _go(self) -> None:
        self._given.set()
        if self._is_up and self._connection is not None and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._send_waiting(self._connection))
            self._tasks.add(self._task)
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("what waits can be sent no more", exc_info=fault)
            self.end(fault)

    async def _send_waiting(self, connection: Connection) -> None:
        """Send what waits, each when it may be, until nothing does or this connection is gone."""
        now = asyncio.get_running_loop().time
        while self._is_up and connection is self._connection:
            self._given.clear()
            wait_s = self._pace.wait_s(now())
            match self._outgoing.next(may_command=wait_s == 0):
                case None:
                    self._still.set()
                    if self._outgoing.last is None:
                        return
                    with suppress(TimeoutError):
                        async with asyncio.timeout(wait_s):
                            await self._given.wait()
                case bytes() as audio:
                    await self._write(connection, audio)
                case placed:
                    self._pace.spend(now())
                    is_sent = False
                    try:
                        is_sent = await self._write(connection, placed.message)
                    finally:
                        if is_sent:
                            self._tell(placed)
                        elif connection is self._connection:  # else the next one was told of it
                            self._outgoing.take_back()

    async def _write_past(self, command: Mapping[str, Any]) -> None:
        if self._connection is not None:
            self._pace.spend(asyncio.get_running_loop().time())
            self._outgoing.count()
            await self._write(self._connection, encode(command))

    async def _write(self, connection: Connection, message: str | bytes) -> bool:
        """Send a message, and say whether the connection took it."""
        try:
            await connection.send(message)
        except Closed:
            if connection is self._connection:
                self.down()
            return False
        if connection is self._connection:
            self.last_sent_s = asyncio.get_running_loop().time()
        return True
