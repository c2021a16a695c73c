from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.hostile.raw import CLOSE, Answer, connected, frame, upgraded
from voicesrv.errors import ClientError, Code
from voicesrv.options import Options
from voicesrv.transport.auth import Access, AccessOptions
from voicesrv.transport.http import Guard, error_handlers, routes
from voicesrv.transport.server import running

pytestmark = pytest.mark.anyio
KEY = "alices-own-key"


@dataclass
class Choice:
    name: str
    chosen: bool


@dataclass
class Shelf:
    by_kind: dict[str, list[Choice]] = field(default_factory=lambda: {"stt": [Choice("null", True)]})

    def choices(self) -> dict[str, list[Choice]]:
        return self.by_kind


@dataclass
class Site:
    """An app with the routes, and what it is to answer."""

    keys: tuple[str, ...] = ()
    not_ready: ClientError | None = None
    host: str = "127.0.0.1"

    def app(self) -> Starlette:
        access = Access(AccessOptions(api_keys=self.keys, open_access=not self.keys), self.host)
        return Starlette(
            routes=[
                WebSocketRoute("/ws", accept),
                Route("/fails", fail),
                Route("/half", half),
                *routes(access, Shelf(), self._ready, dataclasses.replace(Options(), language="de")),
            ],
            middleware=[Middleware(Guard)],
            exception_handlers=error_handlers(),
        )

    async def _ready(self) -> ClientError | None:
        return self.not_ready

    async def ask(self, line: str, *headers: str) -> Answer:
        async with running(self.app()) as url, connected(url) as client:
            return await client.request(f"{line} HTTP/1.1", *headers)


