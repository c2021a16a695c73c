"""Sends what is given to it, in order and at the server's pace, over one connection after another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from voicesrv_client.commands import encode
from voicesrv_client.connection import Connection
from voicesrv_client.errors import Closed
from voicesrv_client.events import Ready
from voicesrv_client.outgoing import Outgoing, Placed
from voicesrv_client.pace import Pace
from voicesrv_client.ring import MicrophoneRing

_LIMITS: Mapping[str, Any] = {"text_bytes": 65_536, "control_messages_per_s": 20.0, "control_burst": 40.0}
"""What ``docs/protocol.md`` says that a server takes, until it has said so itself."""


class Sender:
    """The outgoing half of a conversation; any number of tasks may use it."""

    def __init__(self, ring: MicrophoneRing) -> None:
        """``ring`` is where the audio is kept."""
        self.over: Closed | None = None
        """Why the conversation is over; None while it is not."""
        self.last_sent_s = 0.0
        """On the clock of the event loop."""
        self._outgoing = Outgoing(ring)
        self._set_limits({})
        self._connection: Connection | None = None
        self._up = asyncio.Event()  # a connection stands, or none ever will again
        self._gone = asyncio.Event()  # none stands
        self._gone.set()
        self._order = asyncio.Lock()  # of what is sent

    # --- connections ----------------------------------------------------------------------------

    def connected(
        self, connection: Connection, ready: Ready, first: Sequence[Mapping[str, Any]], *, again: bool
    ) -> int:
        """Go on over another connection.

        Args:
            first: commands that come before all that waits.
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
        self._gone.clear()
        self._up.set()
        return lost_ms

    def down(self) -> None:
        """The connection is gone; what is given meanwhile waits for the next."""
        self._gone.set()
        if self.over is None:  # else nobody is to wait
            self._up.clear()

    def end(self, closed: Closed) -> None:
        """There will be no other connection; whoever waits to send is told."""
        self.over = self.over or closed
        self._gone.set()
        self._up.set()

    # --- what is given --------------------------------------------------------------------------

    def encoded(self, command: Mapping[str, Any]) -> str:
        """Put a command into words.

        Raises:
            TypeError: it is no JSON.
            ValueError: it is no JSON, or larger than the server takes.
        """
        message = encode(command)
        size = len(message.encode())
        if size > self._text_bytes:
            raise ValueError(f"{command['type']}: {size} bytes are over the {self._text_bytes} that the server takes")
        return message

    async def send_audio(self, data: bytes) -> None:
        """Keep audio and send it, at once or when the connection is back.

        Where a command before it waits for its time, so does this, but not the caller.

        Raises:
            Closed: the conversation is over.
        """
        self._check_open()
        self._outgoing.ring.append(data)
        await self._send_waiting()

    async def send(self, command: Mapping[str, Any]) -> None:
        """Send a command, once a connection stands and the pace allows it; what was heard before it goes before it.

        It is sent again on the next connection if this one swallows it. Cancelling does not take it back.

        Raises:
            TypeError, ValueError: see ``encoded``.
            Closed: the conversation is over.
        """
        self._check_open()
        placed = self._outgoing.add(command, self.encoded(command))
        while self._outgoing.waits(placed):
            await self._up.wait()
            self._check_open()
            await self._send_through(placed)

    async def send_on_this(self, command: Mapping[str, Any]) -> None:
        """Send a command on this connection alone, after what waits; for another it is asked for anew."""
        await self._send_through(self._outgoing.add(command))

    async def send_now(self, command: Mapping[str, Any]) -> None:
        """Send a command past what waits, or forget it: it would soon be stale."""
        async with self._order:
            if not self._gone.is_set() and self._pace.has_any(asyncio.get_running_loop().time()):
                await self._send_past(command)

    async def ping(self, id: str) -> None:
        """Let the server hear something, whatever waits."""
        await self._send_past({"type": "ping", "id": id})

    async def changed(self, encoding: str, sample_rate: int, channels: int) -> None:
        """Go on with audio of another format."""
        await self.drain()
        async with self._order:
            self._outgoing.ring.changed(encoding, sample_rate, channels)

    async def drain(self) -> None:
        """Send what waits now, while the connection stands."""
        await self._send_through(self._outgoing.last)

    # --- how it is sent -------------------------------------------------------------------------

    def _set_limits(self, told: Mapping[str, Any]) -> None:
        limits = {**_LIMITS, **told}
        self._text_bytes = int(limits["text_bytes"])
        self._pace = Pace(limits["control_messages_per_s"], limits["control_burst"], self.last_sent_s)

    def _check_open(self) -> None:
        if self.over is not None:
            raise self.over

    async def _send_through(self, placed: Placed | None) -> None:
        """Send what waits as far as this command, while the connection stands; None: what may be sent now."""
        wait_s = await self._send_waiting()
        while placed is not None and not self._gone.is_set() and self._outgoing.waits(placed):
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._gone.wait()
            wait_s = await self._send_waiting()

    async def _send_waiting(self) -> float:
        """Send what may be sent now, and say in how many seconds a command may be."""
        now = asyncio.get_running_loop().time
        async with self._order:
            while not self._gone.is_set():
                wait_s = self._pace.wait_s(now())
                message = self._outgoing.next(may_command=wait_s == 0)
                if message is None:
                    return wait_s
                if isinstance(message, str):
                    self._pace.spend(now())
                if not await self._write(message) and isinstance(message, str):
                    self._outgoing.take_back()
        return 0.0

    async def _send_past(self, command: Mapping[str, Any]) -> None:
        self._pace.spend(asyncio.get_running_loop().time())
        self._outgoing.count()
        await self._write(encode(command))

    async def _write(self, message: str | bytes) -> bool:
        """Send a message, and say whether nothing is left to be done for it."""
        connection = self._connection
        if connection is None:
            return False
        try:
            # Whoever asked for it may be cancelled; what is counted as sent is sent all the same.
            await asyncio.shield(connection.send(message))
        except Closed:
            if connection is not self._connection:  # there is another meanwhile, and it was told
                return True
            self.down()
            return False
        self.last_sent_s = asyncio.get_running_loop().time()
        return True
