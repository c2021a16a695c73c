from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.engines.reply_bounds import ReplyBounds


def admitted(*deltas: str, max_tokens: int = 2000) -> str:
    bounds = ReplyBounds(max_tokens)
    return "".join(bounds.admit(delta) for delta in deltas)


def test_an_ordinary_reply_passes_whole() -> None:
    deltas = ["Hello.", " This is", " a reply. ", "It has", " five sentences. Yes. Yes. Yes."]
    assert admitted(*deltas) == "".join(deltas)


def test_the_longest_reply() -> None:
    bounds = ReplyBounds(10)
    assert bounds.admit("a" * 59) == "a" * 59
    assert not bounds.is_over
    assert bounds.admit("bcd") == "b"
    assert bounds.is_over
    assert bounds.admit("e") == ""


def test_one_giant_token() -> None:
    assert len(admitted("x" * 100_000)) == 12_000


@pytest.mark.parametrize(
    "circle",
    [
        "I am a little teapot. ",
        "I am a little teapot.\n",
        "Short and stout! Here is my handle. ",
        "One two three. Four five six? Seven eight. ",
        "我是一个小茶壶请你喝一杯茶。",
    ],
)
def test_what_is_said_three_times_is_cut(circle: str) -> None:
    assert admitted("Well. ", *(circle * 50)) == ("Well. " + circle * 3).rstrip()


@pytest.mark.parametrize("text", ["No. " * 9, "Ha! " * 9, "... " * 50, "1. 2. 3. 1. 2. 3. 1. 2. 3. "])
def test_short_exclamations_may_be_meant(text: str) -> None:
    assert admitted(text) == text


def test_twice_is_no_circle() -> None:
    text = "I am a little teapot. I am a little teapot. And so on. I am a little teapot. "
    assert admitted(text) == text


@given(st.text("ab. !", max_size=300), st.data())
def test_deltas_may_be_split_anywhere(text: str, data: st.DataObject) -> None:
    text += "I am a little teapot. " * 4
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=20)))
    deltas = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    # Stops that belong together may be parted by a split; what is cut is the same but for them.
    assert admitted(*deltas).rstrip(".! ") == admitted(text).rstrip(".! ")
