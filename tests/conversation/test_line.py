"""The line of what waits to be said: in order, bounded, and nothing of it lost without a word."""

from __future__ import annotations

import pytest

from tests.conversation.cast import participant
from voicesrv.conversation.line import MAX_GATHERED, MAX_REQUEST, MAX_WAITING, Answer, Dictated, Line
from voicesrv.errors import ClientError, Code


def test_texts_are_spoken_in_the_order_of_their_beginnings() -> None:
    line, one, two = Line(), participant("one"), participant("two")
    assert not line
    assert line.gather(one, "One ")
    assert line.gather(two, "Two ")
    assert not line.gather(one, "and more.")
    assert line
    first, second = line.pop(), line.pop()
    assert isinstance(first, Dictated) and isinstance(second, Dictated)
    assert (first.source.text, first.participant) == ("One and more.", one)
    assert (second.source.text, second.participant) == ("Two ", two)
    assert not line


def test_a_text_that_is_being_spoken_still_grows_until_it_is_finished() -> None:
    line, one = Line(), participant("one")
    line.gather(one, "One ")
    dictated = line.pop()
    assert line.gathering(one) and not line.gathering(participant("two"))
    assert not line.gather(one, "and more.")
    assert line.finish(one) is dictated
    assert not line.gathering(one) and line.finish(one) is None
    assert line.gather(one, "Another.")  # a reply of its own


def test_one_answer_answers_for_all_that_was_said() -> None:
    line, one, two = Line(), participant("one"), participant("two")
    line.gather(one, "Text.")
    line.owe(Answer(one, 1))
    line.gather(two, "Another.")
    line.owe(Answer(two, 2))
    waiting = [line.pop() for _ in range(3)]
    assert waiting[1] == Answer(two, 2)
    assert all(isinstance(each, Dictated) for each in waiting[::2]) and not line


def test_an_answer_that_was_given_is_owed_no_more() -> None:
    line, one = Line(), participant("one")
    line.answered()
    line.gather(one, "Text.")
    line.owe(Answer(one, 1))
    line.answered()
    assert isinstance(line.pop(), Dictated) and not line


def test_one_request_is_bounded() -> None:
    Line.check_request("x" * MAX_REQUEST)
    message = f"text: {MAX_REQUEST + 1} characters are over the {MAX_REQUEST} allowed"
    with pytest.raises(ClientError, match=message) as no:
        Line.check_request("x" * (MAX_REQUEST + 1))
    assert no.value.code is Code.TEXT_TOO_LONG


def test_one_text_is_bounded() -> None:
    line, one = Line(), participant("one")
    for _ in range(MAX_GATHERED // MAX_REQUEST):
        line.gather(one, "x" * MAX_REQUEST)
    with pytest.raises(ClientError, match="flush them") as no:
        line.gather(one, "x")
    assert no.value.code is Code.TEXT_TOO_LONG
    dictated = line.finish(one)
    assert dictated is not None and len(dictated.source.text) == MAX_GATHERED
    assert line.gather(one, "x")


def test_the_line_is_bounded() -> None:
    line = Line()
    for number in range(MAX_WAITING):
        line.gather(participant(str(number)), "x")
    with pytest.raises(ClientError) as no:
        line.gather(participant("late"), "x")
    assert no.value.code is Code.RATE_LIMITED and no.value.retry_after_ms
    assert not line.gather(participant("0"), "more of what waits already")
    line.pop()
    assert line.gather(participant("late"), "x")


def test_what_is_dropped_is_told_apart_from_what_is_owed() -> None:
    line, one, two = Line(), participant("one"), participant("two")
    line.gather(one, "One.")
    current = line.pop()
    assert isinstance(current, Dictated)
    line.gather(two, "Two.")
    line.owe(Answer(one, 1))
    dropped = line.clear(current)
    assert [each.source.text for each in dropped] == ["One.", "Two."]
    assert dropped[0] is current
    assert not line and line.clear(None) == []
    assert not line.gathering(one) and not line.gathering(two)  # what comes now is another text


def test_a_text_that_cannot_be_spoken_any_more_takes_no_more() -> None:
    line, one, two = Line(), participant("one"), participant("two")
    line.gather(one, "One.")
    dictated = line.pop()
    assert isinstance(dictated, Dictated)
    line.gather(two, "Two.")
    line.forget(dictated)
    assert not line.gathering(one) and line.gathering(two)
    line.forget(dictated)
    assert line.gather(one, "A new one.")


def test_text_that_comes_after_a_reply_ended_unflushed_is_another() -> None:
    line, one = Line(), participant("one")
    line.gather(one, "One.")
    first = line.pop()
    assert isinstance(first, Dictated)
    first.source.finish()  # as it does by itself when no more comes
    assert not line.gathering(one)
    assert line.gather(one, "Two.")
    second = line.pop()
    assert isinstance(second, Dictated) and second.source.text == "Two."
    line.forget(first)
    assert line.gathering(one)
