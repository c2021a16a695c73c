"""Our history as pydantic-ai's messages, and its tool calls as ours."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Collection, Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from voicesrv.engines.base import AgentItem, Item, ToolResult, UserItem
from voicesrv.events import ToolCall

INTERRUPTED = "[The user cut off your last reply. They heard it as far as it stands here, and not the rest.]"
"""Put before what the user said next: in the reply itself, models take to writing such notes."""
MAX_ARGUMENTS = 16_384
"""Characters of JSON in one tool call."""
_MAX_ID = 256


def to_messages(items: Sequence[Item], instructions: str) -> list[ModelMessage]:
    """Give the history as providers want it.

    Each tool call is directly followed by its result; calls without a result, and results without a
    call, are left out, as providers refuse a history that has them (ours has them after an
    interruption). Neighbouring items of one party become one message.

    Args:
        items: oldest first.
        instructions: the system prompt; empty for none.
    """
    results: defaultdict[str, deque[ToolResult]] = defaultdict(deque)
    for item in items:
        if isinstance(item, ToolResult):
            results[item.id].append(item)
    thread = _Thread()
    for item in items:
        match item:
            case UserItem(text=text):
                thread.user(text)
            case AgentItem(text=text, interrupted=interrupted):
                thread.agent(text, interrupted)
            case ToolCall(id=call_id) if results[call_id]:
                thread.call(item, results[call_id].popleft())
            case ToolResult():
                thread.returned()
    return thread.messages(instructions or None)


class _Thread:
    """Collects the parts of messages that alternate between the two parties."""

    def __init__(self) -> None:
        self._messages: list[ModelMessage] = []
        self._asked: list[ModelRequestPart] = []
        self._answered: list[ModelResponsePart] = []
        self._results: list[ModelRequestPart] = []  # of the calls in _answered
        self._was_interrupted = False

    def user(self, text: str) -> None:
        self._end_answer()
        if self._was_interrupted:
            text = f"{INTERRUPTED}\n{text}"
        self._was_interrupted = False
        self._asked.append(UserPromptPart(_encodable(text)))

    def agent(self, text: str, interrupted: bool) -> None:
        if not text.strip():
            return
        self.returned()
        self._end_question()
        self._answered.append(TextPart(_encodable(text)))
        self._was_interrupted = interrupted

    def call(self, call: ToolCall, result: ToolResult) -> None:
        self._end_question()
        self._answered.append(ToolCallPart(call.name, dict(call.arguments), tool_call_id=call.id))
        outcome = ToolReturnPart(
            call.name,
            _encodable(result.output),
            tool_call_id=call.id,
            outcome="failed" if result.is_error else "success",
        )
        self._results.append(outcome)

    def returned(self) -> None:
        """What follows was said in the knowledge of the results."""
        if self._results:
            self._end_answer()

    def messages(self, instructions: str | None) -> list[ModelMessage]:
        self._end_answer()
        self._end_question()
        last = next((message for message in reversed(self._messages) if isinstance(message, ModelRequest)), None)
        if last is not None:
            last.instructions = instructions
        return self._messages

    def _end_answer(self) -> None:
        if self._answered:
            self._messages.append(ModelResponse(self._answered))
            self._asked, self._answered, self._results = self._results, [], []

    def _end_question(self) -> None:
        if self._asked:
            self._messages.append(ModelRequest(self._asked))
            self._asked = []


def _encodable(text: str) -> str:
    """Replace lone surrogates, which no provider's JSON can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


def to_call(part: ToolCallPart, tools: Collection[str]) -> ToolCall | str:
    """Give the call that a model made, or the reason why it cannot be run, for the model to read."""
    if part.tool_name not in tools:
        return f"There is no tool of that name. There are: {', '.join(sorted(tools)) or 'none'}."
    arguments = part.args or {}
    if isinstance(arguments, str):
        if len(arguments) > MAX_ARGUMENTS:
            return f"The arguments are longer than {MAX_ARGUMENTS} characters."
        try:
            arguments = json.loads(arguments, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return "The arguments are not valid JSON."
    if not isinstance(arguments, dict):
        return "The arguments are not a JSON object."
    try:  # what cannot be sent on: lone surrogates, and numbers such as 1e999 that are read as infinite
        json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return "The arguments are not valid JSON."
    if len(part.tool_call_id) > _MAX_ID:
        return f"The id of the call is longer than {_MAX_ID} characters."
    return ToolCall(part.tool_call_id, part.tool_name, arguments)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
