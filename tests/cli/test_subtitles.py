"""Subtitles: how words become cues, and how cues are written."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voicesrv.cli.subtitles import Cue, cues, srt, vtt
from voicesrv.events import Word


def spaced(*texts: str, every_ms: int = 500) -> list[Word]:
    return [Word(text, i * every_ms, (i + 1) * every_ms) for i, text in enumerate(texts)]


def test_a_short_turn_is_one_cue_from_its_first_word_to_its_last() -> None:
    assert list(cues("go forward", spaced("go", "forward"), 100, 9000)) == [Cue(0, 1000, "go forward")]


def test_without_word_times_the_turn_is_one_cue() -> None:
    assert list(cues("go forward", (), 100, 9000)) == [Cue(100, 9000, "go forward")]


def test_a_turn_in_which_nothing_was_understood_has_no_cue() -> None:
    assert list(cues("", (), 100, 9000)) == []


def test_long_lines_are_cut_between_words() -> None:
    words = spaced(*["eleven char"] * 8, every_ms=10)
    assert [len(cue.text) for cue in cues("", words, 0, 0)] == [7 * 12 - 1, 11]


def test_a_cue_does_not_stay_for_ever() -> None:
    words = spaced(*["word"] * 10, every_ms=1000)
    assert [(cue.start_ms, cue.end_ms) for cue in cues("", words, 0, 0)] == [(0, 7000), (7000, 10000)]


@given(st.lists(st.text("abc", min_size=1, max_size=100), min_size=1, max_size=50), st.integers(1, 9000))
def test_no_word_is_lost_and_time_runs_forwards(texts: list[str], every_ms: int) -> None:
    made = list(cues("", spaced(*texts, every_ms=every_ms), 0, 0))
    assert " ".join(cue.text for cue in made) == " ".join(texts)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(made))


def test_subrip() -> None:
    written = "".join(srt([Cue(0, 1500, "one & two"), Cue(3_723_004, 3_724_000, "three")]))
    assert written == ("1\n00:00:00,000 --> 00:00:01,500\none & two\n\n2\n01:02:03,004 --> 01:02:04,000\nthree\n\n")


def test_webvtt_escapes_what_is_markup_there() -> None:
    written = "".join(vtt([Cue(0, 1500, "a < b && b --> c")]))
    assert written == ("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na &lt; b &amp;&amp; b --&gt; c\n\n")
