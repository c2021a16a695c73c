"""Where a sentence, as phonemes, is cut into pieces that are synthesised in one go. Pure.

A voice of piper's is a network that speaks a whole piece at once: the shorter the piece, the sooner it is heard, and
the less it sounds like one sentence. So the first piece is a clause, the next ones grow, and cuts are made behind a
sign (comma, colon, semicolon) as long as clauses are not far too long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

SHORTEST = 16
"""Symbols that a piece has at least, where the sentence has: 0.9 s of English, which has 18 symbols a second."""
FIRST = 40
LONGEST = 160
"""9 s of speech: what a cancel may have to wait for where the network cannot be stopped, and what is in memory."""
_GROWTH = 2
"""Each piece may be so many times as long as the one before: a voice at 0.4 of real time has it ready in time."""
_MARKS = frozenset(",;:.?!、，；：。？！")  # noqa: RUF001 - as a text in Chinese has them; a text that is its own phonemes has sentences in it
_GAP = " "


def pieces(symbols: Sequence[str], n_before: int) -> Iterator[tuple[int, int]]:
    """Cut one sentence.

    Args:
        symbols: its phonemes, as piper gives them.
        n_before: pieces of the same text that came before it.

    Yields:
        Where each piece begins and ends; joined they are the sentence.
    """
    start = end = 0
    for clause_end in _clause_ends(symbols):
        wanted = min(FIRST * _GROWTH ** min(n_before, 8), LONGEST)
        if end - start >= SHORTEST and clause_end - start > wanted:
            yield start, end
            n_before += 1
            start = end
        end = clause_end
    if end > start:
        yield start, end


def _clause_ends(symbols: Sequence[str]) -> Iterator[int]:
    """Where a cut may be made: behind each clause, and within one that is too long at its last gaps."""
    start = 0
    gap = 0  # the last place to cut within the clause
    for i, symbol in enumerate(symbols):
        if symbol == _GAP:
            gap = i + 1
        clause_ends = symbol == _GAP and i > 0 and symbols[i - 1] in _MARKS
        if clause_ends or i + 1 == len(symbols):
            yield i + 1
            start = gap = i + 1
        elif i + 1 - start >= LONGEST:
            start = gap if gap > start else i + 1
            yield start
