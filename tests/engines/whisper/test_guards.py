"""What is taken out of a hypothesis, and what must stay."""

from __future__ import annotations

import pytest

from voicesrv.engines.whisper import guards
from voicesrv.engines.whisper.agreement import TimedWord


def words(text: str) -> list[TimedWord]:
    return [TimedWord(f" {word}", i * 100, i * 100 + 90) for i, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("no_speech", "logprob", "silent"), [(0.9, -1.5, True), (0.9, -0.3, False), (0.2, -1.5, False), (0.6, -1.5, False)]
)
def test_silence_is_where_the_model_is_unsure_and_thinks_that_nobody_spoke(
    no_speech: float, logprob: float, silent: bool
) -> None:
    assert guards.is_silence(no_speech, logprob) is silent


@pytest.mark.parametrize(
    ("text", "no_speech", "dropped"),
    [
        (" Thanks for watching!", 0.3, True),
        (" Sous-titres réalisés par la communauté d'Amara.org", 0.3, True),
        (" Thanks for watching!", 0.01, False),
        (" Thanks for watching the dog.", 0.3, False),
        ("", 0.9, False),
    ],
)
def test_captions_that_nobody_says(text: str, no_speech: float, dropped: bool) -> None:
    assert guards.is_phrase(text, no_speech) is dropped


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("go " * 20, "go go go"),
        ("turn it " + "on the light " * 9, "turn it " + "on the light " * 3),
        ("no no no", "no no no"),
        ("one two three four five six seven eight", "one two three four five six seven eight"),
        ("", ""),
    ],
)
def test_a_loop_ends_after_three_rounds(text: str, left: str) -> None:
    assert "".join(word.text for word in guards.without_loop(words(text))).split() == left.split()


def test_repetition_is_told_from_language() -> None:
    assert guards.repeats(" go forward" * 12)
    assert not guards.repeats(" Turn on the light in the kitchen, and close the door of the living room, please.")
    assert not guards.repeats("")
