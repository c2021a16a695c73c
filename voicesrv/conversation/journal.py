"""What the server said, numbered, and kept for a while so that it can be said again.

Events carry the numbers 1, 2, 3 …; pieces of audio carry none but keep their place between them.
Both are kept within bounds; what has gone cannot be resumed from, and is never resumed in part.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from voicesrv.conversation.playout import BYTES_PER_MS
from voicesrv.events import (
    AudioSince,
    AudioStarted,
    Cleared,
    Configured,
    Event,
    Failed,
    Ready,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    ReplyVisemes,
    ReplyWords,
    ToolCall,
    ToolCalled,
    TurnEnded,
    TurnUpdated,
    Warned,
)

MAX_EVENTS = 1000
MAX_EVENT_BYTES = 1 << 20
MAX_AUDIO_BYTES = 30_000 * BYTES_PER_MS
"""30 s of a reply: what a client that lost its network can have missed before it gives up."""
MAX_ENDED_BYTES = 4_000 * BYTES_PER_MS
"""4 s of replies that are over: a client that lost its network has heard the rest, or is ``lead_ms`` behind."""


class Entry(NamedTuple):
    """One numbered event."""

    seq: int
    event: Event
    only_for: str | None
    """The connection it answers; None where it is for all."""


class Journal:
    """The numbered events of a conversation, and the audio of the reply under way and those just before it."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._audio: deque[tuple[int, ReplyAudio]] = deque()  # (number of the event before it, audio)
        self._audio_bytes = 0
        self._begins: dict[int, int] = {}  # by reply whose audio is kept: the number of its AudioStarted
        self._gone_began = 0  # that of the last audio that had to go,
        self._gone = (0, 0)  # the reply it was of, and where in it that ended, in ms
        self.sounding: int | None = None
        """The reply whose audio is being sent."""
        self.last_seq = 0

    def append(self, event: Event, only_for: str | None = None) -> int:
        """Number an event, keep it, and return its number."""
        self.last_seq += 1
        if isinstance(event, AudioStarted | Cleared | ReplyEnded) and only_for is None:
            self._follow(event)
        self._entries.append(Entry(self.last_seq, event, only_for))
        self._bytes += _size(event)
        while len(self._entries) > MAX_EVENTS or self._bytes > MAX_EVENT_BYTES:
            self._bytes -= _size(self._entries.popleft().event)
        return self.last_seq

    def entries(self) -> tuple[Entry, ...]:
        """The numbered events that are kept, oldest first."""
        return tuple(self._entries)

    def restore(self, last_seq: int, entries: Iterable[Entry]) -> None:
        """Begin with what another journal had."""
        self.last_seq = last_seq
        self._entries.extend(entries)
        self._bytes += sum(_size(entry.event) for entry in self._entries)

    def append_audio(self, audio: ReplyAudio) -> None:
        """Keep a piece of audio in its place after the last event."""
        self._audio.append((self.last_seq, audio))
        self._audio_bytes += len(audio.pcm)
        self._drop_audio(MAX_AUDIO_BYTES)

    def since(
        self, after: int, connection: str, has: AudioSince | None = None, *, audio: bool = True
    ) -> list[tuple[int, Event]] | None:
        """Everything for ``connection`` after event ``after``, in order, audio in its place.

        Args:
            after: number of the last event the client has.
            connection: whose private events belong to it.
            has: how much it has of the audio of the last reply that it was sent audio of; without
                it, what was sent of a reply whose ``AudioStarted`` it has is taken as received.
            audio: whether it is sent audio at all.

        Returns:
            ``(seq, event)`` pairs, audio with the number of the event before it; None when it
            would not be whole, or ``after`` is a number that was never given.
        """
        if not 0 <= after <= self.last_seq:
            return None
        oldest = self._entries[0].seq if self._entries else self.last_seq + 1
        if after + 1 < oldest:
            return None
        said: list[tuple[int, int, Event]] = [
            (entry.seq, 0, entry.event)
            for entry in self._entries
            if entry.seq > after and entry.only_for in (None, connection) and not isinstance(entry.event, Ready)
        ]
        if audio:
            if after < self._gone_began if has is None else (has.reply, has.ms) < self._gone:
                return None
            said.extend((seq, 1, piece) for seq, piece in self._audio_since(after, has))
            said.sort(key=lambda each: each[:2])  # stable: pieces of audio keep their order
        return [(seq, event) for seq, _, event in said]

    def _audio_since(self, after: int, has: AudioSince | None) -> Iterator[tuple[int, ReplyAudio]]:
        for seq, piece in self._audio:
            if has is None:
                if self._begins[piece.reply] > after:
                    yield seq, piece
            elif piece.reply >= has.reply:
                rest = _from(piece, has.ms) if piece.reply == has.reply else piece
                if rest is not None:
                    yield max(seq, after), rest

    def _follow(self, event: AudioStarted | Cleared | ReplyEnded) -> None:
        """Keep of the audio what somebody may still have to hear."""
        match event:
            case AudioStarted(reply=reply):
                self.sounding = reply
                kept = {piece.reply for _, piece in self._audio}
                self._begins = {each: seq for each, seq in self._begins.items() if each in kept}
                self._begins[reply] = self.last_seq
            case Cleared(reply=reply):
                self.sounding = None
                while self._audio and self._audio[-1][1].reply == reply:
                    self._audio_bytes -= len(self._audio.pop()[1].pcm)
                if self._gone[0] == reply:  # nor is what of it had to go missed by anybody
                    self._gone_began, self._gone = 0, (reply, 0)
            case ReplyEnded():
                self.sounding = None
                self._drop_audio(MAX_ENDED_BYTES)

    def _drop_audio(self, bound: int) -> None:
        while self._audio_bytes > bound:
            _, piece = self._audio.popleft()
            self._gone_began = self._begins[piece.reply]
            self._gone = (piece.reply, piece.start_ms + len(piece.pcm) // BYTES_PER_MS)
            self._audio_bytes -= len(piece.pcm)


def _from(piece: ReplyAudio, ms: int) -> ReplyAudio | None:
    """The part of a piece of audio from ``ms`` on; None where nothing is left."""
    skip = (ms - piece.start_ms) * BYTES_PER_MS
    if skip <= 0:
        return piece
    if skip >= len(piece.pcm):
        return None
    return replace(piece, pcm=piece.pcm[skip:], start_ms=ms)


def _size(event: Event) -> int:
    """About how much memory an event holds, in bytes."""
    match event:
        case TurnUpdated(text=text, words=words) | TurnEnded(text=text, words=words):
            return 200 + len(text) + 150 * len(words)
        case ReplyWords(items=items):
            return 200 + 150 * len(items)
        case ReplyVisemes(items=shapes):
            return 200 + 100 * len(shapes)
        case ReplyText(delta=text) | Warned(message=text) | Failed(message=text):
            return 200 + len(text)
        case ReplyEnded(text=text, heard=heard):
            return 200 + len(text) + len(heard)
        case Ready(settings=values) | Configured(settings=values) | ToolCalled(call=ToolCall(arguments=values)):
            return 300 + 4 * len(str(values))  # small objects take so much more than their text
        case _:
            return 300
