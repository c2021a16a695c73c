"""The timeline: which words of a reply were heard by when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.conversation.segments import Segmenter
from voicesrv.conversation.timeline import Timeline, estimate_words
from voicesrv.events import SpokenWord

WORD_MS = 100


def evenly(text: str, start_ms: int = 0) -> list[SpokenWord]:
    """The words of a text, 100 ms each."""
    return [
        SpokenWord(word, start_ms + n * WORD_MS, start_ms + (n + 1) * WORD_MS) for n, word in enumerate(text.split())
    ]


def timeline_of(text: str, spoken: str | None = None) -> Timeline:
    """One segment, with the words of what is spoken."""
    spoken = text if spoken is None else spoken
    timeline = Timeline()
    timeline.begin(text, len(text), spoken, 0)
    words = evenly(spoken)
    timeline.add(words)
    timeline.end(words[-1].end_ms if words else 0)
    return timeline


def heard(timeline: Timeline, text: str, ms: float) -> str:
    return text[: timeline.heard(ms)]


WRITTEN = """
    one phone and a I i İstanbul straße été **bold** _it_ `x` 50 % well-known don't (so) “no” … 😀 1.5 你好
    [here](http://x.y/a) ## !?
"""
PIECES = st.sampled_from([*WRITTEN.split(), "\n", "- item"])
REPLIES = st.lists(PIECES, max_size=30).map(" ".join)


@given(REPLIES, st.booleans(), st.integers(0, 3), st.data())
def test_what_was_heard_grows_with_time_and_ends_at_words(
    text: str, tells_words: bool, stretch: int, data: st.DataObject
) -> None:
    """For replies as models write them, cut and made speakable as they are."""
    segmenter = Segmenter()
    segments = [*segmenter.feed(text), *segmenter.flush()]
    timeline = Timeline()
    at_ms = 0
    ends = []
    for segment in segments:
        timeline.begin(text, segment.end, segment.text, at_ms)
        words = evenly(segment.text, at_ms)
        if tells_words:
            timeline.add(words)
        # A voice's last word may be said to end before or after its audio does.
        at_ms += max(0, len(words) + stretch - 1) * WORD_MS
        estimated = timeline.end(at_ms)
        assert tells_words or "".join(word.text for word in estimated) == "".join(segment.text.split())
        ends.append((at_ms, segment.end))
    times = sorted(data.draw(st.lists(st.floats(0, at_ms + 1000), max_size=10)))
    offsets = [timeline.heard(ms) for ms in times]
    assert offsets == sorted(offsets)
    for offset in offsets:
        assert 0 <= offset <= len(text)
        before, following = text[:offset][-1:], text[offset : offset + 1]
        assert not (before.isalnum() and following.isalnum() and following.isascii()), (text[:offset], text[offset:])
    for end_ms, end in ends:
        assert timeline.heard(end_ms) >= end
    if segments:
        assert timeline.heard(at_ms) == segments[-1].end
    assert timeline.heard(-1) == 0


def test_a_word_counts_when_half_of_it_has_sounded() -> None:
    text = "One, two three."
    timeline = timeline_of(text)
    assert [heard(timeline, text, ms) for ms in (49, 50, 149, 150, 249, 250, 9999)] == [
        "",
        "One,",
        "One,",
        "One, two",
        "One, two",
        text,
        text,
    ]


@pytest.mark.parametrize(
    ("text", "spoken", "after_ms", "expected"),
    [
        ("It is **very** good", "It is very good", 250, "It is **very**"),
        ("about 50 % of it", "about 50 percent of it", 250, "about 50"),
        ("about 50 % of it", "about 50 percent of it", 350, "about 50 % of"),
        ("1 phone and more", "one phone and more", 50, ""),  # not the "one" in "phone"
        ("1 phone and more", "one phone and more", 150, "1 phone"),
        ("İn İstanbul today", "İn İstanbul today", 150, "İn İstanbul"),
        ("ISTANBUL İN TODAY", "istanbul i̇n today", 250, "ISTANBUL İN TODAY"),
        ("a well-known fact", "a well known fact", 150, "a well"),
        ("a well-known fact", "a well known fact", 250, "a well-known"),
        ("say “yes”, please", "say yes, please", 150, "say “yes”,"),
        ("the the the end", "the the the end", 150, "the the"),
        ("你好世界。再见", "你好 世界。 再见", 150, "你好世界。"),
        ("1 is better than no one at all", "one is better than no one at all", 50, ""),
        ("1 2 3 4 5 6 seven", "one two three four five six seven", 650, "1 2 3 4 5 6 seven"),
        ("see [here](http://x.y/z) now", "see here now", 150, "see [here]"),
        ("Well _really_ good", "Well really good", 150, "Well _really_"),
    ],
)
def test_words_are_found_where_they_were_written(text: str, spoken: str, after_ms: int, expected: str) -> None:
    assert heard(timeline_of(text, spoken), text, after_ms) == expected


def test_segments_follow_each_other() -> None:
    text = "Yes, yes. Yes, no."
    timeline = Timeline()
    timeline.begin("Yes, yes.", 9, "Yes, yes.", 0)
    timeline.add(evenly("Yes, yes."))
    timeline.end(200)
    timeline.begin(text, len(text), "Yes, no.", 200)
    timeline.add(evenly("Yes, no.", 200))
    assert heard(timeline, text, 260) == "Yes, yes. Yes,"  # before the segment's end is known
    timeline.end(400)
    assert heard(timeline, text, 400) == text


def test_all_of_a_segment_was_heard_at_its_end_whatever_its_words_said() -> None:
    timeline = Timeline()
    timeline.begin("one two", 7, "one two", 0)
    timeline.add([SpokenWord("one", 0, 500), SpokenWord("two", 500, 5000)])
    timeline.end(600)
    assert timeline.heard(600) == 7


def test_a_segment_without_words_is_heard_at_its_end() -> None:
    timeline = Timeline()
    timeline.begin("😀 hm", 4, "", 0)
    assert timeline.end(0) == ()
    assert timeline.heard(0) == 4


def test_estimated_words_fill_the_span_by_their_letters() -> None:
    words = estimate_words("I understand  it", 1000, 2600)
    assert [word.text for word in words] == ["I", "understand", "it"]
    assert (words[0].start_ms, words[-1].end_ms) == (1000, 2600)
    assert [word.end_ms for word in words[:-1]] == [word.start_ms for word in words[1:]]
    assert [word.end_ms - word.start_ms for word in words] == [200, 1100, 300]  # of 2, 11 and 3 letters and gaps


@given(st.text(max_size=40), st.integers(0, 10_000), st.integers(0, 10_000))
def test_estimates_of_any_text_are_in_order_and_in_bounds(text: str, start_ms: int, length_ms: int) -> None:
    words = estimate_words(text, start_ms, start_ms + length_ms)
    assert [word.text for word in words] == text.split() or len(words) >= len(text.split())
    times = [start_ms, *(time for word in words for time in (word.start_ms, word.end_ms))]
    assert times == sorted(times)
    assert not words or words[-1].end_ms == start_ms + length_ms
