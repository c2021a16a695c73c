"""Where the text of a reply comes from: a model with its tools, or a client that dictates it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from voicesrv import metrics
from voicesrv.conversation import clock
from voicesrv.engines.base import AgentItem, Item, Llm, LlmOptions, TextDelta, ToolResult
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import ToolCall, ToolOutput

logger = logging.getLogger(__name__)

MAX_TOOL_ROUNDS = 5
"""Requests to the model in one turn that may end in tool calls."""
TOOL_TIMEOUT_S = 30.0
"""For the calls of one request to the model; whoever was to run them may be gone."""
FLUSH_WITHIN_S = 30.0
"""A dictated text that gets no more of its text for so long is whole, flushed or not: others wait for the floor."""


class Source(Protocol):
    """A reply's text."""

    def deltas(self) -> AsyncGenerator[str, None]:
        """Yield the text as it comes. Closing early is safe and stops the work.

        Raises:
            EngineUnavailable, EngineError: no more text can be had.
        """
        ...

    def items(self, text: str, heard: int, interrupted: bool) -> Sequence[Item]:
        """What of the reply goes into the history, where ``text[:heard]`` was heard."""
        ...


class Dictation:
    """Text that a client wants said as it is."""

    def __init__(self) -> None:
        # Bounded where text is taken in (line.MAX_GATHERED characters), hence not here.
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()
        self.text = ""
        """All that was taken so far."""
        self.over = False
        """Whether it takes no more text."""

    def feed(self, text: str) -> None:
        """Add text; never waits."""
        self.text += text
        self._texts.put_nowait(text)

    def finish(self) -> None:
        """All text is there."""
        self.over = True
        self._texts.put_nowait(None)

    async def deltas(self) -> AsyncGenerator[str, None]:
        while (text := await self._next()) is not None:
            yield text

    async def _next(self) -> str | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                return await self._texts.get()
        self.over = True
        return None

    def items(self, text: str, heard: int, interrupted: bool) -> Sequence[Item]:
        return _agent(text[:heard], interrupted)