async def accept(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


async def fail(request: Request) -> Response:
    raise RuntimeError("the canary")


async def half(request: Request) -> Response:
    async def body() -> Any:
        yield b"x"
        raise RuntimeError("the canary")

    return StreamingResponse(body(), headers={"content-length": "2"})


async def test_healthz_needs_nothing() -> None:
    site = Site(keys=(KEY,), not_ready=ClientError(Code.OVERLOADED, "warming up"))
    answer = await site.ask("GET /healthz", "Host: evil.example", "Origin: http://evil.example")
    assert (answer.status, answer.body) == (200, b"ok\n")


async def test_readyz_says_why_not() -> None:
    assert (await Site().ask("GET /readyz")).json() == {"ready": True}
    answer = await Site(not_ready=ClientError(Code.OVERLOADED, "warming up", retry_after_ms=1500)).ask("GET /readyz")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json() == {
        "type": "error",
        "code": "overloaded",
        "message": "warming up",
        "fatal": True,
        "retry_after_ms": 1500,
    }


async def test_metrics_and_engines_ask_for_a_key_where_there_are_keys() -> None:
    for path, part in (
        ("/metrics", b"voicesrv_connections"),
        ("/v1/engines", b'{"stt":[{"name":"null","chosen":true}]}'),
    ):
        assert part in (await Site().ask(f"GET {path}")).body
        refused = await Site(keys=(KEY,)).ask(f"GET {path}")
        assert (refused.status, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
        allowed = await Site(keys=(KEY,)).ask(f"GET {path}", f"Authorization: Bearer {KEY}")
        assert allowed.status == 200
        assert allowed.headers["cache-control"] == "no-store"


async def test_a_token_is_issued_and_used() -> None:
    async with running(Site(keys=(KEY,)).app()) as url, connected(url) as client:
        answer = await client.request("POST /v1/token HTTP/1.1", f"Authorization: Bearer {KEY}", "Content-Length: 0")
        assert answer.status == 200
        assert answer.json()["expires_in_s"] == 60
        token = answer.json()["token"]
        again = await client.request("POST /v1/token HTTP/1.1", f"Authorization: Bearer {token}", "Content-Length: 0")
        assert (again.status, again.json()["code"]) == (403, "forbidden")
        used = await client.request(f"GET /v1/engines?token={token} HTTP/1.1")
        assert used.status == 401


async def test_a_page_of_another_origin_gets_nothing() -> None:
    for path in ("/metrics", "/v1/engines"):
        answer = await Site().ask(f"GET {path}", "Origin: http://evil.example")
        assert (answer.status, answer.json()["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize("line", ["GET /metrics", "GET /v1/engines", "POST /v1/token"])
async def test_a_page_whose_name_was_rebound_gets_nothing(line: str) -> None:
    """It is of the same origin, so that its browser sends none."""
    site = Site(host="0.0.0.0")
    answer = await site.ask(line, "Host: rebound.example:8000", "Content-Length: 0")
    assert (answer.status, answer.json()["code"]) == (403, "origin_not_allowed")
    assert "'rebound.example'" in answer.json()["message"] and "allowed_hosts" in answer.json()["message"]
    for host in ("192.168.0.7:8000", "voice:8000", "voice.local"):
        assert (await site.ask(line, f"Host: {host}", "Content-Length: 0")).status == 200
    assert (await site.ask("GET /healthz", "Host: rebound.example")).status == 200


@pytest.mark.parametrize("path", ["/ws", "/v1/stream"])
async def test_a_websocket_opened_as_a_page_says_how(path: str) -> None:
    answer = await Site(keys=(KEY,)).ask(f"GET {path}", "Host: localhost:1234")
    assert answer.status == 400
    body = answer.json()
    assert body["code"] == "bad_parameter"
    assert body["parameters"]["sample_rate"] == 16000
    assert body["parameters"]["language"] == "de"
    assert body["parameters"].keys() >= {"conversation", "resume", "token", "after"}
    assert "tools" not in body["parameters"]
    assert body["example"].startswith(f"ws://localhost:1234{path}?")
    assert "WebSocket" in body["usage"]


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("GET /nothing", 404, "not_found"),
        ("GET /../../etc/passwd", 404, "not_found"),
        ("GET /%2e%2e/%00/%0d%0aSet-Cookie:%20a=b", 404, "not_found"),
        ("PUT /ws", 405, "bad_parameter"),
        ("POST /healthz", 405, "bad_parameter"),
        ("GET /v1/token", 405, "bad_parameter"),
        ("GET /fails", 500, "internal"),
    ],
)
async def test_errors_have_one_shape(line: str, status: int, code: str) -> None:
    answer = await Site().ask(line)
    assert answer.status == status
    assert answer.json().keys() == {"type", "code", "message", "fatal"}
    assert answer.json()["code"] == code
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert "canary" not in answer.body.decode()


async def test_a_failure_is_logged_once_with_the_id_that_the_client_got(caplog: pytest.LogCaptureFixture) -> None:
    answer = await Site().ask("GET /fails")
    assert answer.json()["message"].startswith("request id ")
    assert [answer.json()["message"] in each.getMessage() for each in caplog.records if each.exc_info] == [True]


async def test_half_an_answer_is_cut_off() -> None:
    async with running(Site().app()) as url, connected(url) as client:
        client.send(b"GET /half HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await client.end()).endswith(b"\r\n\r\nx")


async def test_a_websocket_where_there_is_none_is_404_before_the_upgrade() -> None:
    async with running(Site().app()) as url, connected(url) as client:
        answer = await client.upgrade("/v1/nothing")
        assert (answer.status, answer.json()["code"]) == (404, "not_found")
    async with running(Site().app()) as url, connected(url) as client:
        assert (await client.upgrade("/ws")).status == 101


async def test_a_page_that_opens_a_websocket_where_there_is_none_is_told_on_it() -> None:
    async with running(Site().app()) as url, upgraded(url, "/v1/nothing?refuse=socket") as client:
        assert (await client.message())["message"] == "no WebSocket at this path"
        assert await client.close() == (4504, "not_found")


async def test_a_refused_client_is_not_held_however_it_goes_on() -> None:
    """It shows no key, so it may neither keep a megabyte of a half message here nor wait with its answer."""
    async with running(Site().app()) as url, upgraded(url, "/v1/nothing?refuse=socket") as client:
        client.send(b"\x82\xff" + (1 << 20).to_bytes(8, "big") + bytes(1 << 12))
        assert (await client.message())["code"] == "not_found"
        assert await client.end() == frame(CLOSE, (4504).to_bytes(2, "big") + b"not_found", mask=False)
