"""espeak-ng's events -> words and mouth shapes with their times. Pure.

The events tell when words and phonemes begin; when they end is known from what comes next. So the
speech is complete up to the word or phoneme that is still open.
"""

from __future__ import annotations

import re
from typing import Any

from voicesrv.engines.phonemes import mouth_shapes

_RUN = re.compile(r"\S*")


class Timeline:
    """Follows the speech of one text, which may be spoken in several parts.

    Positions are given as espeak-ng counts them: characters and samples from the start of the part.

    Args:
        text: the whole text.
        sample_rate: of the speech, in Hz.
    """

    def __init__(self, text: str, sample_rate: int) -> None:
        self._text = text
        self._rate = sample_rate
        self._samples = 0
        self._part_text = 0
        self._part_sample = 0
        self._word: tuple[int, int, int] | None = None  # open: first and last place in the text, first sample
        self._phoneme: tuple[str, int] | None = None  # open: name, first sample
        self._words: list[tuple[str, int, int]] = []  # complete, not taken: text, first sample, last
        self._shapes: list[tuple[str, int, int]] = []
        self._said = 0  # place in the text after the last word that is complete

    @property
    def complete(self) -> int:
        """Samples from the start of the speech up to which every word and mouth shape is known whole."""
        opened = [begun[-1] for begun in (self._word, self._phoneme) if begun]
        return min((self._samples, *opened))

    def part(self, start: int) -> None:
        """What follows is speech of the text from ``start`` on."""
        self.finish()
        self._part_text = start
        self._part_sample = self._samples

    def word(self, position: int, length: int, sample: int) -> None:
        """A word begins at ``position`` of the part.

        A number can be several words to the voice and one in the text: what begins within the word
        before is part of it.
        """
        start = self._part_text + position
        sample += self._part_sample
        earliest = self._word[1] if self._word else self._said
        if not earliest <= start < len(self._text):
            return
        self._close_word(sample, start)
        self._word = (start, start + max(length, 1), sample)

    def phoneme(self, name: str, sample: int) -> None:
        """A phoneme begins; an empty name is a pause, and ends a word."""
        sample += self._part_sample
        self._close_phoneme(sample)
        self._phoneme = (name, sample)
        if not name and self._word and sample > self._word[2]:
            self._close_word(sample, len(self._text))

    def audio(self, n_samples: int) -> None:
        """So many more samples have been made."""
        self._samples += n_samples

    def finish(self) -> int:
        """All that is open ends here; return how many samples there are."""
        self._close_phoneme(self._samples)
        self._close_word(self._samples, len(self._text))
        return self._samples

    def take(self, until: int) -> dict[str, Any]:
        """Hand out, once, the words and shapes that begin before sample ``until``; empty where there are none.

        Returns:
            ``words`` and ``visemes``, each a list of [text or shape, start, end] in ms of the speech.
        """
        taken: dict[str, Any] = {}
        for name, timed in (("words", self._words), ("visemes", self._shapes)):
            n = sum(start < until for _, start, _ in timed)
            if n:
                taken[name] = [[text, self._ms(start), self._ms(end)] for text, start, end in timed[:n]]
                del timed[:n]
        return taken

    def _close_word(self, sample: int, next_start: int) -> None:
        if self._word is None:
            return
        start, end, begun = self._word
        self._word = None
        run = _RUN.match(self._text, end)
        end = min(run.end() if run else end, max(next_start, end))
        self._said = end
        self._words.append((_bare(self._text[start:end]), begun, max(sample, begun)))

    def _close_phoneme(self, sample: int) -> None:
        if self._phoneme is None:
            return
        name, begun = self._phoneme
        self._phoneme = None
        shapes = mouth_shapes(name)
        length = max(sample - begun, 0)
        for i, shape in enumerate(shapes):
            start, end = begun + length * i // len(shapes), begun + length * (i + 1) // len(shapes)
            if self._shapes and self._shapes[-1][0] == shape:
                self._shapes[-1] = (shape, self._shapes[-1][1], end)
            elif end > start:
                self._shapes.append((shape, start, end))

    def _ms(self, sample: int) -> int:
        return round(sample * 1000 / self._rate)


def _bare(word: str) -> str:
    """Without the punctuation around it, unless it is nothing else."""
    letters = [i for i, character in enumerate(word) if character.isalnum()]
    return word[letters[0] : letters[-1] + 1] if letters else word.strip()
