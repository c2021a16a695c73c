"""Which word of a text each phoneme of its speech belongs to. Pure.

Piper tells the phonemes of a sentence, not of its words, and the two do not correspond by their gaps: espeak-ng reads
"of the" as one run of phonemes and "1984" as three. So each word is also read on its own, and what the words would
sound like alone is laid beside what is spoken, as alike as can be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

NOBODY = -1
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]{1,64}")
"""A run without spaces; a sign of its own where Chinese or Japanese is written without any."""
_AHEAD = 1.5
_AHEAD_MORE = 24
"""Letters of the text that are looked at, for so many that were spoken: what is read alone may be longer."""
_WITHIN_WORD = 1
"""What it costs to stop within a word: as much as one letter that does not fit."""


class SpokenWords:
    """Follows the speech of one text, a piece after the other.

    Args:
        text: the whole text.
        alone: how a word is spoken on its own, as phonemes; empty where it is not.
    """

    def __init__(self, text: str, alone: Callable[[str], Sequence[str]]) -> None:
        self._words = list(_WORD.finditer(text))
        self._alone = alone
        self._read = 0  # words that are in what is expected
        self._letters: list[str] = []  # expected, from the first that is not spoken yet
        self._owners: list[int] = []  # which word each is of

    def word(self, index: int) -> str:
        """A word's text, without the signs around it; a word like "€)" is its symbol."""
        text = self._words[index].group()
        letters = [i for i, character in enumerate(text) if character.isalnum()]
        spoken = letters or [i for i, character in enumerate(text) if unicodedata.category(character)[0] == "S"]
        return text[spoken[0] : spoken[-1] + 1] if spoken else text

    def owners(self, symbols: Sequence[str]) -> list[int]:
        """Give the index of the word of each symbol of the next piece, ``NOBODY`` for gaps and signs between words."""
        places = [i for i, symbol in enumerate(symbols) if _is_letter(symbol)]
        if not places:
            return [NOBODY] * len(symbols)
        self._look_ahead(int(len(places) * _AHEAD) + _AHEAD_MORE)
        owners = [NOBODY] * len(symbols)
        if not self._letters:
            return owners
        matched = _matched([symbols[i] for i in places], self._letters, self._owners)
        for place, at in zip(places, matched, strict=True):
            owners[place] = self._owners[at]
        _give_marks(symbols, owners)
        spoken = matched[-1] + 1
        del self._letters[:spoken], self._owners[:spoken]
        return owners

    def _look_ahead(self, n_letters: int) -> None:
        while len(self._letters) < n_letters and self._read < len(self._words):
            letters = [symbol for symbol in self._alone(self._words[self._read].group()) if _is_letter(symbol)]
            self._letters += letters
            self._owners += [self._read] * len(letters)
            self._read += 1


def _matched(spoken: Sequence[str], expected: Sequence[str], owners: Sequence[int]) -> list[int]:
    """For each letter that is spoken, the place of the expected one beside it, in order; some may be left over.

    The fewest insertions, deletions and substitutions (Wagner and Fischer, 1974), a row at a time.
    """
    codes = {letter: i for i, letter in enumerate({*spoken, *expected})}
    wanted = np.array([codes[letter] for letter in expected])
    columns = np.arange(len(expected) + 1)
    costs: NDArray[np.int64] = np.empty((len(spoken) + 1, len(expected) + 1), np.int64)
    costs[0] = columns
    for i, letter in enumerate(spoken):
        row = costs[i] + 1
        np.minimum(row[1:], costs[i, :-1] + (wanted != codes[letter]), out=row[1:])
        costs[i + 1] = np.minimum.accumulate(row - columns) + columns
    ends = costs[-1].copy()
    for j in range(1, len(expected)):
        ends[j] += _WITHIN_WORD * (owners[j] == owners[j - 1])
    at = int(ends[1:].argmin()) + 1
    matched: list[int] = []
    i = len(spoken)
    while i:
        if at and costs[i, at] == costs[i - 1, at - 1] + (wanted[at - 1] != codes[spoken[i - 1]]):
            i, at = i - 1, at - 1
            matched.append(at)
        elif costs[i, at] == costs[i - 1, at] + 1:
            i -= 1
            matched.append(max(at - 1, 0))
        else:
            at -= 1
    return matched[::-1]


def _give_marks(symbols: Sequence[str], owners: list[int]) -> None:
    """A mark of stress is part of what it stands before, one of length or the like of what it stands behind."""
    for i in reversed(range(len(symbols) - 1)):
        if symbols[i] in _STRESS:
            owners[i] = owners[i + 1]
    for i in range(1, len(symbols)):
        if owners[i] == NOBODY and unicodedata.category(symbols[i][0]) in ("Lm", "Mn", "Sk"):
            owners[i] = owners[i - 1]


_STRESS = "ˈˌ"


def _is_letter(symbol: str) -> bool:
    return unicodedata.category(symbol[0]) in ("Ll", "Lo", "Lu", "Nd")
