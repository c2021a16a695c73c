from __future__ import annotations

import json
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
