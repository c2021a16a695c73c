"""What is to be sent, in order: the microphone's audio, and commands at their places in it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicesrv_client.commands import encode
from voicesrv_client.events import Ready
from voicesrv_client.ring import AudioFormat, MicrophoneRing

_SENT_KEPT = 100
"""More than a person says within what a broken connection swallows."""
_MAX_GATHERED = 1000
"""Characters in one message; the server takes 2000."""
_OF_A_CONVERSATION = ("finalize", "cancel", "tool_result", "configure", "close")
"""In another one they mean nothing, or are asked for anew."""
_OF_A_CONNECTION = ("close",)
"""Asked for anew on the next."""
_OF_THE_AGENT = ("speak", "flush")
"""What the agent is to say has no place in what the user says."""


@dataclass(eq=False, slots=True)
class Placed:
    """A command in its place."""

    type: str
    message: str
    """The command, encoded."""
    gathered: str | None
    """Text that more may be gathered behind; None for what is whole."""
    at: int
    """Position in the audio."""
    audio: AudioFormat | None = None
    """What the audio behind it is in, where that changes with it."""
    number: int = 0
    """Among the text messages of this conversation, as the server counts them; 0 until it is sent."""
    callers: int = 1
    """How many want it sent."""


class Outgoing:
    """Waits for a connection; what was sent is kept, so that what the server did not get can be sent again.

    Pure: the sender sends what ``next`` gives. The twin of clients/web/src/outgoing.ts.
    """

    def __init__(self, ring: MicrophoneRing) -> None:
        """``ring`` is where the audio is."""
        self.ring = ring
        self.max_bytes = math.inf
        """Of the largest message that the server takes."""
        self._waiting: deque[Placed] = deque()
        self._sent: deque[Placed] = deque(maxlen=_SENT_KEPT)
        self._count = 0

    @property
    def last(self) -> Placed | None:
        """The command that waits last."""
        return self._waiting[-1] if self._waiting else None

    def waits(self, placed: Placed) -> bool:
        """Whether a command is still to be sent."""
        return placed in self._waiting

    def add(self, command: Mapping[str, Any], message: str | None = None, audio: AudioFormat | None = None) -> Placed:
        """Take a command; the audio given so far comes before it.

        Text that is gathered joins what waits of it; text that waits when all is cancelled is dropped, as the server
        drops what it has.

        Args:
            message: the command, encoded.
            audio: what the audio that is given from here on is in; None for what it was in before.

        Returns:
            what is to be sent for it, maybe with others in it.

        Raises:
            TypeError, ValueError: see ``encode``.
        """
        last = self.last
        if command["type"] == "speak" and last is not None and last.gathered is not None and last.number == 0:
            text = last.gathered + command["text"]
            whole = encode({**command, "text": text})
            if len(text) <= _MAX_GATHERED and len(whole.encode()) <= self.max_bytes:
                last.message, last.gathered = whole, _gathered(command, text)
                last.callers += 1
                return last
        gathered = _gathered(command, command.get("text", ""))
        placed = Placed(command["type"], message or encode(command), gathered, self.ring.end, audio)
        if placed.type == "cancel":
            self._waiting = deque(each for each in self._waiting if each.type != "speak")
        self._waiting.append(placed)
        return placed

    def add_first(self, commands: Sequence[Mapping[str, Any]]) -> None:
        """Take commands that come before all that waits, but those that wait in their places."""
        waiting = {each.message for each in self._waiting}
        placed = [Placed(each["type"], encode(each), None, 0) for each in commands]
        self._waiting.extendleft(each for each in reversed(placed) if each.message not in waiting)

    def withdraw(self, placed: Placed) -> None:
        """One who wanted a command sent no longer does: it is dropped if nobody else does and nobody may have it."""
        placed.callers -= 1
        if placed.callers == 0 and placed.number == 0 and placed in self._waiting:
            self._waiting.remove(placed)

    def next(self, *, may_command: bool = True) -> bytes | Placed | None:
        """Give what is to be sent next, audio or a command; None where there is nothing.

        Args:
            may_command: whether a command may be next; without, it waits with what is behind it.
        """
        chunk = self.ring.pending(
            until=next((each.at for each in self._waiting if each.type not in _OF_THE_AGENT), None)
        )
        if chunk:
            return chunk
        if not (self._waiting and may_command):
            return None
        placed = self._waiting.popleft()
        self._change_format(placed)
        self.count()
        placed.number = self._count
        self._sent.append(placed)
        return placed

    def take_back(self) -> None:
        """The command that ``next`` gave last was not sent, as far as this side can tell: it waits again."""
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
        n = self._count if ready.received_messages is None else ready.received_messages
        lost_ms = self.ring.rewind(ready.received_ms)
        known = (*self._sent, *self._waiting)  # it may have what was taken back
        missed = [each for each in known if not 0 < each.number <= n or self._is_cut_off(each)]
        self._begin(n, missed, without=_OF_A_CONNECTION)
        return lost_ms

    def restart(self, ready: Ready) -> None:
        """A new conversation begins; what belonged to the one before is dropped."""
        for each in self._waiting:
            self._change_format(each)
        self.ring.restart(ready.received_ms)
        self._begin(ready.received_messages or 0, self._waiting, without=_OF_A_CONVERSATION)

    def _change_format(self, placed: Placed) -> None:
        if placed.audio is not None:
            self.ring.changed(*placed.audio, at=placed.at)
            placed.audio = None

    def _is_cut_off(self, placed: Placed) -> bool:
        # A server that is being stopped drops audio, uncounted, but obeys and counts the end of a turn behind it.
        return placed.type == "finalize" and self.ring.lacks(placed.at)

    def _begin(self, count: int, waiting: Iterable[Placed], without: Sequence[str]) -> None:
        self._waiting = deque(each for each in waiting if each.type not in without)
        self._sent.clear()
        self._count = count
        for each in self._waiting:
            each.number = 0


def _gathered(command: Mapping[str, Any], text: str) -> str | None:
    return text if command["type"] == "speak" and not command.get("flush", True) else None
