"""The whole application over real sockets, on null engines: what only exists once the parts have met."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from voicesrv.agents import Agent
from voicesrv.app import check_language, create_app, server_options
from voicesrv.errors import ClientError
from voicesrv.options import Options
from voicesrv.settings import Settings
from voicesrv.testing import FakeStt
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
        engines = (await http.get("/v1/engines")).json()
        assert {"vad", "stt", "llm", "tts"} == set(engines)
        async with dial(at) as socket:
            await socket.recv()
            page = (await http.get("/metrics")).text
            assert "voicesrv_connections 1.0" in page and "voicesrv_room_streams 199.0" in page


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
