"""Any language model that pydantic-ai knows, and any server that speaks OpenAI's protocol.

Importing this module takes seconds of CPU time, so it is imported only when such a model is named,
and not on the event loop. A provider's own client is imported when its engine is entered.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import ModelConnectionError, ModelTimeoutError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from voicesrv.engines.base import Item, LlmEvent, LlmOptions, TextDelta, Usage
from voicesrv.engines.pydantic_errors import translated
from voicesrv.engines.pydantic_messages import to_call, to_messages
from voicesrv.engines.pydantic_models import make_model
from voicesrv.engines.reply_bounds import ReplyBounds
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import ToolCall

MAX_CALLS = 5
"""Tool calls that are let through from one reply."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PydanticLlmOptions:
    """How models are reached and asked. Providers find their keys in the environment, under their usual names."""

    base_url: str = ""
    """An OpenAI-compatible server, such as ``http://127.0.0.1:8080/v1``, for models that name no provider."""
    api_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    """The key for that server, where it asks for one."""
    temperature: float | None = None
    """0 to 2; None leaves it to the provider, and many reasoning models take none."""
    thinking: bool = False
    """Whether a model that can think before it speaks does so; the listener waits meanwhile."""
    first_timeout_s: float = 15.0
    """From the request to the first sign of life; a server on this machine may have to load the model."""

    def __post_init__(self) -> None:
        if self.base_url and (
            urlsplit(self.base_url).scheme not in ("http", "https") or not urlsplit(self.base_url).hostname
        ):
            raise ValueError("base_url is not an http:// or https:// address")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature: {self.temperature} is outside 0 to 2")
        if not self.first_timeout_s > 0:
            raise ValueError(f"first_timeout_s: {self.first_timeout_s} is not over 0")


_DEFAULTS = PydanticLlmOptions()


class PydanticLlm:
    """One model of one provider; all conversations share its HTTP client."""

    Options = PydanticLlmOptions

    def __init__(self, model: str = "", options: PydanticLlmOptions = _DEFAULTS) -> None:
        """Take note of the model's name, such as ``openai:gpt-6-luna``; nothing is loaded yet."""
        self.name = model or "pydantic"
        self._asked = model
        self._options = options
        self._model: Model | None = None
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Import the provider's client and make one HTTP client; asks nothing of the provider."""
        model = await asyncio.to_thread(
            make_model,
            self._asked,
            base_url=self._options.base_url,
            api_key=self._options.api_key.get_secret_value(),
            thinking=self._options.thinking,
        )
        self._model = await self._opened.enter_async_context(model)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._model = None
        await self._opened.aclose()

    def room(self) -> int | None:
        """There is no bound of ours; the provider has its own."""
        return None

    async def reply(self, items: Sequence[Item], options: LlmOptions) -> AsyncGenerator[LlmEvent, None]:
        """Yield the reply's text as it comes, then its tool calls, then what it cost; see ``Llm.reply``.

        The reply is cut where it goes round in circles or will not end (``ReplyBounds``). Tool calls
        that make no sense are not let through; where there is nothing else in the reply, the model
        is told why and asked once more. The time that the reader takes between events does not count
        towards ``timeout_s``. What an exception says is ours: nothing the provider wrote is in it,
        as that may quote the key or the conversation.
        """
        if self._model is None:
            raise EngineUnavailable(f"language model {self.name!r} is not open")
        messages = to_messages(items, options.instructions)
        if not messages or not isinstance(messages[-1], ModelRequest):
            raise EngineError(f"language model {self.name!r}: there is nothing to answer")
        patience = _Patience(options.timeout_s, self._options.first_timeout_s)
        bounds = ReplyBounds(options.max_tokens)
        input_tokens = output_tokens = 0
        for is_last in (False, True):
            async with AsyncExitStack() as stack:
                with translated(self.name):
                    stream = await self._open(stack, self._model, messages, options, patience)
                    events = aiter(stream)
                while True:
                    with translated(self.name):
                        event = await patience.wait(anext(events, None))
                    if event is None:
                        break
                    patience.begun()
                    if text := bounds.admit(_text_of(event)):
                        yield TextDelta(text)
                    if bounds.is_over:
                        return  # leaving the stack ends the request
                with translated(self.name):
                    response, usage = stream.get(), stream.usage
            input_tokens += usage.input_tokens
            output_tokens += usage.output_tokens
            calls, faults = _calls_of(response, options)
            if calls or not faults or is_last:
                break
            messages = [*messages, response, ModelRequest(faults, instructions=options.instructions or None)]
        for call in calls:
            yield call
        if input_tokens or output_tokens:
            yield Usage(input_tokens, output_tokens)

    async def _open(
        self,
        stack: AsyncExitStack,
        model: Model,
        messages: list[ModelMessage],
        options: LlmOptions,
        patience: _Patience,
    ) -> StreamedResponse:
        """Send the request; once more where the connection was lost before the answer began.

        That is what becomes of a kept connection that the provider has closed meanwhile. The clients'
        own retries are off, as they sleep for seconds on errors that another engine should be tried at.
        """
        settings = ModelSettings(max_tokens=options.max_tokens, thinking=self._options.thinking, max_retries=0)
        if self._options.temperature is not None:
            settings["temperature"] = self._options.temperature
        tools = [
            ToolDefinition(
                name=tool.name, parameters_json_schema=dict(tool.parameters), description=tool.description or None
            )
            for tool in options.tools
        ]

        async def send() -> StreamedResponse:
            parameters = ModelRequestParameters(function_tools=tools)
            request = model_request_stream(
                model, messages, model_settings=settings, model_request_parameters=parameters
            )
            return await patience.wait(stack.enter_async_context(request))

        try:
            return await send()
        except ModelConnectionError as error:
            if isinstance(error, ModelTimeoutError) or error.phase in ("pool", "connect"):
                raise
            return await send()


class _Patience:
    """The time that a reply may still take, less what its reader takes between events."""

    def __init__(self, whole_s: float, first_s: float) -> None:
        self._left_s = whole_s
        self._first_s = first_s

    async def wait(self, awaitable: Awaitable[_T]) -> _T:
        """Wait for the provider.

        Raises:
            TimeoutError: its time is used up.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(min(self._left_s, self._first_s)):
                return await awaitable
        finally:
            waited = loop.time() - started
            self._left_s -= waited
            self._first_s -= waited

    def begun(self) -> None:
        """The answer has begun, so only the time for the whole counts from now on."""
        self._first_s = math.inf


def _text_of(event: ModelResponseStreamEvent) -> str:
    match event:
        case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
        case _:
            return ""


def _calls_of(response: ModelResponse, options: LlmOptions) -> tuple[list[ToolCall], list[ToolReturnPart]]:
    """Give the calls that can be run, and for the others an answer that tells the model what is wrong."""
    names = {tool.name for tool in options.tools}
    calls: list[ToolCall] = []
    faults: list[ToolReturnPart] = []
    for part in response.parts:
        if not isinstance(part, ToolCallPart):
            continue
        call = to_call(part, names)
        if isinstance(call, ToolCall):
            calls.append(call)
        else:
            faults.append(ToolReturnPart(part.tool_name, call, tool_call_id=part.tool_call_id, outcome="failed"))
    return calls[:MAX_CALLS], faults
