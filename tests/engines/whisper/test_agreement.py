"""Words are kept when two hypotheses agree, and never change after."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicesrv.engines.whisper.agreement import EDGE_MS, SURE, Agreement, TimedWord


def said(text: str, from_ms: int = 0, each_ms: int = 300, sureness: float = 0.5) -> list[TimedWord]:
    """Words of equal length, one after another."""
    return [
        TimedWord(f" {word}", from_ms + i * each_ms, from_ms + (i + 1) * each_ms, sureness)
        for i, word in enumerate(text.split())
    ]


def texts(words: list[TimedWord]) -> str:
    return "".join(word.text for word in words).strip()


def test_what_two_hypotheses_agree_on_is_kept_but_for_its_last_word() -> None:
    agreement = Agreement()
    assert texts(agreement.update(said("Turn on the."), 0, 2000)) == "Turn on the."
    assert agreement.kept == []
    assert texts(agreement.update(said("Turn on the light."), 0, 2000)) == "Turn on the light."
    assert texts(agreement.kept) == "Turn on"  # "the." was the end of a sentence, a moment ago
    agreement.update(said("Turn on the light in"), 0, 2000)
    assert texts(agreement.kept) == "Turn on the"


def test_what_the_model_is_sure_of_needs_no_second_look() -> None:
    agreement = Agreement()
    agreement.update([*said("Turn on", sureness=SURE), *said("the light", 600, sureness=SURE - 0.01)], 0, 2000)
    assert texts(agreement.kept) == "Turn"  # "on" is followed by a word that may be another
    agreement.update(said("Turn on the light", sureness=SURE), 0, 2000)
    assert texts(agreement.kept) == "Turn on the"


def test_a_word_at_the_edge_of_the_audio_may_be_half_said() -> None:
    agreement = Agreement()
    for _ in range(3):
        agreement.update(said("one two three"), 0, 600 + EDGE_MS - 1)
    assert texts(agreement.kept) == "one"
    agreement.update(said("one two three"), 0, 600 + EDGE_MS)
    assert texts(agreement.kept) == "one two"


def test_kept_words_stand_whatever_comes_later() -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.update(said("go four word ten"), 0, 2000)
    assert texts(agreement.update(said("Go forward ten meters"), 0, 2000)) == "go four word meters"
    assert texts(agreement.preview(said("go four word ten meters"), 0)) == "go four word ten meters"
    assert texts(agreement.settle(said("go four word ten meters"), 0)) == "go four word ten meters"
    assert texts(agreement.kept) == "go four word ten meters"


def test_a_window_that_was_cut_goes_on_after_the_kept_words() -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.update(said("one two three four"), 0, 3000)
    assert agreement.kept_until_ms == 900
    assert texts(agreement.update(said("four five", from_ms=900), 900, 3000)) == "one two three four five"


def test_the_same_word_twice_is_two_words() -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.update(said("no no no no"), 0, 3000)
    assert texts(agreement.kept) == "no no no"
    assert texts(agreement.preview(said("no no no no no"), 0)) == "no no no no no"


@given(st.lists(st.tuples(st.lists(st.sampled_from("ab"), max_size=6), st.integers(0, 3)), max_size=12))
def test_kept_text_only_grows(hypotheses: list[tuple[list[str], int]]) -> None:
    agreement, kept, from_ms = Agreement(), "", 0
    for words, cut in hypotheses:
        shown = agreement.update(said(" ".join(words), from_ms), from_ms, from_ms + 4000)
        now = texts(agreement.kept)
        assert now.startswith(kept) and texts(shown).startswith(now)
        kept = now
        if cut == 0:
            from_ms = max(from_ms, agreement.kept_until_ms)
    assert texts(agreement.settle(said("b"), from_ms)).startswith(kept)
