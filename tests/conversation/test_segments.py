# ruff: noqa: RUF001  (stops of all scripts are what this is about)

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.conversation.segments import Segment, Segmenter, SegmenterOptions
from voicesrv.conversation.spoken import speakable


def segments(text: str, *, size: int = 0, options: SegmenterOptions | None = None) -> list[Segment]:
    """Segment ``text``, fed in deltas of ``size`` characters (0: whole)."""
    segmenter = Segmenter(options or SegmenterOptions())
    found = []
    for at in range(0, len(text), size or max(1, len(text))):
        found += segmenter.feed(text[at : at + (size or len(text))])
    found += segmenter.flush()
    return found


def spoken(text: str, **kwargs: object) -> list[str]:
    return [segment.text for segment in segments(text, **kwargs)]  # type: ignore[arg-type]


FIRST = [
    # A whole clause is enough.
    ("I think so, and then we go on.", "I think so,"),
    ("Of course, I can do that.", "Of course,"),
    ("Here is the thing: it works.", "Here is the thing:"),
    ("I would say so — but it depends.", "I would say so,"),
    ("Let me see; it was on Monday.", "Let me see;"),
    # One word alone is not, however long, but one sentence is, however short.
    ("Well, I think so, yes.", "Well, I think so,"),
    ("Unfortunately, that is closed, sorry.", "Unfortunately, that is closed,"),
    ("Sure! I can do that.", "Sure!"),
    ("Yes. I can.", "Yes."),
    # A conjunction after enough of it.
    ("I can help you with all of that today and also tomorrow", "I can help you with all of that today"),
    ("Fish and chips are what they all want to eat", "Fish and chips are what they all want to eat"),
    # Nothing to cut at: a space, before the listener gets impatient.
    ("word " * 40, ("word " * 24).strip()),
    ("当然可以，我来帮你看一看。", "当然可以，"),
    ("好的，我来帮你看一看。", "好的，我来帮你看一看。"),
    ("สวัสดีครับทุกคน ผมชื่อสมชาย", "สวัสดีครับทุกคน"),
    ("**Sure thing**, let us begin.", "Sure thing,"),
    ("😀 Of course, I can.", "Of course,"),
    ("1. Open the door.\n2. Go in.", "1. Open the door."),
]


@pytest.mark.parametrize(("text", "first"), FIRST, ids=[text[:24] for text, _ in FIRST])
def test_first_segment_is_as_short_as_sounds_natural(text: str, first: str) -> None:
    assert spoken(text)[0] == first


@pytest.mark.parametrize(
    ("text", "fed"),
    [
        ("I think so, and", "I think so, a"),
        ("Sure! I", "Sure! "),
        ("Hello there. I", "Hello there. "),
        ("好的。我", "好的。我"),
    ],
)
def test_a_segment_does_not_wait_for_more_than_it_needs(text: str, fed: str) -> None:
    segmenter = Segmenter()
    assert len(segmenter.feed(fed)) == 1


