from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close
from websockets.http11 import Request, Response

from tests.client.scripted import Peer, scripted
from voicesrv_client.connection import Connection, closed
from voicesrv_client.errors import Closed, ProtocolError, Refused, Unreachable
from voicesrv_client.events import Ready, ServerError
from voicesrv_client.protocol import parse_event

pytestmark = pytest.mark.anyio


def ws(url: str) -> str:
    return url.replace("http", "ws") + "/ws"


async def test_messages_go_both_ways_until_a_close() -> None:
    async def talk(peer: Peer) -> None:
        await peer.ready(resume="r7")
        await peer.hear_audio(2)
        assert await peer.hear_command() == {"type": "ping"}
        await peer.socket.send(b"pcm")
        await peer.say("pong")
        await peer.socket.close(4002, "idle")

    async with scripted(talk) as url:
        connection, ready = await Connection.open(ws(url), None)
        assert ready == Ready("voicesrv.v1", "c1", resume="r7")
        await connection.send(b"ab")
        await connection.send('{"type": "ping"}')
        assert [await connection.receive(), await connection.receive()] == [b"pcm", '{"type": "pong"}']
        with pytest.raises(Closed, match="4002 idle") as caught:
            await connection.receive()
        assert caught.value.code == 4002
        with pytest.raises(Closed):
            await connection.send(b"late")
        await connection.close()


def test_a_connection_that_broke_is_1006() -> None:
    broken = closed(ConnectionClosedError(None, None))
    assert (broken.code, broken.retry_after_s) == (1006, None)
    # Our own keepalive, when the server is gone without a word.
    assert closed(ConnectionClosedError(None, Close(1011, "keepalive ping timeout"))).code == 1011


async def test_a_close_says_when_to_come_back_where_the_error_before_it_does() -> None:
    full: dict[str, Any] = {
        "type": "error",
        "code": "overloaded",
        "message": "no room",
        "fatal": True,
        "retry_after_ms": 1500,
    }

    async def never_lets_in(peer: Peer) -> None:
        await peer.say(**full)
        await peer.socket.close(1013, "overloaded")

    async def throws_out(peer: Peer) -> None:
        await peer.ready()
        await never_lets_in(peer)

    async with scripted(never_lets_in, throws_out) as url:
        with pytest.raises(Closed, match="1013 no room") as caught:
            await Connection.open(ws(url), None)
        assert caught.value.retry_after_s == 1.5
        connection, _ = await Connection.open(ws(url), None)
        failure = parse_event(str(await connection.receive()))
        assert isinstance(failure, ServerError)
        connection.explain(failure)
        with pytest.raises(Closed, match="1013 overloaded") as caught:
            await connection.receive()
        assert caught.value.retry_after_s == 1.5


async def test_entering_says_why_it_cannot() -> None:
    async def not_ours(peer: Peer) -> None:
        await peer.say("hello")

    async def binary(peer: Peer) -> None:
        await peer.socket.send(b"\0")

    async def not_found(peer: Peer) -> None:
        await peer.socket.send(
            json.dumps({"type": "error", "code": "not_found", "message": "no agent x", "fatal": True})
        )
        await peer.socket.close(4504, "not_found")

    async with scripted(not_ours, binary, not_found) as url:
        for _ in range(2):
            with pytest.raises(ProtocolError, match="no voicesrv"):
                await Connection.open(ws(url), None)
        with pytest.raises(Closed, match="4504 no agent x"):
            await Connection.open(ws(url), None)
    with pytest.raises(Unreachable):
        await Connection.open(ws(url), None)


async def test_a_refusal_carries_the_servers_words() -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        if "plain" in request.path:
            return connection.respond(HTTPStatus.BAD_GATEWAY, "<html>")
        body = {"type": "error", "code": "bad_parameter", "message": "sample_rate: 7000 is outside 8000–48000"}
        return connection.respond(HTTPStatus.BAD_REQUEST, json.dumps(body))

    async def unused(socket: ServerConnection) -> None:
        raise AssertionError

    async with serve(unused, "127.0.0.1", 0, process_request=refuse) as server:
        url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        with pytest.raises(Refused, match="400: sample_rate: 7000 is outside") as caught:
            await Connection.open(ws(url), None)
        assert (caught.value.status, caught.value.code, caught.value.retry_after_s) == (400, "bad_parameter", None)
        with pytest.raises(Refused, match="502: Bad Gateway") as caught:
            await Connection.open(ws(url) + "/plain", None)
        assert caught.value.code == ""


