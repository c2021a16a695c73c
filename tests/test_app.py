"""The whole application over real sockets, on null engines: what only exists once the parts have met."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from voicesrv.agents import Agent
from voicesrv.app import check_language, check_voice, create_app, server_options
from voicesrv.engines.base import TtsCapabilities
from voicesrv.errors import ClientError
from voicesrv.options import Options
from voicesrv.settings import Settings
from voicesrv.testing import FakeStt, FakeTts
from voicesrv.transport.certificates import self_signed
from voicesrv.transport.server import running

pytestmark = pytest.mark.anyio

KEYS = ("alice:alice-key-1234", "bob+listen:bobby-key-1234")


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[str]:
    nulls = {"vad": "null", "stt": "null", "llm": "null", "tts": "null"}
    made = Settings(port=0, state_dir=str(folder), **(nulls | settings))
    app = create_app(made)
    async with running(app, server_options(made), app.state.drain) as url:
        yield url.removeprefix("http://")


def dial(at: str, query: str = "", key: str | None = None, **more: Any) -> connect:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return connect(
        f"ws://{at}/ws?{query}", compression=None, additional_headers=headers, proxy=None, max_queue=None, **more
    )


async def read_until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        message = await socket.recv()
        if isinstance(message, str):
            events.append(json.loads(message))
    return events


async def test_a_conversation(tmp_path: Path) -> None:
    async with serving(tmp_path) as at, dial(at, subprotocols=["voicesrv.v1"]) as socket:
        assert socket.subprotocol == "voicesrv.v1"
        ready = json.loads(await socket.recv())
        assert ready["engines"] == {"vad": "null", "stt": "null", "llm": "null", "tts": "null"}
        await socket.send(np.full(16000, 8000, np.int16).tobytes())
        await socket.send(bytes(16000))
        kinds = [event["type"] for event in await read_until(socket, "audio.end")]
        wanted = ["turn.start", "turn.end", "reply.start", "reply.text", "audio.start", "latency", "audio.end"]
        assert [kind for kind in wanted if kind in kinds] == wanted
        assert sorted(kinds.index(kind) for kind in wanted) == [kinds.index(kind) for kind in wanted]


async def test_http_beside_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as at, httpx.AsyncClient(base_url=f"http://{at}", trust_env=False) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).json() == {"ready": True}
        assert (await http.get("/healthz/")).status_code == 404  # and nobody is sent elsewhere
        engines = (await http.get("/v1/engines")).json()
        assert {"vad", "stt", "llm", "tts"} == set(engines)
        async with dial(at) as socket:
            await socket.recv()
            page = (await http.get("/metrics")).text
            assert "voicesrv_connections 1.0" in page and "voicesrv_room_streams 199.0" in page


async def test_it_says_what_it_has(tmp_path: Path) -> None:
    greets = {"clerk": Agent("clerk", instructions="the canary", greeting="Good evening.")}
    async with serving(tmp_path, agents=greets) as at, httpx.AsyncClient(base_url=f"http://{at}") as http:
        info = (await http.get("/v1/info")).json()
    assert info["version"] == version("voicesrv")
    assert info["features"] == {"history": False, "search": False, "tls": False, "auth_required": False}
    assert info["engines"] == {"vad": "null", "stt": "null", "llm": "null", "tts": "null"}
    assert info["voices"] == [{"name": "tone", "language": None}] and info["languages"] == ["*"]
    assert [agent["name"] for agent in info["agents"]] == ["default", "clerk"]
    assert "canary" not in json.dumps(info)


async def test_the_console_has_what_it_draws(tmp_path: Path) -> None:
    began = time.time()
    async with serving(tmp_path, max_conversations=7) as at, dial(at) as socket:
        await socket.send(np.full(16000, 8000, np.int16).tobytes() + bytes(16000))
        await read_until(socket, "audio.end")
        async with httpx.AsyncClient(base_url=f"http://{at}") as http:
            page = (await http.get("/metrics")).text
    found = {sample.name: sample for family in text_string_to_metric_families(page) for sample in family.samples}
    assert found["voicesrv_capacity_conversations"].value == 7
    assert found["voicesrv_room_streams"].value == 6
    assert began <= found["voicesrv_start_time_seconds"].value <= time.time()
    kinds = {line.partition('"')[2].partition('"')[0] for line in page.splitlines() if "voicesrv_streams{" in line}
    assert kinds == {"stt", "llm", "tts"}
    for stage in ("endpoint", "stt", "llm_first", "tts_first", "total"):
        assert f'voicesrv_stage_seconds_bucket{{le="0.5",stage="{stage}"}}' in page


async def test_pages_and_a_conversation_over_tls(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "tls", ["nas.fritz.box"])
    made = Settings(port=0, vad="null", stt="null", llm="null", tts="null", state_dir=str(tmp_path))
    app = create_app(made, certificate=certificate)
    trust = ssl.create_default_context(cafile=certificate.public)
    async with running(app, server_options(made, certificate), app.state.drain) as url:
        async with httpx.AsyncClient(base_url=url, verify=trust) as http:
            page = await http.get("/")
            assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
            info = (await http.get("/v1/info")).json()
            assert info["features"]["tls"] is True
            fetched = await http.get(info["certificate"])
            assert certificate.public is not None and fetched.content == certificate.public.read_bytes()
            assert (await http.get("/ws")).json()["example"].startswith("wss://127.0.0.1:")
        at = url.removeprefix("https://")
        async with connect(f"wss://{at}/ws", ssl=trust, compression=None, proxy=None, origin=Origin(url)) as socket:
            await socket.send(json.dumps({"type": "text", "text": "hello"}))
            kinds = [event["type"] for event in await read_until(socket, "audio.end")]
            assert kinds[0] == "ready" and "reply.text" in kinds
        with pytest.raises(InvalidStatus):
            await connect(f"wss://{at}/ws", ssl=trust, proxy=None, origin=Origin("https://evil.example"))


async def test_pages_can_be_left_out(tmp_path: Path) -> None:
    async with serving(tmp_path, pages=False) as at, httpx.AsyncClient(base_url=f"http://{at}") as http:
        for path in ("/", "/console", "/console/"):
            answer = await http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_keys_own_conversations_and_scopes_are_modes(tmp_path: Path) -> None:
    async with serving(tmp_path, api_keys=KEYS) as at:
        with pytest.raises(InvalidStatus) as refused:
            await dial(at)
        assert refused.value.response.status_code == 401
        async with dial(at, key="alice-key-1234") as socket:
            conversation = json.loads(await socket.recv())["conversation"]
            with pytest.raises(InvalidStatus) as refused:
                await dial(at, f"conversation={conversation}&mode=listen", key="bobby-key-1234")
            assert refused.value.response.status_code == 404
            with pytest.raises(InvalidStatus) as refused:
                await dial(at, key="bobby-key-1234")
            assert refused.value.response.status_code == 403
            body = json.loads(refused.value.response.body or b"")
            assert body["code"] == "forbidden" and body["fatal"] is True


async def test_a_full_server_refuses_before_the_upgrade(tmp_path: Path) -> None:
    async with serving(tmp_path, max_conversations=1) as at, dial(at):
        with pytest.raises(InvalidStatus) as refused:
            await dial(at)
        assert refused.value.response.status_code == 503
        assert int(refused.value.response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("settings", "query", "code", "close_code"),
    [
        ({"api_keys": KEYS}, "", "unauthorized", 4501),
        ({}, "mode=sing", "bad_parameter", 1008),
        ({}, "conversation=cv_none", "not_found", 4504),
        ({"max_conversations": 1}, "", "overloaded", 1013),
    ],
)
async def test_a_browser_is_refused_where_it_can_read_why(
    tmp_path: Path, settings: dict[str, Any], query: str, code: str, close_code: int
) -> None:
    async with serving(tmp_path, **settings) as at, AsyncExitStack() as stack:
        if code == "overloaded":
            await stack.enter_async_context(dial(at))
        socket = await stack.enter_async_context(dial(at, f"refuse=socket&{query}", subprotocols=["voicesrv.v1"]))
        error = json.loads(await socket.recv())
        assert (error["type"], error["code"], error["fatal"]) == ("error", code, True)
        assert ("retry_after_ms" in error) == (code == "overloaded")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (close_code, code)


@pytest.mark.parametrize(
    "query", ["agent=nobody", "stt=nothing", "tts=nothing", "llm=openai:gpt-4o", "conversation=cv_none"]
)
async def test_what_is_not_there_is_said_before_the_upgrade(tmp_path: Path, query: str) -> None:
    async with serving(tmp_path) as at:
        with pytest.raises(InvalidStatus) as refused:
            await dial(at, query)
        assert refused.value.response.status_code == 404


async def test_an_agent_greets(tmp_path: Path) -> None:
    async with serving(tmp_path, agents={"default": Agent(greeting="Hello there.")}) as at, dial(at) as socket:
        events = await read_until(socket, "audio.end")
        assert [event["delta"] for event in events if event["type"] == "reply.text"] == ["Hello there."]


async def test_a_restart_costs_nothing_that_was_said(tmp_path: Path) -> None:
    async with serving(tmp_path, drain_s=2) as at:
        socket = await dial(at)
        ready = json.loads(await socket.recv())
        await socket.send(json.dumps({"type": "text", "text": "remember me"}))
        seen = await read_until(socket, "reply.start")

    async def rest() -> list[dict[str, Any]]:
        events = []
        try:
            while True:
                message = await socket.recv()
                if isinstance(message, str):
                    events.append(json.loads(message))
        except ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 1012
        return events

    seen += await rest()
    assert seen[-1]["code"] == "shutting_down" and seen[-1]["fatal"]
    async with serving(tmp_path) as at:
        query = f"conversation={ready['conversation']}&resume={ready['resume']}&after={seen[0]['seq']}"
        async with dial(at, query) as socket:
            again = json.loads(await socket.recv())
            assert again["conversation"] == ready["conversation"] and again["seq"] == seen[0]["seq"]
            told = [json.loads(await socket.recv()) for _ in seen[1:]]
            assert told == seen[1:]


async def test_healthz_answers_while_conversations_go_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as at, httpx.AsyncClient(base_url=f"http://{at}", trust_env=False) as http:
        sockets = [await dial(at) for _ in range(20)]
        for socket in sockets:
            await socket.send(json.dumps({"type": "text", "text": "hi"}))
        answers = await asyncio.gather(*(http.get("/healthz") for _ in range(20)))
        assert all(answer.status_code == 200 for answer in answers)
        for socket in sockets:
            await socket.close()


@pytest.mark.parametrize(
    ("language", "mode", "fine"),
    [
        ("en", "converse", True),
        ("en-GB", "listen", True),
        ("EN", "listen", True),
        ("de", "listen", False),
        ("auto", "converse", True),
        ("de", "speak", True),
    ],
)
def test_a_language_that_is_not_understood_is_refused(language: str, mode: str, fine: bool) -> None:
    stt = FakeStt()  # English alone
    options = Options(language=language, mode=mode)
    if fine:
        check_language(options, stt)
    else:
        with pytest.raises(ClientError, match=f"language: '{language}' is .*allowed are auto, en"):
            check_language(options, stt)


@pytest.mark.parametrize("voice", ["", "en-us", "en-us+f3"])
def test_a_voice_that_is_there(voice: str) -> None:
    check_voice(voice, _with_voices("en-us", "de"))
    check_voice(f"{voice}-anything", _with_voices())  # an engine that names none knows them itself


@pytest.mark.parametrize("voice", ["nobody", "nobody+f3", "en-us+f4", "en-us+", "+f3"])
def test_a_voice_that_is_not_there_is_refused_before_it_is_to_speak(voice: str) -> None:
    with pytest.raises(ClientError) as told:
        check_voice(voice, _with_voices("en-us", "de"))
    allowed = "it has 2, such as en-us, de, each with variants, such as en-us+f3"
    assert str(told.value) == f"voice: fake has no '{voice}'; {allowed}"


def _with_voices(*names: str) -> FakeTts:
    tts = FakeTts()
    tts.capabilities = TtsCapabilities(24_000, voices=names, variants=("f3",))
    return tts
