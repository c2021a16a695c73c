"""When each piece of a reply's audio is sent, and how much of it has been heard. Pure.

The listener's clock starts with the first piece. Audio is sent at most ``lead_ms`` ahead of it, so
an interruption has little to throw away and a slow network something to live on. Where synthesis
falls behind, the clock stands still: nothing is heard while nothing is there.
"""

from __future__ import annotations

from collections import deque

from voicesrv.audio.framing import message_size
from voicesrv.audio.pcm import OUTPUT_RATE

BYTES_PER_MS = OUTPUT_RATE * 2 // 1000
MIN_MESSAGE_MS = 20
MAX_MESSAGE_MS = 100
MIN_WAIT_MS = 1.0
"""Of less a timer is not worth its while; and a clock may be too coarse for 1e-13 ms ever to pass on it."""


class Playout:
    """The audio of one reply: mono linear16 at 24 kHz; times in ms, ``now_ms`` from any steady clock."""

    def __init__(self, lead_ms: int) -> None:
        """Args:
        lead_ms: how far ahead of the listener's clock to send, at least ``MAX_MESSAGE_MS``.
        """
        self._lead_ms = lead_ms
        self._chunks: deque[bytes] = deque()
        self._head = 0  # bytes of the first chunk that were sent
        self._pushed = 0
        self._sent = 0
        self._started_ms: float | None = None
        self._held_ms: float | None = None
        self._reported_ms: int | None = None
        self.ended = False

    @property
    def pushed_ms(self) -> float:
        """Length of all audio so far."""
        return self._pushed / BYTES_PER_MS

    @property
    def sent_ms(self) -> float:
        """How much of it was sent."""
        return self._sent / BYTES_PER_MS

    @property
    def waiting_ms(self) -> float:
        """How much is still to be sent."""
        return (self._pushed - self._sent) / BYTES_PER_MS

    @property
    def drained(self) -> bool:
        """Whether the last piece was sent."""
        return self.ended and self._sent == self._pushed

    def push(self, pcm: bytes) -> None:
        """Add audio, whole samples."""
        if pcm:
            self._chunks.append(pcm)
            self._pushed += len(pcm)

    def end(self) -> None:
        """No more audio will come."""
        self.ended = True

    def next(self, now_ms: float) -> tuple[bytes | None, float | None]:
        """The next message, or how long to wait for it.

        Returns:
            ``(pcm, None)`` with 20–100 ms to send now (less only at the reply's end);
            ``(None, ms)`` when the next is due in so many ms;
            ``(None, None)`` when nothing can be sent until more audio, the end or ``release`` comes.
        """
        waiting = self._pushed - self._sent
        if self._held_ms is not None or waiting == 0:
            return None, None
        size = message_size(waiting, MIN_MESSAGE_MS * BYTES_PER_MS, MAX_MESSAGE_MS * BYTES_PER_MS, ended=self.ended)
        if size != waiting:
            size -= size % BYTES_PER_MS  # whole ms, so that a place in the audio is a whole number
        if size == 0:
            return None, None
        if self._started_ms is None:
            self._started_ms = now_ms
        elapsed = now_ms - self._started_ms
        if elapsed > self.sent_ms:  # the listener ran dry: the clock stood still meanwhile
            self._started_ms += elapsed - self.sent_ms
            elapsed = self.sent_ms
        due = self.sent_ms + size / BYTES_PER_MS - self._lead_ms - elapsed
        if due > 0:
            return None, max(due, MIN_WAIT_MS)
        return self._take(size), None

    def hold(self, now_ms: float) -> None:
        """Nobody listens: send nothing, and stop the clock."""
        if self._held_ms is None:
            self._held_ms = now_ms

    def release(self, now_ms: float) -> None:
        """Somebody listens again."""
        if self._held_ms is not None:
            if self._started_ms is not None:
                self._started_ms += now_ms - self._held_ms
            self._held_ms = None

    def report(self, played_ms: int) -> None:
        """A client says how much it has played; its word counts before the clock's.

        Of several that listen, it was heard as far as it was by the farthest: a page whose sound is blocked, or a
        connection that is lost, does not make unheard what another one plays.
        """
        self._reported_ms = max(self._reported_ms or 0, min(played_ms, round(self.sent_ms)))

    def played_ms(self, now_ms: float) -> float:
        """How much has been heard: as reported, else as the clock of what was sent has it."""
        if self._reported_ms is not None:
            return self._reported_ms
        if self._started_ms is None:
            return 0.0
        until = now_ms if self._held_ms is None else self._held_ms
        return min(until - self._started_ms, self.sent_ms)

    def left_ms(self, now_ms: float) -> float | None:
        """How long until all that was sent has been heard by the clock; None while it stands still."""
        if self._started_ms is None:
            return 0.0
        if self._held_ms is not None:
            return None
        if self._reported_ms is not None and self._reported_ms >= self.sent_ms - 1:
            return 0.0
        left = self.sent_ms - (now_ms - self._started_ms)
        return left if left >= MIN_WAIT_MS else 0.0

    def _take(self, size: int) -> bytes:
        self._sent += size
        head = self._chunks[0]
        if self._head == 0 and len(head) == size:
            return self._chunks.popleft()
        parts: list[bytes] = []
        while size:
            head = self._chunks[0]
            part = head[self._head : self._head + size]
            parts.append(part)
            size -= len(part)
            self._head += len(part)
            if self._head == len(head):
                self._chunks.popleft()
                self._head = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)
