"""Reply audio on its way to an ear: what waits, and how much of each reply has been heard."""

from __future__ import annotations

import threading
from collections import deque

from voicesrv_client.events import Audio, AudioStart, Clear, Ready, ServerEvent

_REPLIES_KEPT = 16
"""Replies whose played time is remembered; reports are about the last one or two."""


class Playout:
    """A queue of audio that something pulls from at the pace of a clock.

    One thread may push and clear while another, the sound device's, pulls. It holds what the server
    sends ahead of real time, 2 s by default.
    """

    def __init__(self, bytes_per_second: int = 48_000) -> None:
        self._per_second = bytes_per_second
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._n_waiting = 0
        self._played: dict[int, int] = {}
        self._conversation = ""
        self._lock = threading.Lock()

    @property
    def waiting_ms(self) -> int:
        """Audio that is still to be heard."""
        return self._n_waiting * 1000 // self._per_second

    def take(self, event: ServerEvent | Audio) -> None:
        """Do what an event of the conversation asks for; those that ask for nothing here may be given too.

        Audio is to be played, a ``Clear`` drops it, and a ``Ready`` of another conversation drops all: there the
        numbers of replies begin anew.
        """
        match event:
            case Audio(reply=reply, pcm=pcm):
                self.push(reply, pcm)
            case AudioStart(reply=reply, start_ms=start_ms) if start_ms > 0:
                with self._lock:
                    self._played[reply] = start_ms * self._per_second // 1000  # times are those of the whole reply
            case Clear(reply=reply):
                self.clear(reply)
            case Ready(conversation=conversation) if conversation != self._conversation:
                self._conversation = conversation
                self.reset()

    def push(self, reply: int, pcm: bytes) -> None:
        """Add audio of a reply, whole samples."""
        with self._lock:
            self._waiting.append((reply, pcm))
            self._n_waiting += len(pcm)

    def pull(self, n_bytes: int) -> bytes:
        """Take what is played next: ``n_bytes``, or less where less is waiting."""
        parts = []
        with self._lock:
            missing = min(n_bytes, self._n_waiting)
            self._n_waiting -= missing
            while missing:
                reply, pcm = self._waiting.popleft()
                if len(pcm) > missing:
                    self._waiting.appendleft((reply, pcm[missing:]))
                    pcm = pcm[:missing]
                missing -= len(pcm)
                self._count(reply, len(pcm))
                parts.append(pcm)
        return b"".join(parts)

    def clear(self, reply: int) -> None:
        """Drop what waits of a reply."""
        with self._lock:
            self._waiting = deque(entry for entry in self._waiting if entry[0] != reply)
            self._n_waiting = sum(len(pcm) for _, pcm in self._waiting)

    def reset(self) -> None:
        """Drop all that waits, and forget what was heard."""
        with self._lock:
            self._waiting.clear()
            self._n_waiting = 0
            self._played.clear()

    def played_ms(self) -> dict[int, int]:
        """How much of each reply has been heard, the latest last."""
        with self._lock:
            return {reply: n_bytes * 1000 // self._per_second for reply, n_bytes in self._played.items()}

    def _count(self, reply: int, n_bytes: int) -> None:
        self._played[reply] = self._played.get(reply, 0) + n_bytes
        if len(self._played) > _REPLIES_KEPT:
            del self._played[next(iter(self._played))]
