"""Which phonemes of a piece of speech sound when -> words and mouth shapes with their times. Pure."""

# ruff: noqa: RUF001 - letters of the IPA look like others

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate

from voicesrv.engines.phonemes import mouth_shapes
from voicesrv.engines.workers.spoken_words import NOBODY

Timed = tuple[str, int, int]
"""A word or mouth shape, its first sample and the one after its last."""

BEGIN, END = "^", "$"
_VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻ")
_USUAL_MS = {BEGIN: 40, END: 108, " ": 1, "ˈ": 0, "ˌ": 0, "ː": 68, ",": 189, ";": 274, ":": 276}
_VOWEL_MS, _CONSONANT_MS, _SIGN_MS = 84, 70, 50
"""How long symbols last where the voice does not tell: the means over 60,000 of them in espeak-ng's English (1,611
sentences, ``scripts/micro_voice/speech.py``). A diphthong is two symbols."""
_GAP_S = 0.06
"""A gap between words that lasts longer shows: the mouth closes. A shorter one is part of the sound before it."""


def usual_lengths(symbols: Sequence[str]) -> list[float]:
    """How long each symbol lasts by the usual measure, in ms; the speech at hand sets the pace."""
    return [_usual_ms(symbol) for symbol in symbols]


def sample_ends(lengths: Sequence[float], n_samples: int) -> list[int]:
    """Where each symbol ends, where together they take ``n_samples`` and each a share by its length."""
    total = sum(lengths)
    if not total:
        return [n_samples] * len(lengths)
    return [round(end * n_samples / total) for end in accumulate(lengths)]


def words(ends: Sequence[int], owners: Sequence[int], start: int) -> list[tuple[int, int, int]]:
    """The words that are spoken, in order: each with its first sample and the one after its last.

    Args:
        ends: where each symbol ends.
        owners: the word of each symbol, or ``NOBODY``.
        start: where the first symbol begins.
    """
    spoken: list[tuple[int, int, int]] = []
    for end, owner in zip(ends, owners, strict=True):
        if owner != NOBODY:
            if spoken and spoken[-1][0] == owner:
                spoken[-1] = (owner, spoken[-1][1], end)
            else:
                spoken.append((owner, start, end))
        start = end
    return spoken


def shapes(symbols: Sequence[str], ends: Sequence[int], sample_rate: int) -> list[Timed]:
    """The mouth shapes without a gap between them, from the first sample to the last."""
    timed: list[Timed] = []
    for start, end, names in _sounds(symbols, ends, sample_rate):
        for i, name in enumerate(names):
            first, last = (start + (end - start) * part // len(names) for part in (i, i + 1))
            if timed and timed[-1][0] == name:
                timed[-1] = (name, timed[-1][1], last)
            elif last > first:
                timed.append((name, first, last))
    return timed


def _sounds(
    symbols: Sequence[str], ends: Sequence[int], sample_rate: int
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Phonemes with their mouth shapes: symbols that make one sound together are put together."""
    phoneme, start, end = "", 0, 0
    for symbol, symbol_end in zip(symbols, ends, strict=True):
        long_gap = symbol == " " and symbol_end - end > _GAP_S * sample_rate
        if not phoneme or not _continues(phoneme, symbol) or long_gap:
            if phoneme:
                yield start, end, mouth_shapes(phoneme)
            phoneme, start = symbol, end
        else:
            phoneme += symbol
        end = symbol_end
    if phoneme:
        yield start, end, mouth_shapes(phoneme)


def _continues(phoneme: str, symbol: str) -> bool:
    """Whether the mouth goes on with the same phoneme: a mark, a gap, or the second letter of an affricate."""
    if symbol == " " or _is_mark(symbol):
        return True
    silent = ("sil",)
    return silent not in (mouth_shapes(phoneme), mouth_shapes(symbol)) and len(mouth_shapes(phoneme + symbol)) == 1


def _usual_ms(symbol: str) -> float:
    if symbol in _USUAL_MS:
        return _USUAL_MS[symbol]
    if _is_mark(symbol):
        return 0
    if symbol[0] in _VOWELS:
        return _VOWEL_MS * len(symbol)
    return _CONSONANT_MS if symbol.isalpha() else _SIGN_MS


def _is_mark(symbol: str) -> bool:
    """Of stress, length, tone and the like: what belongs to a letter."""
    return unicodedata.category(symbol[0]) in ("Lm", "Mn", "Sk")
