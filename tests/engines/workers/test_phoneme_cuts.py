# ruff: noqa: RUF001 - letters of the IPA look like others

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voicesrv.engines.workers.phoneme_cuts import FIRST, LONGEST, SHORTEST, pieces


def cut(sentence: str, n_before: int = 0) -> list[str]:
    return [sentence[start:end] for start, end in pieces(list(sentence), n_before)]


@given(st.text(alphabet="ab ,;.", max_size=600), st.integers(0, 5))
def test_pieces_are_the_sentence(sentence: str, n_before: int) -> None:
    parts = cut(sentence, n_before)
    assert "".join(parts) == sentence
    assert all(0 < len(part) <= LONGEST + SHORTEST for part in parts)


def test_a_short_sentence_is_one_piece() -> None:
    assert cut("wˈʌn, tˈuː, θɹˈiː, fˈoːɹ.") == ["wˈʌn, tˈuː, θɹˈiː, fˈoːɹ."]
    assert cut("") == []


def test_the_first_piece_is_a_clause_and_the_next_ones_grow() -> None:
    clause = "abcdefgh abcdefgh, "
    parts = cut(clause * 20)
    assert parts[0] == clause * 2
    assert all(part.endswith(", ") for part in parts)
    assert all(len(part) <= LONGEST for part in parts)
    assert all(len(a) <= len(b) for a, b in pairwise(parts[:-1]))
    assert len(cut(clause * 20, n_before=5)[0]) > 2 * FIRST


def test_a_tiny_clause_is_no_piece() -> None:
    assert cut("wˈɛl, " + "a" * 60 + ".") == ["wˈɛl, " + "a" * 60 + "."]


def test_a_clause_is_cut_at_a_gap_only_where_it_is_far_too_long() -> None:
    assert len(cut("abcd " * 30)) == 1
    parts = cut("abcd " * 60)
    assert len(parts) == 2
    assert all(part.endswith(" ") for part in parts)


def test_what_has_no_gaps_is_cut_anywhere() -> None:
    assert [len(part) for part in cut("a" * 400)] == [LONGEST, LONGEST, 400 - 2 * LONGEST]
