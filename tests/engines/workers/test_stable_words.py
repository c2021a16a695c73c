from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from voicesrv.engines.workers.stable_words import MIN_AGE_MS, SAME_FOR, HeardWord, StableWords


def hypothesis(*words: str) -> list[HeardWord]:
    """Each word 300 ms long, one after the other."""
    return [HeardWord(word, 300 * i, 300 * (i + 1)) for i, word in enumerate(words)]


def texts(words: list[HeardWord]) -> list[str]:
    return [word.text for word in words]


OLD = 600 + MIN_AGE_MS


def test_a_word_is_kept_when_it_has_stood_and_is_old() -> None:
    stable = StableWords()
    for _ in range(SAME_FOR - 1):
        assert texts(stable.update(hypothesis("a", "b", "c"), OLD)) == ["a", "b", "c"]
        assert stable.kept == []
    stable.update(hypothesis("a", "b", "c"), OLD)
    assert texts(stable.kept) == ["a", "b"]  # c ends too late


def test_a_word_that_changes_begins_anew() -> None:
    stable = StableWords()
    for _ in range(SAME_FOR - 1):
        stable.update(hypothesis("a", "b"), OLD)
    stable.update(hypothesis("a", "x"), OLD)
    assert texts(stable.kept) == ["a"]
    for _ in range(SAME_FOR - 1):
        assert texts(stable.kept) == ["a"]
        stable.update(hypothesis("a", "x"), OLD)
    assert texts(stable.kept) == ["a", "x"]


def test_a_word_that_moves_is_another() -> None:
    stable = StableWords()
    for start in (0, 300, 600, 900):
        stable.update([HeardWord("a", start, start + 100)], 10_000)
    assert stable.kept == []


def test_kept_words_outlive_what_the_recogniser_makes_of_them() -> None:
    stable = StableWords()
    for _ in range(SAME_FOR):
        stable.update(hypothesis("a", "b"), OLD)
    assert texts(stable.update(hypothesis("x", "y", "c"), OLD + 300)) == ["a", "b", "c"]
    assert texts(stable.settle(hypothesis("x", "y", "c", "d"))) == ["a", "b", "c", "d"]
    assert texts(stable.kept) == ["a", "b", "c", "d"]


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=20))
def test_what_is_kept_never_changes(hypotheses: list[list[str]]) -> None:
    stable = StableWords()
    kept: list[HeardWord] = []
    for i, words in enumerate(hypotheses):
        shown = stable.update(hypothesis(*words), 1000 + 300 * i)
        assert stable.kept[: len(kept)] == kept
        assert shown[: len(stable.kept)] == stable.kept
        kept = list(stable.kept)
    assert stable.settle(hypothesis("c", "c"))[: len(kept)] == kept
