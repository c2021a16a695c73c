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
    AudioEnded,
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
"""4 s of replies that are over: a client that lost its network has heard the rest, or is ``lead_ms`` behind; for one
that says how much it has played, and is further behind on a slow network, what it has yet to hear is kept as well."""

_START = AudioSince(0, 0)
"""Before all audio: replies count from 1."""


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
        self._played: dict[str, tuple[int, int]] = {}  # by connection, of those that say it: reply, ms
        self._gone = (0, 0)  # of the last audio that had to go: its reply, and where in that it ended, in ms
        self.sounding: AudioSince | None = None
        """The reply whose audio is being sent, and how much of it was."""
        self.last_seq = 0

    def append(self, event: Event, only_for: str | None = None) -> int:
        """Number an event, keep it, and return its number."""
        self.last_seq += 1
        if isinstance(event, AudioStarted | AudioEnded | Cleared | ReplyEnded) and only_for is None:
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

    @property
    def end(self) -> AudioSince:
        """How far the audio went that was sent last; of what was cleared nothing counts."""
        if not self._audio:
            return AudioSince(*self._gone)
        _, last = self._audio[-1]
        return AudioSince(last.reply, _end_ms(last))

    def append_audio(self, audio: ReplyAudio) -> None:
        """Keep a piece of audio in its place after the last event."""
        self._audio.append((self.last_seq, audio))
        self._audio_bytes += len(audio.pcm)
        self.sounding = AudioSince(audio.reply, _end_ms(audio))
        while self._audio_bytes > MAX_AUDIO_BYTES:
            self._drop_first()

    def played(self, connection: str, reply: int, ms: int) -> None:
        """A connection says how far it has played: what it has yet to hear is kept, within bounds, also of a reply
        that is over."""
        self._played[connection] = max((reply, ms), self._played.get(connection, (0, 0)))
        if self.sounding is None:
            self._drop_heard()

    def left(self, connection: str) -> None:
        """A connection will not come back: nothing is kept for it."""
        self._played.pop(connection, None)

    def since(
        self,
        after: int,
        connection: str,
        has: AudioSince | None = None,
        *,
        tuned_in: AudioSince = _START,
        audio: bool = True,
    ) -> list[tuple[int, Event]] | None:
        """Everything for ``connection`` after event ``after``, in order, audio in its place.

        Args:
            after: number of the last event the client has.
            connection: whose private events belong to it.
            has: how much it has of the audio of the last reply that it was sent audio of; without
                it, what was sent of a reply whose ``AudioStarted`` it has is taken as received. An
                ``AudioStarted`` that it has not says where the audio begins for it.
            tuned_in: from where on audio is for it at all, whatever it says that it has.
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
            places = [(event.reply, event.start_ms) for _, _, event in said if isinstance(event, AudioStarted)]
            if has is not None:
                places.append((has.reply, has.ms))
            if places:
                begin = max(min(places), (tuned_in.reply, tuned_in.ms))
                if begin < self._gone:
                    return None
                said.extend((seq, 1, piece) for seq, piece in self._audio_from(*begin, after))
                said.sort(key=lambda each: each[:2])  # stable: pieces of audio keep their order
        return [(seq, event) for seq, _, event in said]

    def _audio_from(self, reply: int, ms: int, after: int) -> Iterator[tuple[int, ReplyAudio]]:
        """Audio from this place on, with its number, which is no lower than ``after``."""
        for seq, piece in self._audio:
            if piece.reply >= reply:
                rest = _from(piece, ms) if piece.reply == reply else piece
                if rest is not None:
                    yield max(seq, after), rest

    def _follow(self, event: AudioStarted | AudioEnded | Cleared | ReplyEnded) -> None:
        """Keep of the audio what somebody may still have to hear."""
        match event:
            case AudioStarted(reply=reply):
                self.sounding = AudioSince(reply, 0)
            case AudioEnded():
                self.sounding = None
            case Cleared(reply=reply):
                self.sounding = None
                while self._audio and self._audio[-1][1].reply == reply:
                    self._audio_bytes -= len(self._audio.pop()[1].pcm)
                if self._gone[0] == reply:  # nor is what of it had to go missed by anybody
                    self._gone = (reply, 0)
            case ReplyEnded():
                self.sounding = None
                self._drop_heard()

    def _drop_heard(self) -> None:
        """Keep of what was heard no more than is of use; who says nothing has heard it."""
        heard = min(self._played.values(), default=None)
        while self._audio_bytes > MAX_ENDED_BYTES:
            _, piece = self._audio[0]
            if heard is not None and (piece.reply, _end_ms(piece)) > heard:
                break
            self._drop_first()

    def _drop_first(self) -> None:
        _, piece = self._audio.popleft()
        self._gone = (piece.reply, _end_ms(piece))
        self._audio_bytes -= len(piece.pcm)


def _end_ms(piece: ReplyAudio) -> int:
    return piece.start_ms + len(piece.pcm) // BYTES_PER_MS


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
        case ReplyText(delta=text) | Warned(message=text):
            return 200 + len(text)
        case Failed(message=text, id=id):
            return 200 + len(text) + len(str(id))
        case ReplyEnded(text=text, heard=heard):
            return 200 + len(text) + len(heard)
        case Ready(settings=values) | Configured(settings=values) | ToolCalled(call=ToolCall(arguments=values)):
            return 300 + 4 * len(str(values))  # small objects take so much more than their text
        case _:
            return 300