class Thinking:
    """A model's answer to a history, tool calls included."""

    def __init__(
        self,
        llm: Llm,
        options: LlmOptions,
        history: Sequence[Item],
        on_tool_call: Callable[[ToolCall], None],
        may_act: asyncio.Event,
    ) -> None:
        """Args:
        history: what to answer, the user's item last.
        on_tool_call: called for each call that the client is to run.
        may_act: set once the reply is sure to be wanted; no tool is called before.
        """
        self._llm = llm
        self._options = options
        self._history = list(history)
        self._on_tool_call = on_tool_call
        self._may_act = may_act
        self._outputs: dict[str, asyncio.Future[ToolOutput]] = {}
        # Of the calls that the model knows: what comes late for one of an earlier reply is not this one's.
        self._ids = {item.id for item in history if isinstance(item, ToolCall)}
        self._acts: list[tuple[int, ToolCall, ToolResult]] = []  # with the offset in the text they came at
        self._told: dict[str, tuple[int, ToolCall]] = {}  # calls whose result the model has not seen yet
        self.asked_at = 0.0
        """``clock.now()`` of the first request."""
        self.first_at: float | None = None
        """``clock.now()`` of the first text."""

    def answer_tool(self, output: ToolOutput) -> bool:
        """Take a tool's output; False where no such call is waiting."""
        future = self._outputs.get(output.id)
        if future is None or future.done():
            return False
        future.set_result(output)
        return True

    async def deltas(self) -> AsyncGenerator[str, None]:
        self.asked_at = clock.now()
        said = 0
        for round_number in range(MAX_TOOL_ROUNDS + 1):
            calls: list[ToolCall] = []
            since = said
            spoken: list[str] = []
            tools = self._options.tools if round_number < MAX_TOOL_ROUNDS else ()
            options = self._options if tools else _without_tools(self._options)
            async with aclosing(self._ask(options)) as answers:
                async for answer in answers:
                    if isinstance(answer, ToolCall):
                        calls.append(self._told_apart(answer))
                        continue
                    if self.first_at is None:
                        self.first_at = clock.now()
                    said += len(answer)
                    spoken.append(answer)
                    yield answer
            if not calls or not tools:
                return
            if said > since:
                self._history.append(AgentItem("".join(spoken)))
            async for call, result in self._run(calls, said):
                self._told.pop(call.id, None)
                self._acts.append((said, call, result))
                self._history += (call, result)

    def items(self, text: str, heard: int, interrupted: bool) -> Sequence[Item]:
        items: list[Item] = []
        at = 0
        for offset, call, result in [*self._acts, *self._unseen()]:
            items += _agent(text[at : min(offset, heard)], interrupted=False)
            items += (call, result)  # it was run, whether or not its text was heard
            at = max(at, offset)
        return items + _agent(text[at:heard], interrupted)

    def _unseen(self) -> list[tuple[int, ToolCall, ToolResult]]:
        """Calls that the client was told of and the model has no result of: they were run, or may have been."""
        unseen = []
        for offset, call in self._told.values():
            output = self._outputs.get(call.id)
            if output is not None and output.done():
                result = ToolResult(call.id, call.name, output.result().output, output.result().is_error)
            else:
                result = ToolResult(call.id, call.name, "interrupted; it may have been run", is_error=True)
            unseen.append((offset, call, result))
        return unseen

    async def _ask(self, options: LlmOptions) -> AsyncGenerator[str | ToolCall, None]:
        """One request; asked once more where the model was lost before it said anything."""
        for attempt in (0, 1):
            answered = False
            try:
                with metrics.STREAMS.labels("llm").track_inprogress():
                    async with aclosing(self._llm.reply(self._history, options)) as events:
                        async for event in events:
                            if isinstance(event, TextDelta):
                                answered = True
                                if event.text:
                                    yield event.text
                            elif isinstance(event, ToolCall):
                                answered = True
                                yield event
                return
            except (EngineUnavailable, EngineError) as error:
                metrics.ENGINE_FAILURES.labels(self._llm.name).inc()
                if isinstance(error, EngineError) or answered or attempt:
                    raise
                logger.warning("%s was lost, asking again: %s", self._llm.name, error)

    def _told_apart(self, call: ToolCall) -> ToolCall:
        """Give a call an id of its own: some models number none of their calls, or all of them alike."""
        id, number = call.id, 1
        while not id or id in self._ids:
            number += 1
            id = f"{call.id or 'call'}-{number}"
        self._ids.add(id)
        return replace(call, id=id)

    async def _run(self, calls: Sequence[ToolCall], offset: int) -> AsyncGenerator[tuple[ToolCall, ToolResult], None]:
        await self._may_act.wait()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TOOL_TIMEOUT_S  # of all of them: they are run side by side
        names = {tool.name for tool in self._options.tools}
        for call in calls:
            if call.name in names:
                self._outputs[call.id] = loop.create_future()
                self._told[call.id] = (offset, call)
                self._on_tool_call(call)
        for call in calls:
            if call.name not in names:  # made up: the model is told, the client is not bothered
                yield call, ToolResult(call.id, call.name, "there is no such tool", is_error=True)
                continue
            try:
                async with asyncio.timeout_at(deadline):
                    output = await self._outputs[call.id]
                result = ToolResult(call.id, call.name, output.output, output.is_error)
            except TimeoutError:
                result = ToolResult(call.id, call.name, f"no answer within {TOOL_TIMEOUT_S:.0f} s", is_error=True)
            finally:
                del self._outputs[call.id]
            yield call, result


def _without_tools(options: LlmOptions) -> LlmOptions:
    return LlmOptions(options.instructions, (), options.max_tokens, options.timeout_s)


def _agent(text: str, interrupted: bool) -> list[Item]:
    return [AgentItem(text, interrupted)] if text.strip() else []
