from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

from tests.engines.openai_server import OpenAiServer, chunk, failing, text, tool_call, usage
from tests.engines.virtual_loop import run
from voicesrv.engines.base import AgentItem, Item, LlmEvent, LlmOptions, TextDelta, Usage, UserItem
from voicesrv.engines.pydantic_llm import MAX_CALLS, PydanticLlm, PydanticLlmOptions, _Patience
from voicesrv.errors import EngineError, EngineUnavailable, VoicesrvError
from voicesrv.events import Tool, ToolCall

KEY = "sk-canary-0123456789"
HELLO: tuple[Item, ...] = (UserItem("hello"),)
WEATHER = Tool("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
WITH_TOOLS = LlmOptions(tools=(WEATHER,))


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[OpenAiServer]:
    async with OpenAiServer().serving() as running:
        yield running


@pytest.fixture(scope="module")
async def llm(server: OpenAiServer) -> AsyncIterator[PydanticLlm]:
    options = PydanticLlmOptions(base_url=server.base_url, api_key=SecretStr(KEY))
    async with PydanticLlm("tiny", options) as entered:
        yield entered


async def collect(
    llm: PydanticLlm, items: tuple[Item, ...] = HELLO, options: LlmOptions | None = None
) -> list[LlmEvent]:
    async with aclosing(llm.reply(items, options or LlmOptions())) as events:
        return [event async for event in events]


async def _read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))