LATER = [
    ("Mr. Smith met Dr. Jones. They spoke.", ["Mr. Smith met Dr. Jones.", "They spoke."]),
    ("Use fruit, e.g. apples, i.e. sweet ones. Good.", ["Use fruit, e.g. apples, i.e. sweet ones.", "Good."]),
    ("She lives in the U.S. and likes it. Fine.", ["She lives in the U.S. and likes it.", "Fine."]),
    ("The U.S. Army is big. Yes.", ["The U.S. Army is big.", "Yes."]),
    ("He lives in the U.S. The rest do not.", ["He lives in the U.S.", "The rest do not."]),
    ("George W. Bush and J. R. Smith. So be it.", ["George W. Bush and J. R. Smith.", "So be it."]),
    ("So do I. Then we go.", ["So do I.", "Then we go."]),
    ("It is 3.14 at 3:30 p.m. on May 5. Good.", ["It is 3.14 at 3:30 p.m. on May 5.", "Good."]),
    ("Come at 5 p.m. We wait.", ["Come at 5 p.m.", "We wait."]),
    ("See fig. 3 and No. 5 on Jan. 2. No. Not me.", ["See fig. 3 and No. 5 on Jan. 2.", "No.", "Not me."]),
    ("Go to https://a.example.com/x.html?y=1,2. Then stop.", ["Go to a.example.com.", "Then stop."]),
    ("I wonder... maybe so. Wait... Then go.", ["I wonder... maybe so.", "Wait...", "Then go."]),
    ("Wait… what? Yes!! No?! Ok.", ["Wait… what?", "Yes!!", "No?!", "Ok."]),
    ('"Stop!" she said. "Why?" He left.', ['"Stop!" she said.', '"Why?"', "He left."]),
    ("(It rained.) We left [at last.] Good.", ["(It rained.)", "We left at last.", "Good."]),
    ("**It is done.** *Really.* Go.", ["It is done.", "Really.", "Go."]),
    ("Near Bldg. five on the left. Ok.", ["Near Bldg. five on the left.", "Ok."]),
    ("so it goes. then it ends. bye", ["so it goes.", "then it ends.", "bye"]),
    ("It takes 5 - 3 of them. Good.", ["It takes 5 to 3 of them.", "Good."]),
    ("Do these:\n\n1. Open it\n2. Close it\n\nThat is all", ["Do these:", "1. Open it", "2. Close it", "That is all"]),
    ("- apples\n- pears\n* figs", ["apples", "pears", "figs"]),
    ("First: 1. Open it. 2. Close it.", ["First: 1. Open it.", "2. Close it."]),
    ("# A title\nAnd text.", ["A title", "And text."]),
    ("One line\nand the next.\n\nA paragraph", ["One line and the next.", "A paragraph"]),
    ("| a | b |\n|---|---|\n| 1 | 2 |\nDone.", ["a, b", "1, 2", "Done."]),
    ("今天很好！你呢？「是的。」好。", ["今天很好！", "你呢？", "「是的。」", "好。"]),
    ("यह अच्छा है। हाँ।", ["यह अच्छा है।", "हाँ।"]),
    ("هل أنت بخير؟ نعم۔", ["هل أنت بخير؟", "نعم۔"]),
    ("Am 3. Mai ist Dr. Maier z. B. hier. Gut.", ["Am 3. Mai ist Dr. Maier z. B. hier.", "Gut."]),
]


@pytest.mark.parametrize(("text", "expected"), LATER, ids=[text[:24] for text, _ in LATER])
def test_later_segments_are_sentences(text: str, expected: list[str]) -> None:
    # An emoji-free sentence in front takes the part of the first segment.
    language = "de" if "Mai" in text else "en"
    options = SegmenterOptions(language=language)
    assert spoken(f"Right.\n\n{text}", options=options) == ["Right.", *expected]


class TestCode:
    def test_a_block_is_left_out_and_what_surrounds_it_is_spoken(self) -> None:
        text = "Look at this:\n```python\nprint('Hi. There')\n\n# No. Not me.\n```\nThat is all. Bye."
        assert spoken(text, size=1) == ["Look at this:", "That is all.", "Bye."]

    def test_a_block_that_never_ends_is_left_out(self) -> None:
        assert spoken("See:\n\n~~~\nx = 1. y = 2.\n```\nz", size=3) == ["See:"]

    def test_a_block_whose_opening_line_never_ends(self) -> None:
        assert spoken("Look here, it is:\n```py one. Two") == ["Look here,", "it is:"]

    def test_a_longer_fence_holds_a_shorter_one(self) -> None:
        assert spoken("````md\n```\nA. B.\n```\nC. D.\n````\nEnd.", size=2) == ["End."]

    def test_backticks_within_a_line_are_no_block(self) -> None:
        assert spoken("```ls``` lists files. Good.") == ["ls lists files.", "Good."]

    def test_a_block_after_a_flush(self) -> None:
        segmenter = Segmenter()
        found = (
            segmenter.feed("Look.\n")
            + segmenter.flush()
            + segmenter.feed("```\nx. y.\n``")
            + segmenter.feed("`\nDone.")
        )
        assert [segment.text for segment in found + segmenter.flush()] == ["Look.", "Done."]

    def test_code_is_not_kept(self) -> None:
        segmenter = Segmenter()
        segmenter.feed("```\n")
        for _ in range(1000):
            segmenter.feed("x = 1\n")
        text = "```\nDone."
        assert segmenter.feed(text) + segmenter.flush() == [Segment("Done.", 4 + 6000 + len(text))]


