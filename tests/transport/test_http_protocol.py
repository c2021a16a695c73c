from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.hostile.raw import RawClient, connected, text, upgraded
from tests.transport.apps import EchoApp, answer
from voicesrv import metrics
from voicesrv.transport import http_protocol
from voicesrv.transport.server import ServerOptions, running

pytestmark = pytest.mark.anyio


def options(**changes: Any) -> ServerOptions:
    return ServerOptions(**{"port": 0, **changes})


async def test_requests_one_after_the_other_and_pipelined() -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        assert (await client.request("GET /one HTTP/1.1")).body == b"/one"
        two = b"GET /two HTTP/1.1\r\nHost: x\r\n\r\nGET /three HTTP/1.1\r\nHost: x\r\n\r\n"
        client.send(two)
        assert [(await client.answer()).body for _ in range(2)] == [b"/two", b"/three"]


async def test_a_request_may_come_byte_by_byte() -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        for byte in b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n":
            client.send(bytes((byte,)))
            await client.writer.drain()
        answer = await client.answer()
        assert answer.body == b"/slow"
        assert "server" not in answer.headers
        assert "date" in answer.headers


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET /" + "x" * 8191 + " HTTP/1.1", [], 200),
        ("GET /" + "x" * 8192 + " HTTP/1.1", [], 414),
        ("GET / HTTP/1.1", [f"X-{i}: y" for i in range(99)], 200),
        ("GET / HTTP/1.1", [f"X-{i}: y" for i in range(100)], 431),
        ("GET / HTTP/1.1", ["X-Long: " + "y" * 32_000], 200),
        ("GET / HTTP/1.1", ["X-Long: " + "y" * 33_000], 431),
        ("GET / HTTP/1.1", ["X-Long: " + "y" * 1_000_000], 431),
        ("GET / HTTP/1.1", ["Transfer-Encoding: chunked", "Content-Length: 5"], 400),
        ("GET / HTTP/1.1", ["Content-Length: 5", "Content-Length: 6"], 400),
        ("GET / HTTP/1.1", ["Content-Length: -1"], 400),
        ("GET / HTTP/1.1", ["X: a\x00b"], 400),
        ("GET /\x00 HTTP/1.1", [], 400),
        ("GET /\xff HTTP/1.1", [], 400),
        ("NOISE", [], 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [], 400),
    ],
)
async def test_requests_at_and_over_the_bounds(
    line: str, headers: list[str], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        answer = await client.request(line, *headers)
        assert answer.status == status
        if status != 200:
            assert answer.json()["type"] == "error"
            assert answer.headers["connection"] == "close"
            assert await client.end() == b""
    assert not [record for record in caplog.records if record.exc_info or record.levelno > logging.INFO]


async def test_a_header_line_without_an_end_is_refused_while_it_comes() -> None:
    """The parser keeps a line until it is whole, so that its own size says nothing."""
    async with running(EchoApp()) as url, connected(url) as client:
        client.send(b"GET / HTTP/1.1\r\nX-Long: ")
        await client.flood(bytes(1000).replace(b"\0", b"y"), 5000)
        assert (await client.answer()).status == 431


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nX: y\r\n", b"\r\n"])
async def test_a_header_that_does_not_come_ends_the_connection(sent: bytes) -> None:
    async with running(EchoApp(), options(header_timeout_s=0.2)) as url, connected(url) as client:
        client.send(sent)
        if sent.strip():
            assert (await client.answer()).status == 408
        assert await client.end() == b""


async def test_dripping_does_not_stretch_the_time_for_a_header() -> None:
    async with running(EchoApp(), options(header_timeout_s=0.2)) as url, connected(url) as client:
        client.send(b"GET / HTTP/1.1\r\n")
        dripping = asyncio.create_task(client.flood(b"X: y\r\n", 10**9))
        client_answer = await client.answer()
        assert client_answer.status in (408, 431)
        dripping.cancel()


async def test_stray_line_ends_do_not_keep_a_connection() -> None:
    """They stop uvicorn's keep-alive timer and begin no request."""
    async with running(EchoApp(), options(header_timeout_s=0.2)) as url, connected(url) as client:
        await client.request()
        client.send(b"\r\n")
        assert await client.end() == b""


@contextlib.asynccontextmanager
async def full(n: int = 3) -> AsyncIterator[str]:
    """A server with as many connections as it may have."""
    async with running(EchoApp(), options(max_connections=n)) as url, contextlib.AsyncExitStack() as stack:
        for _ in range(n):
            client = await stack.enter_async_context(connected(url))
            assert (await client.request()).status == 200
        yield url


async def test_one_connection_too_many_is_told_so() -> None:
    async with full() as url:
        async with connected(url) as extra:
            answer = await extra.request()
            assert (answer.status, answer.json()["code"]) == (503, "overloaded")
            assert answer.headers["retry-after"] == "1"
            assert await extra.end() == b""
        async with connected(url) as extra:
            assert (await extra.upgrade("/ws")).status == 503
        async with upgraded(url, "/ws?refuse=socket") as extra:
            error = await extra.message()
            assert (error["code"], error["retry_after_ms"]) == ("overloaded", 1000)
            assert await extra.close() == (1013, "overloaded")


async def test_far_too_many_are_not_heard_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "_OVERFLOW", 1)
    async with full() as url, connected(url) as heard, connected(url) as not_heard:
        answer = await not_heard.answer()
        assert (answer.status, answer.json()["code"]) == (503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        assert await not_heard.end() == b""
        assert (await heard.request()).status == 503


# --- those who ask nothing -----------------------------------------------------------------------


@contextlib.asynccontextmanager
async def elsewhere(url: str) -> AsyncIterator[RawClient]:
    """Connect from another address than ``connected`` does."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=("127.0.0.2", 0))
    try:
        yield RawClient(reader, writer, parts.netloc)
    finally:
        writer.transport.abort()


def n_dropped() -> float:
    return float(metrics.DROPS.labels("http_idle")._value.get())


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nX-Drip: ", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_who_asks_nothing_keeps_nobody_out_who_comes_from_elsewhere(sent: bytes) -> None:
    before = n_dropped()
    async with running(EchoApp(), options(max_connections=10)) as url, contextlib.AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(elsewhere(url)) for _ in range(10)]
        for each in slow:
            each.send(sent)
            if sent.endswith(b"\r\n\r\n"):
                assert (await each.answer()).status == 200
        honest = [await stack.enter_async_context(connected(url)) for _ in range(2)]
        assert [(await each.request()).status for each in honest] == [200, 200]
        talking = await stack.enter_async_context(upgraded(url))
        assert [await each.end() for each in slow[:3]] == [b""] * 3
        again = await stack.enter_async_context(elsewhere(url))
        assert (await again.request()).status == 503
        talking.send(text("hi"))
        assert await talking.message() == "hi"
        assert n_dropped() == before + 3


async def test_who_has_gone_has_no_place_to_give() -> None:
    bounds = options(max_connections=2, header_timeout_s=0.2)
    async with running(EchoApp(), bounds) as url, contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(elsewhere(url)) for _ in range(2)]
        assert [await each.end() for each in silent] == [b""] * 2
        for _ in range(2):
            talking = await stack.enter_async_context(elsewhere(url))
            assert (await talking.upgrade("/")).status == 101
        async with connected(url) as client:
            assert (await client.request()).status == 503


async def test_who_asks_or_talks_gives_way_to_nobody() -> None:
    asked = asyncio.Event()

    class App(EchoApp):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"] == "/long":
                asked.set()
                await receive()
                await asyncio.Event().wait()
            await super().__call__(scope, receive, send)

    async with running(App(), options(max_connections=3, drain_s=0)) as url, contextlib.AsyncExitStack() as stack:
        talking = [await stack.enter_async_context(elsewhere(url)) for _ in range(2)]
        for each in talking:
            assert (await each.request()).status == 200
            assert (await each.upgrade("/")).status == 101
        asking = await stack.enter_async_context(elsewhere(url))
        asking.send(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        await asked.wait()
        async with connected(url) as client:
            assert (await client.request()).status == 503
        for each in talking:
            each.send(text("hi"))
            assert await each.message() == "hi"


class LongAnswers(EchoApp):
    """Is done with an answer to ``/long`` well before the client is."""

    SIZE = 16_000_000
    """More than the kernel keeps of it."""

    def __init__(self) -> None:
        super().__init__()
        self.given = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/long":
            await answer(send, bytes(self.SIZE))
            self.given.set()
            return
        await super().__call__(scope, receive, send)


async def test_who_still_reads_its_answer_gives_way_to_nobody() -> None:
    app = LongAnswers()
    async with running(app, options(max_connections=3)) as url, contextlib.AsyncExitStack() as stack:
        reading = await stack.enter_async_context(elsewhere(url))
        reading.send(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        await app.given.wait()
        silent = [await stack.enter_async_context(elsewhere(url)) for _ in range(2)]
        async with connected(url) as client:
            assert (await client.request()).status == 200
            assert await silent[0].end() == b""
            assert len((await reading.answer()).body) == app.SIZE
            assert (await reading.request()).status == 200


async def test_who_has_read_its_answer_gives_way_again() -> None:
    app = LongAnswers()
    async with running(app, options(max_connections=2)) as url, contextlib.AsyncExitStack() as stack:
        reading = [await stack.enter_async_context(elsewhere(url)) for _ in range(2)]
        for each in reading:
            app.given.clear()
            each.send(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
            await app.given.wait()
        async with connected(url) as client:
            assert (await client.request()).status == 503
        for each in reading:
            assert len((await each.answer()).body) == app.SIZE
        async with connected(url) as client:
            assert (await client.request()).status == 200
            assert await reading[0].end() == b""


# --- the Host ------------------------------------------------------------------------------------

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
)


@pytest.mark.parametrize("more", ["", UPGRADE], ids=["http", "websocket"])
@pytest.mark.parametrize(
    "lines",
    [
        "",
        "Host:\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: localhost\r\nhOST: evil.example\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: a@b\r\n",
        "Host: a,b\r\n",
        "Host: a%2eb\r\n",
        "Host: caf\xe9\r\n",
        "Host: a:b\r\n",
        "Host: ::1\r\n",
    ],
)
async def test_a_request_names_one_host(lines: str, more: str) -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        client.send(f"GET / HTTP/1.1\r\n{lines}{more}\r\n".encode("latin-1"))
        answer = await client.answer()
        assert (answer.status, answer.json()["code"]) == (400, "bad_parameter")
        assert answer.json()["message"].startswith("Host: ")
        assert await client.end() == b""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "my_voice-2.local", "voice:"])
async def test_names_and_addresses_are_hosts(host: str) -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        assert (await client.request("GET / HTTP/1.1", f"Host: {host}")).status == 200


@pytest.mark.parametrize(("line", "status"), [("", 200), ("Host: a\r\n", 200), ("Host: a b\r\n", 400)])
async def test_http_1_0_had_no_host(line: str, status: int) -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        client.send(f"GET / HTTP/1.0\r\n{line}\r\n".encode())
        assert (await client.answer()).status == status


async def test_a_request_of_before_http_1_is_none() -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        client.send(b"GET /\r\n\r\n")
        answer = await client.answer()
        assert (answer.status, answer.json()["message"]) == (400, "not an HTTP/1.1 request")


async def test_a_violation_in_the_middle_of_an_answer_cuts_it_off() -> None:
    started, released = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await EchoApp().live(receive, send)
            return
        started.set()
        await released.wait()

    async with running(app) as url, connected(url) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await started.wait()
        client.send(b"NOISE\r\n\r\n")
        assert await client.end() == b""
        released.set()


async def test_an_upgrade_to_something_else_is_an_ordinary_request() -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        answer = await client.request("GET /h2 HTTP/1.1", "Upgrade: h2c", "Connection: Upgrade")
        assert answer.body == b"/h2"
