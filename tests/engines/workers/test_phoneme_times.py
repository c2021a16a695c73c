# ruff: noqa: RUF001 - letters of the IPA look like others

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.engines.workers.phoneme_times import BEGIN, END, sample_ends, shapes, usual_lengths, words
from voicesrv.engines.workers.spoken_words import NOBODY
from voicesrv.events import VISEMES


def shapes_of(symbols: str, lengths: list[int]) -> list[tuple[str, int, int]]:
    return shapes(list(symbols), sample_ends(lengths, sum(lengths)), 1000)


def test_ends_share_the_samples_by_length() -> None:
    assert sample_ends([1, 0, 3], 400) == [100, 100, 400]
    assert sample_ends([0, 0], 400) == [400, 400]
    assert sample_ends([], 400) == []


def test_words_are_from_their_first_symbol_to_their_last() -> None:
    owners = [0, 0, NOBODY, 1, 2, NOBODY]
    assert words([10, 20, 30, 40, 50, 60], owners, 5) == [(0, 5, 20), (1, 30, 40), (2, 40, 50)]


def test_shapes() -> None:
    assert shapes_of(f"{BEGIN}hˈaʊs,{END}", [40, 60, 0, 50, 50, 80, 90, 30]) == [
        ("sil", 0, 40),
        ("kk", 40, 100),
        ("aa", 100, 150),
        ("ou", 150, 200),
        ("SS", 200, 280),
        ("sil", 280, 400),
    ]


def test_an_affricate_is_one_shape_and_a_mark_lengthens() -> None:
    assert shapes_of("tʃiː", [50, 60, 70, 30]) == [("CH", 0, 110), ("ih", 110, 210)]


@pytest.mark.parametrize(("gap", "closed"), [(20, False), (100, True)])
def test_a_long_gap_closes_the_mouth(gap: int, closed: bool) -> None:
    assert ("sil" in [shape for shape, _, _ in shapes_of("a i", [50, gap, 50])]) == closed


@given(st.lists(st.tuples(st.sampled_from("^$ ,.ˈːaɪʊtʃdʒsnmpbɾ̩"), st.integers(0, 300)), min_size=1, max_size=40))
def test_shapes_have_no_gap_between_them(sounds: list[tuple[str, int]]) -> None:
    total = sum(length for _, length in sounds)
    timed = shapes_of("".join(symbol for symbol, _ in sounds), [length for _, length in sounds])
    assert {name for name, _, _ in timed} <= set(VISEMES)
    assert all(a[2] == b[1] and a[0] != b[0] for a, b in pairwise(timed))
    assert not total or (timed[0][1], timed[-1][2]) == (0, total)


def test_the_usual_lengths() -> None:
    vowel, long, consonant, stress, pause, clause = usual_lengths("aːtˈ,;")
    assert vowel > consonant > 0
    assert long > 0
    assert stress == 0
    assert clause > pause > vowel
    assert usual_lengths(["aɪ"]) == [2 * vowel]
