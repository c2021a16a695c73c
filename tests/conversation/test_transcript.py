"""StableText: what was called stable never changes, whatever an engine says."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicesrv.conversation.transcript import StableText

TEXTS = st.text(st.sampled_from("ab Ä\u0301ß😀\n\u2028 "), max_size=12)


@given(st.lists(st.tuples(TEXTS, st.integers(-2, 15)), max_size=8))
@example([("hello ", 6), ("hello", 5)])
@example([("a b", 3), ("", 0)])
def test_the_stable_part_only_grows(hypotheses: list[tuple[str, int]]) -> None:
    """For arbitrary hypotheses, as from engines that take over from each other."""
    stable_text = StableText()
    promised = ""
    for text, stable in hypotheses:
        shown, length = stable_text.update(text, stable)
        assert 0 <= length <= len(shown)
        assert shown.startswith(promised)
        assert length >= len(promised)
        promised = shown[:length]
        assert stable_text.prefix == promised


@given(st.lists(TEXTS, max_size=8))
def test_an_engine_that_keeps_its_word_is_passed_on_as_it_is(texts: list[str]) -> None:
    stable_text = StableText()
    settled = ""
    for text in texts:
        assert stable_text.update(settled + text, len(settled)) == (settled + text, len(settled))
        settled += text[: len(text) // 2]


@pytest.mark.parametrize(
    ("before", "stable", "after", "shown"),
    [
        ("hello there", 5, "yellow there you", "hello there you"),
        ("hello there", 6, "yellow there you", "hello there you"),  # the space was promised too
        ("hello there", 11, "hello", "hello there"),
        ("hello there", 11, "", "hello there"),
        ("hello there my", 11, "oh hello there my friend", "hello there there my friend"),
        ("hello wor", 9, "hello world", "hello world"),
        ("你好", 2, "您好 吗", "你好 吗"),
    ],
)
def test_another_engine_supplies_the_words_that_come_after(before: str, stable: int, after: str, shown: str) -> None:
    stable_text = StableText()
    stable_text.update(before, stable)
    text, length = stable_text.update(after, len(after))
    assert text == shown
    assert length <= len(text)
