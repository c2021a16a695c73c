"""Which words of a reply sound when, and so which were heard."""

from __future__ import annotations

import re
from collections.abc import Sequence

from voicesrv.events import SpokenWord

_WORD = re.compile(r"\S+")
_MARKS = ".,;:!?\"'()[]{}*_`\u201c\u201d\u2018\u2019\u2026"
"""What may stand around a word: punctuation, brackets, emphasis, typographic quotes, the ellipsis."""
_OPENING = "([{\u201c\u2018"
_UNSPACED_FROM = "\u0e00"
"""Scripts from here on (Thai, Chinese, Japanese …) mostly put no spaces between words."""
_AHEAD_WORDS = 4
"""How many written words on a spoken one is looked for: "one" for "1" is not the next "one" of the text."""


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
        self._missed = 0  # spoken words that were not found since the last that was

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
        self._missed = 0

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
        return max((offset for at, offset in self._marks if at <= played_ms), default=0)

    def _mark(self, word: str, start_ms: int, end_ms: int) -> None:
        bare = word.strip(_MARKS) or word
        ahead = self._source[self._cursor : self._reach()]
        found = _find(ahead, bare)
        if found < 0:
            found = _find(_lower(ahead), _lower(bare))
        if found >= 0:
            end = self._cursor + found + len(bare)
            while end < self._source_end and self._source[end] in _MARKS and self._source[end] not in _OPENING:
                end += 1
            self._cursor = end
            self._missed = 0
        else:  # said differently than written ("%" as "percent")
            self._missed += 1
        self._marks.append(((start_ms + end_ms) / 2, self._cursor))

    def _reach(self) -> int:
        """The offset up to which the next spoken word is looked for."""
        left = _AHEAD_WORDS + self._missed
        for written in _WORD.finditer(self._source, self._cursor, self._source_end):
            left -= any(map(str.isalnum, written.group()))
            if not left:
                return written.end()
        return self._source_end


def _find(text: str, word: str) -> int:
    """Where ``word`` stands in ``text``, and not as a part of a longer one; -1 where it does not."""
    at = text.find(word)
    while at >= 0 and (_within_word(text, at) or _within_word(text, at + len(word))):
        at = text.find(word, at + 1)
    return at


def _within_word(text: str, at: int) -> bool:
    """Whether the characters before and at ``at`` belong to one word."""
    return all(each.isalnum() and each < _UNSPACED_FROM for each in text[at - 1 : at + 1]) and 0 < at < len(text)


def _lower(text: str) -> str:
    """Lower-case text of the same length."""
    return "".join(lower if len(lower := each.lower()) == 1 else each for each in text)


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
