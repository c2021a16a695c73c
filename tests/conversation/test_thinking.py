"""Where a reply's text comes from: models with tools, and dictation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

import pytest

from voicesrv import metrics
from voicesrv.conversation import clock
from voicesrv.conversation.thinking import FLUSH_WITHIN_S, MAX_TOOL_ROUNDS, TOOL_TIMEOUT_S, Dictation, Source, Thinking
from voicesrv.engines.base import AgentItem, Item, LlmEvent, LlmOptions, TextDelta, ToolResult, Usage, UserItem
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import Tool, ToolCall, ToolOutput
from voicesrv.testing import FakeLlm

pytestmark = pytest.mark.anyio

ASKED = (UserItem("weather?"),)
TOOLS = LlmOptions(instructions="Be brief.", tools=(Tool("weather"),), max_tokens=99, timeout_s=9.0)
CALL = ToolCall("c1", "weather", {"city": "Bern"})


class Script(FakeLlm):
    """Says what is written, request by request; an exception among it is raised."""

    def __init__(self, *requests: Sequence[LlmEvent | Exception]) -> None:
        super().__init__()
        self.requests = list(requests)
        self.open = 0

    async def reply(self, items: Sequence[Item], options: LlmOptions) -> AsyncGenerator[LlmEvent, None]:
        self.asked.append((tuple(items), options))
        self.open += 1
        try:
            for event in self.requests[min(len(self.asked), len(self.requests)) - 1]:
                await asyncio.sleep(0.1)
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.open -= 1


def thinking(llm: FakeLlm, told: list[ToolCall] | None = None, *, may_act: bool = True) -> Thinking:
    event = free() if may_act else asyncio.Event()
    return Thinking(llm, TOOLS, ASKED, (told if told is not None else []).append, event)


def free() -> asyncio.Event:
    """Tools may be called."""
    event = asyncio.Event()
    event.set()
    return event


async def text_of(source: Source) -> str:
    async with aclosing(source.deltas()) as deltas:
        return "".join([delta async for delta in deltas])


async def answer_when_asked(source: Thinking, told: list[ToolCall], outputs: list[ToolOutput]) -> None:
    """Answer each call as it comes."""
    for number, output in enumerate(outputs, 1):
        while len(told) < number:
            await asyncio.sleep(0.01)
        assert source.answer_tool(output)


async def test_text_comes_as_it_is_made() -> None:
    llm = Script([TextDelta("It "), TextDelta(""), TextDelta("rains."), Usage(10, 2)])
    source = thinking(llm)
    began = clock.now()
    async with aclosing(source.deltas()) as deltas:
        assert [delta async for delta in deltas] == ["It ", "rains."]
    assert llm.asked == [(ASKED, TOOLS)]
    assert source.asked_at == began and source.first_at == pytest.approx(began + 0.1)
    assert source.items("It rains.", 9, False) == [AgentItem("It rains.")]


async def test_a_tools_output_is_shown_to_the_model_with_what_was_said_before() -> None:
    told: list[ToolCall] = []
    llm = Script([TextDelta("Let me see. "), CALL], [TextDelta("It rains.")])
    source = thinking(llm, told)
    outputs = [ToolOutput("c1", "rain")]
    text, _ = await asyncio.gather(text_of(source), answer_when_asked(source, told, outputs))
    assert text == "Let me see. It rains."
    result = ToolResult("c1", "weather", "rain")
    assert llm.asked[1] == ((*ASKED, AgentItem("Let me see. "), CALL, result), TOOLS)
    assert told == [CALL]
    assert not source.answer_tool(ToolOutput("c1", "again"))  # it does not wait any more
    # What goes into the history, however much was heard.
    before, after = AgentItem("Let me see. "), AgentItem("It rains.")
    assert source.items(text, len(text), False) == [before, CALL, result, after]
    assert source.items(text, 15, True) == [before, CALL, result, AgentItem("It ", interrupted=True)]
    assert source.items(text, 12, True) == [before, CALL, result]
    assert source.items(text, 3, True) == [AgentItem("Let"), CALL, result]
    assert source.items(text, 0, True) == [CALL, result]


async def test_a_tool_that_does_not_exist_is_not_asked_of_the_client() -> None:
    told: list[ToolCall] = []
    made_up = ToolCall("c0", "launch", {})
    llm = Script([made_up, CALL], [TextDelta("Rain.")])
    source = thinking(llm, told)
    await asyncio.gather(text_of(source), answer_when_asked(source, told, [ToolOutput("c1", "rain")]))
    assert told == [CALL]
    refused = ToolResult("c0", "launch", "there is no such tool", is_error=True)
    assert llm.asked[1][0][1:] == (made_up, refused, CALL, ToolResult("c1", "weather", "rain"))


async def test_outputs_may_come_in_any_order_and_errors_are_outputs() -> None:
    told: list[ToolCall] = []
    calls = [ToolCall("a", "weather", {}), ToolCall("b", "weather", {})]
    llm = Script(calls, [TextDelta("Well.")])
    source = thinking(llm, told)
    outputs = [ToolOutput("b", "no such city", is_error=True), ToolOutput("a", "sun")]

    async def answer() -> None:
        while len(told) < 2:
            await asyncio.sleep(0.01)
        assert not source.answer_tool(ToolOutput("c", "?"))
        for output in outputs:
            assert source.answer_tool(output)
            assert not source.answer_tool(output)  # once is enough

    await asyncio.gather(text_of(source), answer())
    assert llm.asked[1][0][1:] == (
        calls[0],
        ToolResult("a", "weather", "sun"),
        calls[1],
        ToolResult("b", "weather", "no such city", is_error=True),
    )


async def test_calls_that_share_an_id_are_told_apart() -> None:
    """Some models number none of their calls, or all of them alike."""
    told: list[ToolCall] = []
    llm = Script([ToolCall("", "weather", {"city": c}) for c in ("Bern", "Rome")], [TextDelta("Well.")])
    source = thinking(llm, told)

    async def answer() -> None:
        while len(told) < 2:
            await asyncio.sleep(0.01)
        assert len({call.id for call in told}) == 2
        assert all(source.answer_tool(ToolOutput(call.id, str(call.arguments["city"]))) for call in told)

    await asyncio.gather(text_of(source), answer())
    items = llm.asked[1][0][1:]
    assert [item.output for item in items if isinstance(item, ToolResult)] == ["Bern", "Rome"]
    assert [item.id for item in items if isinstance(item, ToolResult)] == [call.id for call in told]
    assert [item for item in items if isinstance(item, ToolCall)] == told


async def test_a_result_that_comes_late_is_not_taken_for_that_of_a_later_reply() -> None:
    told: list[ToolCall] = []
    history = (*ASKED, CALL, ToolResult("c1", "weather", "interrupted", is_error=True), UserItem("and now?"))
    source = Thinking(Script([CALL], [TextDelta("Well.")]), TOOLS, history, told.append, free())

    async def answer() -> None:
        while not told:
            await asyncio.sleep(0.01)
        assert not source.answer_tool(ToolOutput("c1", "rain"))
        assert source.answer_tool(ToolOutput(told[0].id, "sun"))

    await asyncio.gather(text_of(source), answer())


async def test_a_tool_that_is_not_answered_is_an_error_to_the_model() -> None:
    llm = Script([CALL], [TextDelta("Sorry.")])
    source = thinking(llm)
    began = clock.now()
    assert await text_of(source) == "Sorry."
    assert clock.now() - began == pytest.approx(TOOL_TIMEOUT_S, abs=1)
    result = llm.asked[1][0][-1]
    assert isinstance(result, ToolResult) and result.is_error
    assert not source.answer_tool(ToolOutput("c1", "late"))


async def test_several_tools_that_are_not_answered_are_waited_for_side_by_side() -> None:
    calls = [ToolCall(id, "weather", {}) for id in "abc"]
    llm = Script(calls, [TextDelta("Sorry.")])
    told: list[ToolCall] = []
    source = thinking(llm, told)
    began = clock.now()
    outputs = [ToolOutput("c", "rain")]

    async def answer_last() -> None:
        while len(told) < 3:
            await asyncio.sleep(0.01)
        assert all(map(source.answer_tool, outputs))

    await asyncio.gather(text_of(source), answer_last())
    assert clock.now() - began == pytest.approx(TOOL_TIMEOUT_S, abs=1)
    results = [item for item in llm.asked[1][0] if isinstance(item, ToolResult)]
    assert [result.is_error for result in results] == [True, True, False]


async def test_a_model_that_only_calls_is_made_to_answer_in_the_end() -> None:
    llm = Script([CALL])
    told: list[ToolCall] = []
    source = thinking(llm, told)

    async def answer() -> None:
        for number in range(1, MAX_TOOL_ROUNDS + 1):
            while len(told) < number:
                await asyncio.sleep(0.01)
            assert source.answer_tool(ToolOutput(told[-1].id, "?"))

    text, _ = await asyncio.gather(text_of(source), answer())
    assert text == "" and len(told) == MAX_TOOL_ROUNDS
    assert [bool(options.tools) for _, options in llm.asked] == [True] * MAX_TOOL_ROUNDS + [False]
    last = llm.asked[-1][1]
    assert last == LlmOptions(TOOLS.instructions, (), TOOLS.max_tokens, TOOLS.timeout_s)


async def test_no_tool_is_called_for_a_reply_that_may_not_be_wanted() -> None:
    told: list[ToolCall] = []
    source = thinking(Script([TextDelta("Let me see."), CALL], [TextDelta("Rain.")]), told, may_act=False)
    task = asyncio.create_task(text_of(source))
    await asyncio.sleep(5)
    assert told == []
    source._may_act.set()
    await asyncio.sleep(1)
    assert told == [CALL]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_lost_model_is_asked_once_more_where_it_said_nothing_yet() -> None:
    llm = Script([EngineUnavailable("down")], [TextDelta("Hi.")])
    assert await text_of(thinking(llm)) == "Hi."
    llm = Script([EngineUnavailable("down")], [EngineUnavailable("still down")], [TextDelta("never")])
    with pytest.raises(EngineUnavailable, match="still down"):
        await text_of(thinking(llm))
    assert len(llm.asked) == 2
    llm = Script([TextDelta("Hel"), EngineUnavailable("down")], [TextDelta("never")])
    with pytest.raises(EngineUnavailable):
        await text_of(thinking(llm))
    assert len(llm.asked) == 1
    llm = Script([EngineError("refused")], [TextDelta("never")])
    with pytest.raises(EngineError):
        await text_of(thinking(llm))
    assert len(llm.asked) == 1


@pytest.mark.parametrize(
    ("requests", "n_failures"),
    [
        ([[EngineUnavailable("down")], [TextDelta("Hi.")]], 1),
        ([[EngineUnavailable("down")], [EngineUnavailable("down")]], 2),
        ([[EngineError("refused")]], 1),
        ([[TextDelta("Hi.")]], 0),
    ],
)
async def test_each_failure_of_a_model_counts(requests: list[list[LlmEvent | Exception]], n_failures: int) -> None:
    failures = metrics.ENGINE_FAILURES.labels("fake")._value
    before = failures.get()
    with suppress(EngineUnavailable, EngineError):
        await text_of(thinking(Script(*requests)))
    assert failures.get() == before + n_failures


async def test_a_request_counts_as_a_stream_in_use() -> None:
    in_use = metrics.STREAMS.labels("llm")._value
    before = in_use.get()
    async with aclosing(thinking(Script([TextDelta("a"), TextDelta("b")])).deltas()) as deltas:
        await anext(deltas)
        assert in_use.get() == before + 1
    assert in_use.get() == before


async def test_leaving_early_ends_the_request() -> None:
    llm = Script([TextDelta("a"), TextDelta("b")])
    async with aclosing(thinking(llm).deltas()) as deltas:
        assert await anext(deltas) == "a"
        assert llm.open == 1
    assert llm.open == 0


async def test_the_history_it_was_given_is_not_written_to() -> None:
    history: list[Item] = [UserItem("weather?")]
    event = asyncio.Event()
    event.set()
    told: list[ToolCall] = []
    source = Thinking(Script([CALL], [TextDelta("Rain.")]), TOOLS, history, told.append, event)
    await asyncio.gather(text_of(source), answer_when_asked(source, told, [ToolOutput("c1", "rain")]))
    assert history == [UserItem("weather?")]


async def test_dictation_is_what_was_fed() -> None:
    source = Dictation()
    source.feed("First ")
    task = asyncio.create_task(text_of(source))
    await asyncio.sleep(1)
    source.feed("then.")
    assert source.text == "First then."
    await asyncio.sleep(1)
    assert not task.done()
    source.finish()
    assert await task == "First then."
    assert source.items("First then.", 5, True) == [AgentItem("First", interrupted=True)]
    assert source.items("First then.", 0, True) == [] and source.items(" \n", 2, False) == []


async def test_a_dictation_that_is_never_flushed_ends() -> None:
    dictation = Dictation()
    dictation.feed("Once upon ")
    began = clock.now()
    async with aclosing(dictation.deltas()) as deltas:
        assert await anext(deltas) == "Once upon " and not dictation.over
        await asyncio.sleep(FLUSH_WITHIN_S - 1)
        dictation.feed("a time")
        assert [text async for text in deltas] == ["a time"]
    assert clock.now() - began == pytest.approx(2 * FLUSH_WITHIN_S - 1)
    assert dictation.over
