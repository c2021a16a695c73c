# ruff: noqa: RUF001 - letters of the IPA look like others
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.engines.phonemes import mouth_shapes
from voicesrv.events import VISEMES


@pytest.mark.parametrize(
    ("phoneme", "shapes"),
    [
        ("p", ["PP"]),
        ("v", ["FF"]),
        ("ð", ["TH"]),
        ("d", ["DD"]),
        ("ɡ", ["kk"]),
        ("ʃ", ["CH"]),
        ("z", ["SS"]),
        ("n", ["nn"]),
        ("ɹ", ["RR"]),
        ("ɑː", ["aa"]),
        ("ˈɛ", ["E"]),
        ("ɪ", ["ih"]),
        ("ɔ", ["oh"]),
        ("uː", ["ou"]),
        ("tʃ", ["CH"]),  # an affricate is one shape
        ("ts", ["SS"]),
        ("ˈoʊ", ["oh", "ou"]),  # a diphthong two
        ("aɪ", ["aa", "ih"]),
        ("ɔ̃", ["oh"]),  # nasal
        ("n̩", ["nn"]),  # syllabic
        ("tʲ", ["DD"]),  # palatalised
        ("ç", ["kk"]),
        ("", ["sil"]),
        ("_:", ["sil"]),
        ("ˈ", ["sil"]),
    ],
)
def test_shapes(phoneme: str, shapes: list[str]) -> None:
    assert list(mouth_shapes(phoneme)) == shapes


@given(st.text(max_size=8))
def test_anything_has_a_shape(phoneme: str) -> None:
    shapes = mouth_shapes(phoneme)
    assert shapes
    assert set(shapes) <= set(VISEMES)
