"""What is to be sent, in order: the microphone's audio, and commands at their places in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voicesrv_client.events import Ready
from voicesrv_client.ring import MicrophoneRing

_SENT_KEPT = 100
"""More than a person says within what a broken connection swallows."""
_OF_A_CONVERSATION = ("finalize", "cancel", "tool_result")
"""They speak of a turn or a reply, so in another conversation they mean nothing."""


@dataclass(frozen=True, slots=True)
class _Placed:
    command: Mapping[str, Any]
    at: int
    """Position in the audio."""
    number: int = 0
    """Among the text messages of this conversation, as the server counts them; 0 until it is sent."""


class Outgoing:
    """Waits for a connection; what was sent is kept, so that what the server did not get can be sent again.

    Pure: the link sends what ``next`` gives.
    """

    def __init__(self, ring: MicrophoneRing) -> None:
        """``ring`` is where the audio is."""
        self.ring = ring
        self._waiting: deque[_Placed] = deque()
        self._sent: deque[_Placed] = deque(maxlen=_SENT_KEPT)
        self._count = 0

    @property
    def has_commands(self) -> bool:
        """Whether a command waits."""
        return bool(self._waiting)

    def add(self, command: Mapping[str, Any]) -> None:
        """Take a command; the audio given so far comes before it."""
        self._waiting.append(_Placed(command, self.ring.end))

    def next(self) -> bytes | Mapping[str, Any] | None:
        """Give what is to be sent next, audio or a command; None where there is nothing."""
        chunk = self.ring.pending(until=self._waiting[0].at if self._waiting else None)
        if chunk:
            return chunk
        if not self._waiting:
            return None
        placed = self._waiting.popleft()
        self.count()
        self._sent.append(_Placed(placed.command, placed.at, self._count))
        return placed.command

    def take_back(self) -> None:
        """The command that ``next`` gave last was not sent: it waits again."""
        self._waiting.appendleft(self._sent.pop())
        self._count -= 1

    def count(self) -> None:
        """A text message is sent; one that goes past this line, and need not arrive, is counted too."""
        self._count += 1

    def rewind(self, ready: Ready) -> int:
        """Go back to what the server has: audio and commands that it did not get are given again.

        Returns:
            ms of audio that neither side has any more; 0 where nothing is lost.
        """
        if ready.received_messages is not None:
            missed = [each for each in self._sent if each.number > ready.received_messages]
            self._waiting.extendleft(reversed(missed))
            self._count = ready.received_messages
        self._sent.clear()
        return self.ring.rewind(ready.received_ms)

    def restart(self, ready: Ready) -> None:
        """A new conversation begins; what belonged to the one before is dropped."""
        self.ring.restart(ready.received_ms)
        self._sent.clear()
        self._waiting = deque(each for each in self._waiting if each.command["type"] not in _OF_A_CONVERSATION)
        self._count = ready.received_messages or 0
