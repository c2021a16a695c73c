"""One turn as the PocketSphinx worker follows it: audio in, transcripts out, a piece of work at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from voicesrv.engines.workers.hearing import BYTES_PER_MS, Hearing, MeanMeter
from voicesrv.engines.workers.stable_words import HeardWord, StableWords

PIECE_BYTES = 100 * BYTES_PER_MS
"""Decoded in one go: about 13 ms of work, after which others have their turn."""
ADAPT_BYTES = 300 * BYTES_PER_MS
"""How often the mean is corrected."""
HEAR_AGAIN_MS = (1000, 3000)
"""When the turn is heard again from its start, with the mean that is known by then: on 61 clips it takes the word error
rate from 37.7 % to 34.0 %. A second decoder does it, so that the end of the turn need not wait for it."""
CATCH_UP_MS = 300
"""At the end of the turn, a second hearing that lacks no more than this is finished, in 50 ms; else it is dropped."""
BEHIND_MS = 1500
"""With so much audio waiting the turn is a replay or a file, and nobody waits for its interims: it is heard again at
once, in the same decoder."""
BEHIND_TIMES = 8
"""While audio waits, interims come this much more rarely: what they say is no news when they arrive."""
AFTER_PAUSE_MS = 300
"""Audio after a pause that is not looked at until there is more of it: less is no word and its silence, and without
looking, the final transcript is the one that the pause was answered with."""
STRETCH_MS = 6000
"""A stretch of speech this long is closed at the next silence: what the decoder keeps of it, and what there is to
search when the turn ends, grow with it. The best path through it is better than what was kept word by word, too."""
STRETCH_MAX_MS = 40_000
"""And this long, it is closed in any case."""
_SILENCE_MS = 400


class Listening:
    """A turn being transcribed.

    Args:
        hearing: a decoder, free to be used.
        spare: takes another decoder where one is free.
        free: gives one back.
        interim: whether transcripts before the final one are wanted.
        every_ms: speech between two of them.
    """

    def __init__(
        self,
        hearing: Hearing,
        spare: Callable[[], Hearing | None],
        free: Callable[[Hearing], None],
        *,
        interim: bool,
        every_ms: int,
    ) -> None:
        self.ended = False
        """Whether the turn's audio is whole."""
        self._spare, self._free = spare, free
        self._interim, self._every = interim, every_ms * BYTES_PER_MS
        self._meter = MeanMeter()
        self._stable = StableWords()
        self._hearing = hearing
        self._again: Hearing | None = None
        self._open = False  # whether the decoder is in a stretch
        self._stretch = bytearray()  # all audio of the stretch
        self._stretch_from = 0  # its place in the turn, in bytes
        self._marks = [ms * BYTES_PER_MS for ms in HEAR_AGAIN_MS]
        self._furthest = 0  # bytes of the stretch heard at least once
        self._adapted_at = 0
        self._shown_at = 0
        self._shown: tuple[str, int] = ("", 0)
        self._pause_at: int | None = None  # bytes of the turn before the pause
        self._paused = False  # no stretch was begun since the pause that was answered

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for an answer: the turn has ended, or paused."""
        return self.ended or self._pause_at is not None

    @property
    def pending(self) -> bool:
        """Whether there is audio to hear, or an answer to give."""
        return self.urgent or self._waiting() > (AFTER_PAUSE_MS * BYTES_PER_MS if self._paused else 0)

    @property
    def catching_up(self) -> bool:
        """Whether the turn is being heard again, which is done when nothing is pending."""
        return self._again is not None

    def append(self, samples: bytes) -> None:
        """Audio of the turn."""
        self._stretch += samples

    def pause(self) -> None:
        """Here the user may have finished."""
        self._pause_at = self._stretch_from + len(self._stretch)

    def step(self) -> tuple[int, dict[str, Any] | None]:
        """Hear the next piece; return how many bytes it was, and the transcript that came of it, if any."""
        until = len(self._stretch)
        if self._pause_at is not None:
            until = min(until, self._pause_at - self._stretch_from)
        held = self._paused and len(self._stretch) <= AFTER_PAUSE_MS * BYTES_PER_MS
        position = self._hearing.position if self._open else 0
        if position < until and not held:
            return self._hear(until)
        if self._pause_at is not None:
            self._pause_at = None
            if not held:
                self._close_stretch()
            self._paused = True
            return 0, self._transcript(self._stable.kept, settled=True)
        if self.ended:
            if not held:
                self._close_stretch()
            return 0, self._transcript(self._stable.kept, final=True)
        return 0, None

    def catch_up(self) -> None:
        """Hear the next piece again, and go over to the second hearing when it has heard all."""
        again = self._again
        assert again is not None
        until = min(again.position + PIECE_BYTES, self._hearing.position)
        again.hear(bytes(self._stretch[again.position : until]))
        if again.position >= self._hearing.position:
            self._hearing, self._again = again, self._hearing
            self._drop_again()
            self._hearing.follow(self._meter)

    def close(self) -> None:
        """Give the decoders back, whatever state the turn is in."""
        self._drop_again()
        if self._open:
            self._hearing.drop()
        self._free(self._hearing)

    def _waiting(self) -> int:
        return len(self._stretch) - (self._hearing.position if self._open else 0)

    def _hear(self, until: int) -> tuple[int, dict[str, Any] | None]:
        if not self._open:
            self._hearing.begin(self._meter.mean)
            self._open = True
            self._paused = False
            self._adapted_at = self._furthest = 0
        hearing = self._hearing
        piece = bytes(self._stretch[hearing.position : min(hearing.position + PIECE_BYTES, until)])
        hearing.hear(piece)
        n_new = max(hearing.position - self._furthest, 0)
        self._furthest = max(hearing.position, self._furthest)
        if hearing.position - self._adapted_at >= ADAPT_BYTES:
            self._adapted_at = hearing.position
            hearing.adapt(self._meter)
            if self._marks and hearing.position >= self._marks[0]:
                self._hear_again()
        at = self._stretch_from + hearing.position
        wait = self._every * (BEHIND_TIMES if self._waiting() >= PIECE_BYTES else 1)
        if at - self._shown_at < wait:
            return n_new, None
        self._shown_at = at - (at - self._shown_at) % self._every
        words = hearing.words(self._offset_ms)
        if self._marks or self._again or not self._interim:  # about to be heard better, or not shown
            shown = [*self._stable.kept, *words]
        else:
            shown = self._stable.update(words, at // BYTES_PER_MS)
        if self._long_enough(words):
            self._close_stretch()
            shown = self._stable.kept
        return n_new, self._transcript(shown) if self._interim else None

    def _long_enough(self, words: Sequence[HeardWord]) -> bool:
        """Whether the stretch should be closed here."""
        heard_ms = self._hearing.position // BYTES_PER_MS
        silent_ms = self._offset_ms + heard_ms - (words[-1].end_ms if words else 0)
        return heard_ms >= STRETCH_MAX_MS or (heard_ms >= STRETCH_MS and silent_ms >= _SILENCE_MS)

    def _hear_again(self) -> None:
        """Begin to hear the stretch again; where no decoder is free now, a little later or not at all."""
        heard = self._hearing.position
        behind = self._waiting() >= BEHIND_MS * BYTES_PER_MS
        self._drop_again()
        if not behind:
            self._again = self._spare()
        if behind or self._again or heard >= 2 * self._marks[0]:
            self._marks = [mark for mark in self._marks if mark > heard]
        if self._again:
            self._again.begin(self._meter.mean)
        elif behind:
            self._hearing.drop()
            self._hearing.begin(self._meter.mean)

    def _close_stretch(self) -> None:
        """End the stretch: its words are settled, and what follows is another."""
        if self._open:
            lacking = self._hearing.position - self._again.position if self._again else 0
            if lacking <= CATCH_UP_MS * BYTES_PER_MS:
                while self._again:
                    self.catch_up()
            self._drop_again()
            self._stable.settle(self._hearing.finish(self._offset_ms))
            self._open = False
            del self._stretch[: self._hearing.position]
            self._stretch_from += self._hearing.position
            self._marks = [mark for mark in self._marks if mark > self._stretch_from]

    def _drop_again(self) -> None:
        if self._again:
            self._again.drop()
            self._free(self._again)
            self._again = None

    @property
    def _offset_ms(self) -> int:
        return self._stretch_from // BYTES_PER_MS

    def _transcript(
        self, words: Sequence[HeardWord], *, settled: bool = False, final: bool = False
    ) -> dict[str, Any] | None:
        """What to send; None where it is an interim that says nothing new."""
        text = " ".join(word.text for word in words)
        kept = self._stable.kept
        stable = len(" ".join(word.text for word in kept))
        if not (settled or final) and (text, stable) == self._shown:
            return None
        self._shown = (text, stable)
        return {
            "text": text,
            "stable": stable,
            "settled": settled,
            "final": final,
            "words": [[word.text, word.start_ms, word.end_ms, word.confidence] for word in words],
            "confidence": round(sum(word.confidence for word in words) / len(words), 3) if words else 0.0,
        }
