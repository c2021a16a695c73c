# ruff: noqa: RUF001  (stops of all scripts are what this is about)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.conversation.boundaries import LOOKAHEAD, Break, after, atom, is_marker


def ask(
    word: str, gap: str, rest: str, *, whole: bool = False, opens: bool = False, marked: bool = False
) -> Break | None:
    return after(word, gap, rest, whole=whole, opens=opens, marked=marked, language="en")


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("Hello, you", 0, "Hello,"),
        ("Hello, you", 7, "you"),
        ("yes—no", 0, "yes—"),
        ("是的。」好", 0, "是的。」"),
        ("是，不", 0, "是，"),
        ("Well…no", 0, "Well…"),
        ("什么？！不", 0, "什么？！"),
        ("", 0, ""),
    ],
)
def test_atom(text: str, start: int, expected: str) -> None:
    assert text[start : atom(text, start)] == expected


@pytest.mark.parametrize("word", ["#", "###", "-", "*", "+", "•", ">", "1.", "12)", "|a", "|"])
def test_markers(word: str) -> None:
    assert is_marker(word)


@pytest.mark.parametrize("word", ["#tag", "--", "1", "1234.", "a.", "**bold**", "-5"])
def test_words_are_no_markers(word: str) -> None:
    assert not is_marker(word)


@pytest.mark.parametrize(
    ("word", "gap", "rest"),
    [
        ("so", " ", ""),  # a conjunction may follow
        ("so", " ", "an"),
        ("U.S.", " ", "The"),  # "Theatre"?
        ("approx,", " ", ""),  # a line may end after the space
        ("so", "\n", ""),
        ("so", "\n", "1"),  # "1." begins a list
        ("so", "\n", "``"),
        ("5.", " ", ""),
        ("No.", " ", ""),
        ("Wait...", " ", ""),
        ('"Go!"', " ", ""),
    ],
)
def test_waits_where_it_cannot_tell(word: str, gap: str, rest: str) -> None:
    assert ask(word, gap, rest) is None
    assert ask(word, gap, rest, whole=True) is not None


@pytest.mark.parametrize(
    ("word", "gap", "rest", "expected"),
    [
        ("done.", " ", "", Break.SENTENCE),
        ("done!", " ", "", Break.SENTENCE),
        ("是。", "", "", Break.SENTENCE),
        ("so", "\n\n", "", Break.SENTENCE),
        ("so", "\n", "- x", Break.SENTENCE),
        ("so", "\n", "then ", Break.CLAUSE),
        ("so", " ", "and ", Break.LINK),
        ("so", " ", "andy ", Break.WORD),
        ("so", " ", "it ", Break.WORD),
        ("so,", " ", "it", Break.CLAUSE),
        ("-", " ", "it", Break.CLAUSE),
        ("-", " ", "5", Break.WORD),
    ],
)
def test_strength(word: str, gap: str, rest: str, expected: Break) -> None:
    assert ask(word, gap, rest) is expected


def test_a_lists_number_is_not_parted_from_its_item() -> None:
    assert ask("1.", " ", "Open", opens=True) is Break.NONE
    assert ask("1.", " ", "Open") is Break.SENTENCE


def test_a_marked_line_ends_like_a_sentence() -> None:
    assert ask("Title", "\n", "", marked=True) is Break.SENTENCE


PIECES = st.lists(
    st.sampled_from(["and", "The", "the", "an", "1", "12.", "-", "#", "`", "```", "|", "a", "X", " ", "\n", ".", "5"]),
    max_size=8,
).map("".join)
WORDS = st.sampled_from(
    ["so", "so,", "so.", "so!", '"so!"', "U.S.", "No.", "5.", "St.", "Bldg.", "so...", "etc.", "-", "是", "1."]
)


@given(WORDS, st.sampled_from([" ", "\n", " \n", "\n\n"]), PIECES, st.booleans(), st.booleans())
def test_an_answer_stays_right_when_more_arrives(word: str, gap: str, rest: str, opens: bool, marked: bool) -> None:
    rest = rest.lstrip()
    final = ask(word, gap, rest[:LOOKAHEAD], whole=len(rest) <= LOOKAHEAD, opens=opens, marked=marked)
    assert final is not None
    arriving = [(gap[:n], "") for n in range(1, len(gap))] + [(gap, rest[:n]) for n in range(len(rest))]
    for some_gap, some_rest in arriving:
        answer = ask(word, some_gap, some_rest[:LOOKAHEAD], opens=opens, marked=marked)
        assert answer in (None, final)
