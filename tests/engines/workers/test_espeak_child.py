from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.engines.workers.espeak_child import ends_a_clause, parts_of


@given(st.text(alphabet="ab .!?", max_size=200), st.integers(1, 40))
def test_parts_are_the_text(text: str, longest: int) -> None:
    parts = list(parts_of(text, longest))
    assert "".join(part for _, part in parts) == text
    assert all(len(part) <= longest for _, part in parts)
    assert [start for start, _ in parts] == [sum(len(part) for _, part in parts[:i]) for i in range(len(parts))]


def test_parts_end_with_sentences_else_with_words() -> None:
    assert [part for _, part in parts_of("One two. Three four five.", 12)] == ["One two. ", "Three four ", "five."]
    assert [part for _, part in parts_of("abcdef", 4)] == ["abcd", "ef"]


@pytest.mark.parametrize(
    ("text", "ends"), [("Yes.", True), ("(Yes!) ", True), ("well,", True), ("on", False), ('"Yes"', False), ("", False)]
)
def test_where_a_pause_belongs(text: str, ends: bool) -> None:
    assert ends_a_clause(text) == ends
