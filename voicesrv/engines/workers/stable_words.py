"""Hypotheses that still change -> words that will not. Pure.

A word is kept for good when it has stood in several hypotheses in a row and lies some way back. What
comes later is put behind the kept words by its time, whatever the recogniser has made of them since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SAME_FOR = 4
"""Hypotheses in a row that must agree on a word."""
MIN_AGE_MS = 1600
"""How far back a word must end. Measured on 61 English clips, 300 ms between hypotheses: a final transcript that must
begin with the kept words has a word error rate of 37.1 %, against 35.3 % where nothing is kept, and words are kept
1.9 s after they were said. 3 hypotheses and 0.9 s: 37.5 %, 1.2 s. 6 and 3 s: 36.9 %, 3.3 s."""
_SAME_WITHIN_MS = 200


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word of a hypothesis; times in ms of the turn."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float = 1.0


class StableWords:
    """The kept words of one turn, and the hypotheses they are judged by."""

    def __init__(self) -> None:
        self.kept: list[HeardWord] = []
        self._before: list[tuple[HeardWord, int]] = []  # words that are not kept yet, and how often each has stood

    def update(self, words: Sequence[HeardWord], now_ms: int) -> list[HeardWord]:
        """Take the next hypothesis; return all words of the turn, the kept ones first.

        Args:
            words: the whole hypothesis, in order.
            now_ms: how much of the turn it covers.
        """
        rest = self._rest(words)
        stood = [1] * len(rest)
        for i, (word, (before, times)) in enumerate(zip(rest, self._before, strict=False)):
            if word.text != before.text or abs(word.start_ms - before.start_ms) > _SAME_WITHIN_MS:
                break
            stood[i] = times + 1
        n_kept = 0
        for word, times in zip(rest, stood, strict=True):
            if times < SAME_FOR or word.end_ms > now_ms - MIN_AGE_MS:
                break
            n_kept += 1
        self.kept += rest[:n_kept]
        self._before = list(zip(rest[n_kept:], stood[n_kept:], strict=True))
        return self.kept + rest[n_kept:]

    def settle(self, words: Sequence[HeardWord]) -> list[HeardWord]:
        """Take a hypothesis that will not change; return all words of the turn, which are now kept."""
        self.kept += self._rest(words)
        self._before = []
        return list(self.kept)

    def _rest(self, words: Sequence[HeardWord]) -> list[HeardWord]:
        """The words that lie, by their middle, after the kept ones."""
        kept_until = self.kept[-1].end_ms if self.kept else -1
        return [word for word in words if word.start_ms + word.end_ms > 2 * kept_until]
