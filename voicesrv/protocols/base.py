"""What a wire protocol promises: messages in, commands out; events in, messages out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from voicesrv.errors import ClientError
from voicesrv.events import Command, Event

Message = str | bytes
"""One WebSocket message: text or binary."""


class Codec(Protocol):
    """Translates one connection; holds what its dialect must remember, and no socket."""

    def receive(self, message: Message) -> Sequence[Command]:
        """Translate what the client sent.

        Raises:
            ClientError: it is not a message of this dialect, or a field of it is bad.
        """
        ...

    def send(self, seq: int, event: Event) -> Sequence[Message]:
        """Translate what the client is to be told; audio is in the connection's output format."""
        ...

    def refuse(self, error: ClientError) -> tuple[int, str]:
        """The close code and reason for a fatal error."""
        ...
