"""Which words of a reply sound when, and so which were heard."""

from __future__ import annotations

import re
from collections.abc import Sequence

from voicesrv.events import SpokenWord

_WORD = re.compile(r"\S+")
_MARKS = ".,;:!?\"'()[]{}*_`\u201c\u201d\u2018\u2019\u2026"
"""What may stand around a word: punctuation, brackets, emphasis, typographic quotes, the ellipsis."""


class Timeline:
    """The words of one reply on its audio clock, with where each lies in the reply's text.

    Segments are added in order: ``begin``, then words as the voice tells them, then ``end``. A
    voice without word times gets them by length: words share the segment's time in proportion to
    their letters.
    """

    def __init__(self) -> None:
        self._marks: list[tuple[float, int]] = []  # (when half of a word has sounded, offset of its end)
        self._source = ""
        self._source_end = 0
        self._spoken = ""
        self._start_ms = 0
        self._cursor = 0
        self._told = False

    def begin(self, text: str, segment_end: int, spoken: str, start_ms: int) -> None:
        """A segment begins.

        Args:
            text: the whole reply so far.
            segment_end: the offset in ``text`` that this segment reaches to.
            spoken: what the voice is given of it.
            start_ms: where the segment lies in the reply's audio.
        """
        self._source = text
        self._source_end = segment_end
        self._spoken = spoken
        self._start_ms = start_ms
        self._told = False

    def add(self, words: Sequence[SpokenWord]) -> None:
        """Words of the current segment, in order, timed on the reply's audio."""
        for word in words:
            self._told = True
            self._mark(word.text, word.start_ms, word.end_ms)

    def end(self, end_ms: int) -> tuple[SpokenWord, ...]:
        """The segment's audio is complete; return the words that had to be estimated."""
        estimated: tuple[SpokenWord, ...] = ()
        if not self._told:
            estimated = estimate_words(self._spoken, self._start_ms, end_ms)
            for word in estimated:
                self._mark(word.text, word.start_ms, word.end_ms)
        self._cursor = max(self._cursor, self._source_end)
        self._marks.append((float(end_ms), self._cursor))
        return estimated

    def heard(self, played_ms: float) -> int:
        """The offset in the reply's text up to which it was heard after ``played_ms`` of audio.

        A word counts when at least half of it has sounded.
        """
        heard = 0
        for at, offset in self._marks:
            if at > played_ms:
                break
            heard = max(heard, offset)
        return heard

    def _mark(self, word: str, start_ms: int, end_ms: int) -> None:
        bare = word.strip(_MARKS) or word
        found = self._source.find(bare, self._cursor, self._source_end)
        if found < 0:  # said differently than written ("%" as "percent")
            found = self._source.lower().find(bare.lower(), self._cursor, self._source_end)
        if found >= 0:
            end = found + len(bare)
            while end < self._source_end and self._source[end] in _MARKS:
                end += 1
            self._cursor = end
        self._marks.append(((start_ms + end_ms) / 2, self._cursor))


def estimate_words(text: str, start_ms: int, end_ms: int) -> tuple[SpokenWord, ...]:
    """Spread the words of ``text`` over a span of audio, in proportion to their length."""
    found = [m.group() for m in _WORD.finditer(text)]
    weights = [len(word) + 1 for word in found]  # the 1 stands for the gap after it
    total = sum(weights)
    words = []
    done = 0
    for word, weight in zip(found, weights, strict=True):
        at = start_ms + (end_ms - start_ms) * done // total
        done += weight
        words.append(SpokenWord(word, at, start_ms + (end_ms - start_ms) * done // total))
    return tuple(words)