class TestLength:
    def test_a_long_sentence_is_cut_after_a_clause(self) -> None:
        clause = "it went on and on for a very long time"
        text = "Right. " + ", ".join([clause] * 8) + "."
        later = spoken(text)[1:]
        assert all(len(piece) <= 200 for piece in later)
        assert all(piece.endswith((",", ".")) for piece in later)

    def test_else_at_a_space(self) -> None:
        later = spoken("Right. " + "lorem " * 100)[1:]
        assert all(len(piece) <= 200 and set(piece.split()) == {"lorem"} for piece in later)

    def test_an_endless_word_is_cut_at_200_letters(self) -> None:
        lengths = [len(piece) for piece in spoken("a" * 50_000)]
        assert lengths == [200] * 250

    def test_wide_letters_count_three(self) -> None:
        assert max(map(len, spoken("好" * 1000))) == 66

    def test_an_accent_is_not_parted_from_its_letter(self) -> None:
        text = "a" * 199 + "e\u0301" + "b" * 10
        assert [segment.end for segment in segments(text)] == [199, 211]

    def test_an_address_has_no_length(self) -> None:
        assert spoken("Right. See https://example.com/" + "x" * 600 + " for it.") == [
            "Right.",
            "See example.com for it.",
        ]

    def test_a_link_target_has_no_length(self) -> None:
        assert spoken(f"Right. See [this](https://e.com/{'x' * 600}) for it.") == ["Right.", "See this for it."]


class TestCovered:
    def test_ends_are_where_the_text_was_cut(self) -> None:
        text = "Of course, I can. **Sure.** Bye"
        pieces = segments(text)
        ends = [0, *(piece.end for piece in pieces)]
        assert [text[a:b] for a, b in pairwise(ends)] == [
            "Of course,",
            " I can.",
            " **Sure.**",
            " Bye",
        ]

    def test_silent_text_makes_no_segment(self) -> None:
        segmenter = Segmenter()
        assert segmenter.feed("😀 ... \n\n---\n") + segmenter.flush() == []
        assert segmenter.feed("Hello") + segmenter.flush() == [Segment("Hello", 12 + 5)]

    def test_silent_text_before_a_segment_belongs_to_it(self) -> None:
        assert segments("😀 Hello") == [Segment("Hello", 7)]

    def test_nothing_is_nothing(self) -> None:
        assert Segmenter().flush() == []

    def test_a_flush_ends_the_segment_and_more_may_follow(self) -> None:
        segmenter = Segmenter()
        assert segmenter.feed("and then") == []
        assert segmenter.flush() == [Segment("and then", 8)]
        assert segmenter.feed(" it ended. ") == [Segment("it ended.", 18)]


FRAGMENTS = st.sampled_from(
    [
        *(
            "Hello",
            "and",
            "but",
            "Mr.",
            "e.g.",
            "U.S.",
            "The",
            "p.m.",
            "No.",
            "5",
            "3.14",
            "3:30",
            "I",
            "J.",
            "Bldg.",
            "x",
        ),
        *(" ", " ", " ", " ", "  ", "\n", "\n\n", "\t", ". ", ", ", "! ", "? ", "... ", "… ", "—", " - ", ": ", "; "),
        *(
            "1. ",
            "- ",
            "# ",
            "> ",
            "| a | b |",
            "|-|-|",
            "---",
            "**",
            "*",
            "_",
            "`",
            "``",
            "```",
            "```py\n",
            "~~~",
            "\n```\n",
        ),
        *(
            "[a b](http://x.y/z)",
            "](",
            "https://e.com/a.b?c=1",
            "好的",
            "。",
            "，",
            "？」",
            "สวัสดี",
            "ครับ",
            "नमस्ते।",
            "é\u0301\u0302",
        ),
        *("😀", "\u200d", "\u202e", "'", '"', "(", ")", "]", "”", "\ud800", "a" * 90, "http" + "s" * 40, "word " * 30),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=60).map("".join)


@given(TEXTS, st.data())
def test_deltas_may_be_split_anywhere(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=40)))
    segmenter = Segmenter()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        found += segmenter.feed(text[start:end])
    found += segmenter.flush()
    assert found == segments(text)
    assert found == segments(text, size=1)


@given(TEXTS)
def test_ends_increase_and_every_segment_has_something_to_say(text: str) -> None:
    found = segments(text)
    ends = [segment.end for segment in found]
    assert ends == sorted(set(ends))
    assert all(any(map(str.isalnum, segment.text)) for segment in found)
    assert not ends or ends[-1] <= len(text)


PLAIN = st.lists(
    st.sampled_from(
        ["one", "Two", "and", "Mr.", "U.S.", "7", "six.", "Hm,", "so!", "Is", "it?", "well-", "\n", "\n\n"]
    ),
    max_size=120,
).map(" ".join)


@given(PLAIN)
def test_no_word_is_lost_or_spoken_twice(text: str) -> None:
    assert " ".join(spoken(text)).split() == text.split()


@given(TEXTS)
def test_no_segment_is_longer_than_allowed(text: str) -> None:
    start = 0
    for segment in segments(text):
        # Symbols become words, so the text spoken may be longer than its source; the source may not.
        assert segment.end > start
        assert len(speakable(segment.text, "xx")) <= 200
        start = segment.end
