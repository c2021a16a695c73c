from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart

from voicesrv.engines.base import AgentItem, Item, ToolResult, UserItem
from voicesrv.engines.pydantic_messages import INTERRUPTED, MAX_ARGUMENTS, to_call, to_messages
from voicesrv.events import ToolCall


def outline(*items: Item) -> list[tuple[str, ...]]:
    """Each message as its kind and what is in its parts."""
    lines = []
    for message in to_messages(items, "be brief"):
        line = ["ask" if isinstance(message, ModelRequest) else "answer"]
        for part in message.parts:
            match part:
                case UserPromptPart(content=str(text)) | TextPart(content=text):
                    line.append(text)
                case ToolCallPart(tool_name=name, tool_call_id=call_id):
                    line.append(f"{name}?{call_id}")
                case ToolReturnPart(content=str(text), tool_call_id=call_id, outcome=outcome):
                    line.append(f"{text}!{call_id}" + ("" if outcome == "success" else f" {outcome}"))
        lines.append(tuple(line))
    return lines


CALL = ToolCall("1", "weather", {"city": "Rome"})
RESULT = ToolResult("1", "weather", "sunny")


def test_turns_alternate() -> None:
    assert outline(UserItem("hi"), AgentItem("hello"), UserItem("bye")) == [
        ("ask", "hi"),
        ("answer", "hello"),
        ("ask", "bye"),
    ]


def test_neighbours_of_one_party_are_one_message() -> None:
    assert outline(UserItem("hi"), UserItem("there"), AgentItem("a"), AgentItem("b"), UserItem("c")) == [
        ("ask", "hi", "there"),
        ("answer", "a", "b"),
        ("ask", "c"),
    ]


def test_instructions_are_on_the_last_request() -> None:
    messages = to_messages([UserItem("hi"), AgentItem("hello"), UserItem("bye")], "be brief")
    assert [m.instructions for m in messages if isinstance(m, ModelRequest)] == [None, "be brief"]
    assert [m.instructions for m in to_messages([UserItem("hi")], "") if isinstance(m, ModelRequest)] == [None]


def test_an_interrupted_reply_is_told_with_the_next_turn() -> None:
    assert outline(UserItem("hi"), AgentItem("well I", interrupted=True), UserItem("stop"), UserItem("now")) == [
        ("ask", "hi"),
        ("answer", "well I"),
        ("ask", f"{INTERRUPTED}\nstop", "now"),
    ]


def test_a_reply_of_which_nothing_was_heard_is_left_out() -> None:
    assert outline(UserItem("hi"), AgentItem("", interrupted=True), UserItem("stop")) == [("ask", "hi", "stop")]


def test_a_call_is_followed_by_its_result() -> None:
    assert outline(UserItem("weather?"), AgentItem("one moment"), CALL, RESULT) == [
        ("ask", "weather?"),
        ("answer", "one moment", "weather?1"),
        ("ask", "sunny!1"),
    ]


def test_calls_made_at_once_and_one_after_the_other() -> None:
    second, other = ToolCall("2", "clock", {}), ToolResult("2", "clock", "noon", is_error=True)
    assert outline(UserItem("x"), CALL, second, RESULT, other) == [
        ("ask", "x"),
        ("answer", "weather?1", "clock?2"),
        ("ask", "sunny!1", "noon!2 failed"),
    ]
    assert outline(UserItem("x"), CALL, RESULT, second, other) == [
        ("ask", "x"),
        ("answer", "weather?1"),
        ("ask", "sunny!1"),
        ("answer", "clock?2"),
        ("ask", "noon!2 failed"),
    ]


def test_a_result_that_came_late_is_put_where_it_belongs() -> None:
    assert outline(UserItem("x"), CALL, UserItem("hello?"), RESULT, AgentItem("sunny"), UserItem("ok")) == [
        ("ask", "x"),
        ("answer", "weather?1"),
        ("ask", "sunny!1", "hello?"),
        ("answer", "sunny"),
        ("ask", "ok"),
    ]


def test_calls_without_results_and_results_without_calls_are_left_out() -> None:
    assert outline(UserItem("x"), CALL, AgentItem("a"), UserItem("y")) == [("ask", "x"), ("answer", "a"), ("ask", "y")]
    assert outline(UserItem("x"), RESULT) == [("ask", "x")]


def test_ids_that_a_model_uses_again() -> None:
    again = ToolResult("1", "weather", "rain")
    assert outline(UserItem("x"), CALL, RESULT, UserItem("y"), CALL, again)[-1] == ("ask", "rain!1")


def test_lone_surrogates_do_not_reach_the_provider() -> None:
    assert outline(UserItem("a\ud800b")) == [("ask", "a?b")]


def test_nothing() -> None:
    assert to_messages([], "x") == []


@pytest.mark.parametrize("arguments", ['{"city": "Rome"}', {"city": "Rome"}])
def test_a_good_call(arguments: Any) -> None:
    part = ToolCallPart("weather", arguments, tool_call_id="7")
    assert to_call(part, {"weather"}) == ToolCall("7", "weather", {"city": "Rome"})


@pytest.mark.parametrize("arguments", ["", None, {}])
def test_no_arguments(arguments: Any) -> None:
    assert to_call(ToolCallPart("weather", arguments, tool_call_id="7"), {"weather"}) == ToolCall("7", "weather", {})


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        (ToolCallPart("rm", "{}", tool_call_id="7"), "no tool of that name. There are: weather."),
        (ToolCallPart("weather", '{"a"', tool_call_id="7"), "not valid JSON"),
        (ToolCallPart("weather", "[" * 5000, tool_call_id="7"), "not valid JSON"),
        (ToolCallPart("weather", '{"a": NaN}', tool_call_id="7"), "not valid JSON"),
        (ToolCallPart("weather", '{"a": "\\ud800"}', tool_call_id="7"), "not valid JSON"),
        (ToolCallPart("weather", "[]", tool_call_id="7"), "not a JSON object"),
        (ToolCallPart("weather", '"x"', tool_call_id="7"), "not a JSON object"),
        (ToolCallPart("weather", '"' + "x" * MAX_ARGUMENTS, tool_call_id="7"), "longer than"),
        (ToolCallPart("weather", "{}", tool_call_id="7" * 300), "id of the call"),
    ],
)
def test_a_call_that_makes_no_sense(part: ToolCallPart, fault: str) -> None:
    told = to_call(part, {"weather"})
    assert isinstance(told, str)
    assert fault in told


def test_the_answer_is_pydantic_ais_own() -> None:
    (ask, answer, _) = to_messages([UserItem("x"), CALL, RESULT], "")
    assert isinstance(ask, ModelRequest)
    assert isinstance(answer, ModelResponse)