@asynccontextmanager
async def moved(status: int, location: str | None) -> AsyncIterator[tuple[str, list[Request]]]:
    """Give the address of a server that sends callers from ``/moved`` on to ``location``, and what it is asked."""
    requests: list[Request] = []

    def redirect(connection: ServerConnection, request: Request) -> Response | None:
        requests.append(request)
        if not request.path.startswith("/moved"):
            return None
        response = connection.respond(HTTPStatus(status), "")
        if location is not None:
            response.headers["Location"] = location.format(host=request.headers["Host"])
        return response

    async def greet(caller: ServerConnection) -> None:
        await Peer(caller).ready()
        await caller.wait_closed()

    async with serve(greet, "127.0.0.1", 0, process_request=redirect) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", requests


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
async def test_a_server_that_has_moved_is_named_and_not_called(status: int, scheme: str) -> None:
    async with moved(status, None) as (elsewhere, called):
        address = f"{scheme}{elsewhere.removeprefix('ws')}/ws"
        async with moved(status, f"{address}?resume=r1") as (url, requests):
            with pytest.raises(Unreachable, match=rf"127\.0\.0\.1:\d+ redirects to {address}; ") as caught:
                await Connection.open(f"{url}/moved?resume=r1", "key")
            assert "r1" not in str(caught.value)
            assert len(requests) == 1
        assert called == []


async def test_a_server_that_is_sent_on_to_https_on_the_same_port_is_not_called_in_the_clear_again() -> None:
    async with moved(301, "https://{host}/ws") as (url, requests):
        with pytest.raises(Unreachable, match=rf"redirects to https{url.removeprefix('ws')}/ws; "):
            await Connection.open(f"{url}/moved", "key")
        assert len(requests) == 1


@pytest.mark.parametrize("location", ["/ws?mode=listen", "ws://{host}/ws?mode=listen", "http://{host}/ws?mode=listen"])
async def test_another_place_on_the_same_server_is_followed(location: str) -> None:
    async with moved(307, location) as (url, requests):
        connection, _ = await Connection.open(f"{url}/moved", "key")
        await connection.close()
    assert [request.path for request in requests] == ["/moved", "/ws?mode=listen"]
    assert [request.headers["Authorization"] for request in requests] == ["Bearer key"] * 2


@pytest.mark.parametrize("location", ["wss://", "ftp://{host}/", "http://[", "/moved"])
async def test_who_is_sent_on_to_nowhere_arrives_nowhere(location: str) -> None:
    async with moved(302, location) as (url, _):
        with pytest.raises(Unreachable, match=r"no voicesrv answers at 127\.0\.0\.1:\d+: .+"):
            await Connection.open(f"{url}/moved", None)


async def test_a_redirect_without_an_address_is_a_refusal() -> None:
    async with moved(301, None) as (url, _):
        with pytest.raises(Refused, match="301: Moved Permanently"):
            await Connection.open(f"{url}/moved", None)


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("socks_proxy", "socks5://127.0.0.1:1", ""),
        ("https_proxy", "127.0.0.1:1", "127.0.0.1:1 isn't a valid proxy"),
        ("http_proxy", "ftp://x:1", "ftp://x:1 isn't a valid proxy"),
        ("http_proxy", "http://127.0.0.1:port", "port"),
    ],
)
async def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, problem: str) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv(variable, value)
    with pytest.raises(Unreachable, match=f"no voicesrv answers at voice.test: .*{problem}"):
        await Connection.open("ws://voice.test/ws", None)


@pytest.mark.parametrize("host", ["a..b", "127.0.0.1:99999", "user@127.0.0.1"])
async def test_an_address_that_cannot_be_one(host: str) -> None:
    with pytest.raises(Unreachable, match=f"no voicesrv answers at {host}: .+"):
        await Connection.open(f"ws://{host}/ws", None)


async def test_who_hangs_up_is_told_of_where_nothing_else_is_said() -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hangs_up, "127.0.0.1", 0) as server:
        with pytest.raises(Unreachable, match=r"no voicesrv answers at 127\.0\.0\.1:\d+: ConnectionResetError|reset"):
            await Connection.open(f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}", None)


async def test_who_takes_the_connection_and_says_nothing_is_not_waited_for() -> None:
    closed = asyncio.Event()

    async def is_silent(peer: Peer) -> None:
        await peer.socket.wait_closed()
        closed.set()

    async with scripted(is_silent) as url:
        with pytest.raises(Unreachable, match=r"no voicesrv answers at 127\.0\.0\.1:\d+ within 1 s"):
            await Connection.open(ws(url), None, limit_s=1.0)
        await closed.wait()


async def test_nor_is_who_answers_no_upgrade() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(Unreachable, match=r"within 0\.1 s"):
        await Connection.open(f"ws://127.0.0.1:{listening.getsockname()[1]}", None, limit_s=0.1)
