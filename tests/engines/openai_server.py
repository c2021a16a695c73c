"""A small OpenAI-compatible server on loopback: real HTTP and server-sent events, scripted answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Answer = Callable[[dict[str, Any]], Response]


class OpenAiServer:
    """Answers each request with the next of ``answers``, or the last one again."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.bodies: list[dict[str, Any]] = []
        """What was asked, oldest first."""
        self.authorizations: list[str | None] = []
        self.models: Any = {"object": "list", "data": [{"id": "tiny"}]}
        self.open_streams = 0
        self.closed = asyncio.Event()
        """Set when a stream ends, by itself or because its client went away."""
        self.base_url = ""
        self.port = 0

    def reset(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.bodies.clear()
        self.authorizations.clear()
        self.closed.clear()

    async def chat(self, request: Request) -> Response:
        self.bodies.append(await request.json())
        self.authorizations.append(request.headers.get("authorization"))
        return self.answers[min(len(self.bodies), len(self.answers)) - 1](self.bodies[-1])

    async def list_models(self, request: Request) -> Response:
        return self.models if isinstance(self.models, Response) else JSONResponse(self.models)

    def streaming(self, *events: dict[str, Any] | str, then: str = "end") -> Answer:
        """Send events; then ``end`` well, ``hang``, or ``cut`` the connection."""

        async def body() -> AsyncIterator[str]:
            self.open_streams += 1
            try:
                for event in events:
                    yield event if isinstance(event, str) else f"data: {json.dumps(event)}\n\n"
                if then == "hang":
                    await asyncio.Event().wait()
                if then == "cut":
                    raise ConnectionAbortedError
                yield "data: [DONE]\n\n"
            finally:
                self.open_streams -= 1
                self.closed.set()

        return lambda _: StreamingResponse(body(), media_type="text/event-stream")

    def endless(self, event: dict[str, Any]) -> Answer:
        async def body() -> AsyncIterator[str]:
            self.open_streams += 1
            try:
                while True:
                    yield f"data: {json.dumps(event)}\n\n"
                    await asyncio.sleep(0)
            finally:
                self.open_streams -= 1
                self.closed.set()

        return lambda _: StreamingResponse(body(), media_type="text/event-stream")

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[OpenAiServer]:
        routes = [
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/models", self.list_models),
        ]
        # With the protocol named, asyncio switches Nagle off on what is accepted; else each small event takes 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.port = listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off", ws="none")
        server = _Quiet(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]))
            try:
                await server.ready.wait()
                yield self
            finally:
                server.should_exit = server.force_exit = True


class _Quiet(uvicorn.Server):
    """Leaves the process's signals alone, and tells when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def chunk(
    content: str | None = None, tool_calls: list[dict[str, Any]] | None = None, finish: str | None = None
) -> dict[str, Any]:
    """One event of a streamed chat completion."""
    delta: dict[str, Any] = {"role": "assistant"}
    if content is not None:
        delta["content"] = content
    if tool_calls is not None:
        delta["tool_calls"] = tool_calls
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [choice]}


def text(*deltas: str) -> list[dict[str, Any]]:
    return [*(chunk(delta) for delta in deltas), chunk(finish="stop")]


def usage(prompt: int, completion: int) -> dict[str, Any]:
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**chunk(), "choices": [], "usage": tokens}


def tool_call(index: int, name: str, *arguments: str, call_id: str = "") -> list[dict[str, Any]]:
    """A tool call whose arguments come in pieces."""
    first = {
        "index": index,
        "id": call_id or f"call_{index}",
        "type": "function",
        "function": {"name": name, "arguments": ""},
    }
    pieces = [{"index": index, "function": {"arguments": piece}} for piece in arguments]
    return [chunk(tool_calls=[call]) for call in (first, *pieces)]


def failing(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    content = body if body is not None else {"error": {"message": "no", "type": "x", "code": None}}
    return lambda _: JSONResponse(content, status, headers=headers)