def said(events: list[LlmEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.anyio
class TestReply:
    async def test_text_streams_and_the_cost_comes_last(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(*text("Hello", " there", "."), usage(12, 3)))
        assert await collect(llm) == [TextDelta("Hello"), TextDelta(" there"), TextDelta("."), Usage(12, 3)]

    async def test_text_comes_before_the_reply_has_ended(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(chunk("Hello"), then="hang"))
        async with aclosing(llm.reply(HELLO, LlmOptions())) as events:
            assert await anext(events) == TextDelta("Hello")
            assert server.open_streams == 1

    async def test_what_is_asked(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(*text("Hi")))
        await collect(llm, options=LlmOptions("Be brief.", (WEATHER,), max_tokens=77))
        (body,) = server.bodies
        assert body["model"] == "tiny"
        assert body["stream"] is True
        assert body["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
        ]
        assert body["tools"][0]["function"]["name"] == "weather"
        assert 77 in (body.get("max_tokens"), body.get("max_completion_tokens"))
        assert "temperature" not in body
        assert server.authorizations == [f"Bearer {KEY}"]

    async def test_one_connection_serves_many_replies(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(*text("Hi")))
        replies = await asyncio.gather(*(collect(llm) for _ in range(20)))
        assert [said(events) for events in replies] == ["Hi"] * 20

    async def test_temperature(self, server: OpenAiServer) -> None:
        server.reset(server.streaming(*text("Hi")))
        async with PydanticLlm("tiny", PydanticLlmOptions(base_url=server.base_url, temperature=0.25)) as llm:
            await collect(llm)
        assert server.bodies[0]["temperature"] == 0.25

    async def test_an_empty_reply_is_empty(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(chunk(finish="stop")))
        assert await collect(llm) == []

    async def test_thoughts_are_not_said(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(*text("<think>", "Hm, let me see.", "</think>", "Four.")))
        assert said(await collect(llm)).strip() == "Four."


@pytest.mark.anyio
class TestBounds:
    async def test_a_reply_is_cut_at_its_longest(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.endless(chunk("la ")))
        reply = said(await collect(llm, options=LlmOptions(max_tokens=50)))
        assert len(reply) == 300
        async with asyncio.timeout(5):
            await server.closed.wait()

    async def test_a_circle_is_cut(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.endless(chunk("I am a little teapot. ")))
        assert said(await collect(llm)) == "I am a little teapot. I am a little teapot. I am a little teapot."

    async def test_closing_early_ends_the_request(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.endless(chunk("la ")))
        events = llm.reply(HELLO, LlmOptions())
        await anext(events)
        await events.aclose()
        async with asyncio.timeout(5):
            await server.closed.wait()
        assert server.open_streams == 0

    async def test_cancelling_ends_the_request(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(chunk("Hello"), then="hang"))
        heard = asyncio.Event()

        async def listen() -> None:
            async with aclosing(llm.reply(HELLO, LlmOptions())) as events:
                async for _ in events:
                    heard.set()

        task = asyncio.create_task(listen())
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await server.closed.wait()

    async def test_time_runs_out_in_the_middle(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(chunk("Hello"), then="hang"))
        events = llm.reply(HELLO, LlmOptions(timeout_s=0.05))
        with pytest.raises(EngineUnavailable, match="'tiny' did not answer in time"):
            async for event in events:
                assert event == TextDelta("Hello")

    async def test_time_runs_out_before_the_first_word(self, server: OpenAiServer) -> None:
        server.reset(server.streaming(then="hang"))
        options = PydanticLlmOptions(base_url=server.base_url, first_timeout_s=0.05)
        async with PydanticLlm("tiny", options) as llm:
            with pytest.raises(EngineUnavailable, match="in time"):
                await collect(llm)


def test_the_readers_time_does_not_count() -> None:
    async def main() -> None:
        patience = _Patience(whole_s=1.0, first_s=0.5)
        await patience.wait(asyncio.sleep(0.4))
        patience.begun()
        await asyncio.sleep(10)  # the reader dawdles
        await patience.wait(asyncio.sleep(0.5))
        with pytest.raises(TimeoutError):
            await patience.wait(asyncio.sleep(0.2))

    run(main())


def test_the_first_sign_of_life_has_a_time_of_its_own() -> None:
    async def main() -> None:
        patience = _Patience(whole_s=10.0, first_s=0.5)
        await patience.wait(asyncio.sleep(0.3))
        with pytest.raises(TimeoutError):
            await patience.wait(asyncio.sleep(0.3))

    run(main())


@pytest.mark.anyio
class TestTools:
    async def test_calls_come_whole(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(
            server.streaming(
                chunk("Let me see."),
                *tool_call(0, "weather", '{"ci', 'ty": "Rome"}'),
                *tool_call(1, "weather", '{"city": "Oslo"}'),
                chunk(finish="tool_calls"),
            )
        )
        assert await collect(llm, options=WITH_TOOLS) == [
            TextDelta("Let me see."),
            ToolCall("call_0", "weather", {"city": "Rome"}),
            ToolCall("call_1", "weather", {"city": "Oslo"}),
        ]

    async def test_no_arguments_are_an_empty_object(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(*tool_call(0, "weather", ""), chunk(finish="tool_calls")))
        assert await collect(llm, options=WITH_TOOLS) == [ToolCall("call_0", "weather", {})]

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [("weather", '{"city": '), ("weather", "[1]"), ("weather", "{'a': 1}"), ("format_disk", "{}")],
    )
    async def test_a_call_that_makes_no_sense_is_sent_back(
        self, server: OpenAiServer, llm: PydanticLlm, name: str, arguments: str
    ) -> None:
        server.reset(
            server.streaming(*tool_call(0, name, arguments), chunk(finish="tool_calls"), usage(5, 1)),
            server.streaming(*text("Sorry."), usage(7, 1)),
        )
        assert await collect(llm, options=WITH_TOOLS) == [TextDelta("Sorry."), Usage(12, 2)]
        told = server.bodies[1]["messages"][-1]
        assert told["role"] == "tool"
        assert told["tool_call_id"] == "call_0"

    async def test_it_is_sent_back_once(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(*tool_call(0, "weather", "nonsense"), chunk(finish="tool_calls")))
        assert await collect(llm, options=WITH_TOOLS) == []
        assert len(server.bodies) == 2

    async def test_good_calls_pass_beside_bad_ones(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(
            server.streaming(*tool_call(0, "nope", "{}"), *tool_call(1, "weather", "{}"), chunk(finish="tool_calls"))
        )
        assert await collect(llm, options=WITH_TOOLS) == [ToolCall("call_1", "weather", {})]

    async def test_too_many_calls_are_cut(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        calls = [event for n in range(50) for event in tool_call(n, "weather", "{}")]
        server.reset(server.streaming(*calls, chunk(finish="tool_calls")))
        assert len(await collect(llm, options=WITH_TOOLS)) == MAX_CALLS


SECRETIVE = {"error": {"message": f"Incorrect API key provided: {KEY}. You said: hello", "type": "x", "code": "y"}}


@pytest.mark.anyio
class TestFailures:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, EngineError),
            (401, EngineUnavailable),
            (402, EngineUnavailable),
            (403, EngineUnavailable),
            (404, EngineUnavailable),
            (422, EngineError),
            (429, EngineUnavailable),
            (500, EngineUnavailable),
            (503, EngineUnavailable),
        ],
    )
    async def test_status(self, server: OpenAiServer, llm: PydanticLlm, status: int, kind: type[VoicesrvError]) -> None:
        server.reset(failing(status, SECRETIVE, {"retry-after": "9"}))
        with pytest.raises(kind, match=rf"language model 'tiny' .*HTTP {status}") as caught:
            await collect(llm)
        assert len(server.bodies) == 1  # nobody slept and tried again
        assert KEY not in str(caught.value)
        assert "hello" not in str(caught.value)
        assert caught.value.__suppress_context__

    async def test_a_redirect_is_not_followed(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(failing(307, {}, {"location": "http://192.0.2.1/v1/chat/completions"}))
        with pytest.raises(EngineUnavailable):
            await collect(llm)

    async def test_cut_in_the_middle(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(chunk("Hello"), then="cut"))
        events = llm.reply(HELLO, LlmOptions())
        assert await anext(events) == TextDelta("Hello")
        with pytest.raises(EngineUnavailable, match="connection was lost"):
            await anext(events)

    @pytest.mark.parametrize(
        "garbage",
        [
            "data: {not json\n\n",
            "data: []\n\n",
            'data: {"choices": 7}\n\n',
            "data: " + "[" * 5000 + "\n\n",
            "\x00\xff\n\n",
        ],
    )
    async def test_garbage(self, server: OpenAiServer, llm: PydanticLlm, garbage: str) -> None:
        server.reset(server.streaming(garbage))
        try:
            assert await collect(llm) == []
        except (EngineUnavailable, EngineError) as error:
            assert "language model 'tiny'" in str(error)

    async def test_a_kept_connection_that_the_provider_has_closed(self) -> None:
        """The second request on a connection is met with its end; a new connection serves it."""
        answer = b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in text("Hi")) + b"data: [DONE]\n\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(answer)
        connections = 0
        gone = asyncio.Semaphore(0)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await _read_request(reader)
            writer.write(head + answer)
            await reader.read(1)
            writer.close()
            gone.release()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            async with PydanticLlm("tiny", PydanticLlmOptions(base_url=f"http://127.0.0.1:{port}/v1")) as llm:
                assert said(await collect(llm)) == "Hi"
                assert said(await collect(llm)) == "Hi"
            for _ in range(connections):
                await gone.acquire()
        assert connections == 2

    async def test_an_error_within_the_stream(self, server: OpenAiServer, llm: PydanticLlm) -> None:
        server.reset(server.streaming(chunk("Hello"), SECRETIVE))
        events = llm.reply(HELLO, LlmOptions())
        assert await anext(events) == TextDelta("Hello")
        with pytest.raises((EngineUnavailable, EngineError)) as caught:
            await anext(events)
        assert KEY not in str(caught.value)

    async def test_nobody_listens(self) -> None:
        async with PydanticLlm("tiny", PydanticLlmOptions(base_url="http://127.0.0.1:9/v1")) as llm:
            with pytest.raises(EngineUnavailable, match="cannot be reached"):
                await collect(llm)

    async def test_nothing_to_answer(self, llm: PydanticLlm) -> None:
        for items in [(), (AgentItem("Hello."),)]:
            with pytest.raises(EngineError, match="nothing to answer"):
                await collect(llm, items)

    async def test_not_open(self) -> None:
        with pytest.raises(EngineUnavailable, match="not open"):
            await collect(PydanticLlm("tiny", PydanticLlmOptions(base_url="http://127.0.0.1:9/v1")))


class TestOptions:
    def test_the_key_is_not_shown(self) -> None:
        assert KEY not in repr(PydanticLlmOptions(api_key=SecretStr(KEY)))

    @pytest.mark.parametrize(
        "values",
        [{"base_url": "localhost:8080"}, {"base_url": "file:///x"}, {"temperature": 3.0}, {"first_timeout_s": 0.0}],
    )
    def test_nonsense_is_refused(self, values: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(values))):
            PydanticLlmOptions(**values)

    @pytest.mark.anyio
    async def test_it_has_room_and_a_name(self, llm: PydanticLlm) -> None:
        assert llm.room() is None
        assert llm.name == "tiny"
