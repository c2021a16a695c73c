from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from collections.abc import Callable
from typing import Any, cast

import pytest
from starlette.types import Receive, Scope, Send

from tests.hostile.raw import BINARY, CLOSE, PING, PONG, TEXT, connected, frame, text, upgraded
from tests.transport.apps import DeafApp, EchoApp, FloodApp
from voicesrv.transport.server import ServerOptions, running
from voicesrv.transport.wire import wire_of

pytestmark = pytest.mark.anyio


def options(**changes: Any) -> ServerOptions:
    return ServerOptions(**{"port": 0, **changes})


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until something holds that nobody tells of."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


async def test_messages_of_every_size_come_back() -> None:
    async with running(EchoApp()) as url, upgraded(url) as client:
        for size in (0, 1, 125, 126, 65_535, 65_536, 1 << 20):
            client.send(frame(BINARY, bytes(size)))
            assert await client.frame() == (BINARY, bytes(size))
        client.send(frame(TEXT, "Grüße".encode()))
        assert await client.frame() == (TEXT, "Grüße".encode())


async def test_a_message_may_come_byte_by_byte_and_in_fragments() -> None:
    async with running(EchoApp()) as url, upgraded(url) as client:
        message = frame(BINARY, b"ab", fin=False) + frame(PING, b"now") + frame(0, b"cd", fin=False) + frame(0, b"ef")
        for byte in message:
            client.send(bytes((byte,)))
            await client.writer.drain()
        assert await client.frame() == (PONG, b"now")
        assert await client.frame() == (BINARY, b"abcdef")


async def test_frames_sent_right_behind_the_request_wait_for_the_handshake() -> None:
    app = EchoApp()
    async with running(app) as url, connected(url) as client:
        app.accepting.clear()
        asking = asyncio.create_task(client.upgrade())
        await app.asked.wait()
        client.send(frame(PING, b"early"), frame(BINARY, b"early too"))
        app.accepting.set()
        assert (await asking).status == 101
        assert [await client.frame(), await client.frame()] == [(PONG, b"early"), (BINARY, b"early too")]


async def test_a_frame_in_the_same_packet_as_the_request_is_not_lost() -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        client.send(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + frame(BINARY, b"early")
        )
        answer = await client.answer()
        assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3
        assert await client.frame() == (BINARY, b"early")


async def test_no_compression_and_no_server_name() -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        answer = await client.upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate")
        assert answer.status == 101
        assert "sec-websocket-extensions" not in answer.headers
        assert "server" not in answer.headers
        assert "date" in answer.headers


@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        pytest.param(frame(TEXT, bytes(65_537)), 1009, "too_large", id="text over 64 KiB"),
        pytest.param(frame(BINARY, bytes((1 << 20) + 1)), 1009, "too_large", id="binary over 1 MiB"),
        pytest.param(b"\x82\xff" + (1 << 40).to_bytes(8, "big"), 1009, "too_large", id="1 TiB by its header"),
        pytest.param(b"\x82\xff" + b"\xff" * 8, 1002, None, id="length over 63 bits"),
        pytest.param(
            frame(TEXT, fin=False) + 33 * frame(0, bytes(2000), fin=False), 1009, "too_large", id="fragments add up"
        ),
        pytest.param(frame(TEXT, fin=False) + 1001 * frame(0, fin=False), 1009, "too_large", id="1001 fragments"),
        pytest.param(frame(TEXT, b"\xc3("), 1007, "bad_message", id="invalid UTF-8"),
        pytest.param(frame(TEXT, b"a\xc3", fin=False) + frame(0, b"("), 1007, "bad_message", id="invalid, split"),
        pytest.param(frame(BINARY, b"ab", mask=False), 1002, None, id="unmasked"),
        pytest.param(frame(BINARY, b"ab", rsv=4), 1002, None, id="RSV1 without an extension"),
        pytest.param(frame(3, b"ab"), 1002, None, id="reserved opcode"),
        pytest.param(frame(PING, fin=False), 1002, None, id="fragmented ping"),
        pytest.param(frame(PING, bytes(126)), 1002, None, id="long ping"),
        pytest.param(frame(0, b"ab"), 1002, None, id="continuation of nothing"),
        pytest.param(frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002, None, id="text inside fragments"),
        pytest.param(frame(CLOSE, b"\x03"), 1002, None, id="close of one byte"),
        pytest.param(frame(CLOSE, (1005).to_bytes(2, "big")), 1002, None, id="close code that may not be sent"),
        pytest.param(60 * frame(PING, b"x"), 1008, "rate_limited", id="ping flood"),
        pytest.param(60 * frame(PONG, b"x"), 1008, "rate_limited", id="pong flood"),
    ],
)
async def test_a_violation_is_answered_by_its_close_code(
    sent: bytes, code: int, reason: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    app = EchoApp()
    async with running(app) as url, upgraded(url) as client:
        await client.flood(sent, 1)
        closed = await client.close()
        assert closed[0] == code
        assert reason is None or closed[1] == reason
        assert (await app.gone.get())["code"] == code
    assert not [record for record in caplog.records if record.exc_info or record.levelno > logging.INFO]


async def test_the_dialect_words_the_last_message() -> None:
    app = EchoApp()
    async with running(app) as url, upgraded(url) as client:
        wire = await app.wires.get()
        wire.farewell = lambda error: json.dumps({"code": error.code, "message": error.message})
        client.send(text("x" * 70_000))
        assert await client.message() == {"code": "too_large", "message": "a message of over 65536 bytes"}
        assert await client.close() == (1009, "too_large")


async def test_what_comes_after_our_close_is_read_and_forgotten() -> None:
    app = EchoApp()
    async with running(app) as url, upgraded(url) as client:
        client.send(frame(TEXT, b"\xff"))
        await client.flood(frame(BINARY, bytes(1 << 16)), 50)
        assert await client.close() == (1007, "bad_message")
        assert (await app.gone.get())["code"] == 1007
        assert app.gone.empty()


# --- clients that do not read --------------------------------------------------------------------


@pytest.mark.parametrize("leaves", ["nothing", "close", "eof"])
async def test_a_client_that_stops_reading_is_let_go(leaves: str) -> None:
    """uvicorn's own protocol keeps it for ever (a flush that never comes), and the app in ``send``."""
    app = FloodApp()
    bounds = options(ws_ping_interval_s=0.2, ws_ping_timeout_s=0.2, tcp_user_timeout_ms=60_000)
    async with running(app, bounds) as url, upgraded(url, receive_buffer=4096) as client:
        wire = cast(Any, await app.wires.get())
        wire.close_timeout = 0.5
        client.send(text("go"))
        async with asyncio.timeout(10):
            await until(lambda: wire.write_buffer_size() > 0)
            if leaves == "close":
                client.send(frame(CLOSE, (1000).to_bytes(2, "big")))
            elif leaves == "eof":
                client.writer.write_eof()
            await app.gone.get()
            await app.flooding
        assert app.events[-1] == "stopped"


async def test_cutting_a_wire_needs_no_reader() -> None:
    app = FloodApp()
    async with running(app) as url, upgraded(url, receive_buffer=4096) as client:
        wire = await app.wires.get()
        client.send(text("go"))
        async with asyncio.timeout(10):
            await until(lambda: wire.write_buffer_size() > 0)
            wire.cut(4001, "slow_consumer", '{"type": "error"}')
            wire.cut(4001, "again")  # cutting twice is cutting once
            assert (await app.gone.get())["code"] == 4001
            await app.flooding


async def test_a_reader_sees_why_it_was_cut() -> None:
    app = EchoApp()
    async with running(app) as url, upgraded(url) as client:
        (await app.wires.get()).cut(4002, "idle", '{"type": "error"}')
        assert await client.message() == {"type": "error"}
        assert await client.close() == (4002, "idle")


async def test_an_aborted_wire_is_gone_at_once() -> None:
    app = EchoApp()
    async with running(app) as url, upgraded(url) as client:
        wire = await app.wires.get()
        wire.abort()
        assert await client.end() == b""
        assert (await app.gone.get())["type"] == "websocket.disconnect"
        assert wire.write_buffer_size() == 0


async def test_pongs_that_are_not_read_do_not_pile_up() -> None:
    app = EchoApp()
    async with running(app, options(max_pings_per_s=1e9)) as url, upgraded(url, receive_buffer=4096) as client:
        wire = await app.wires.get()
        assert not await client.flood(100 * frame(PING, bytes(125)), 10_000)  # 130 MB
        assert (await app.gone.get())["type"] == "websocket.disconnect"
        assert wire.write_buffer_size() == 0


async def test_pings_at_a_calm_pace_are_answered() -> None:
    async with running(EchoApp()) as url, upgraded(url) as client:
        client.send(40 * frame(PING, b"x"))
        assert [await client.frame() for _ in range(40)] == 40 * [(PONG, b"x")]


@pytest.mark.skipif(sys.platform != "linux", reason="the option is Linux's")
async def test_sockets_inherit_their_bounds() -> None:
    app = EchoApp()
    async with running(app, options(tcp_user_timeout_ms=1234, send_buffer_bytes=100_000)) as url, upgraded(url):
        wire = cast(Any, await app.wires.get())
        accepted: socket.socket = wire.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1234
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 100_000


# --- apps that do not take -----------------------------------------------------------------------


async def test_what_an_app_does_not_take_is_bounded_and_not_lost() -> None:
    app = DeafApp()
    async with running(app, options(max_waiting_messages=8)) as url, upgraded(url) as client:
        wire = cast(Any, await app.wires.get())
        sent = [bytes((i % 256,)) * 3000 for i in range(2000)]
        flooding = asyncio.create_task(client.flood(b"".join(frame(BINARY, each) for each in sent), 1))
        await until(lambda: wire.read_paused)
        assert wire.queue.qsize() <= 8
        app.listening.set()
        assert [(await client.frame())[1] for _ in sent] == sent
        assert await flooding


async def test_waiting_messages_are_bounded_in_bytes_too() -> None:
    app = DeafApp()
    async with running(app) as url, upgraded(url) as client:
        wire = cast(Any, await app.wires.get())
        flooding = asyncio.create_task(client.flood(frame(BINARY, bytes(1 << 19)), 20))
        await until(lambda: wire.read_paused)
        assert wire.queue.qsize() <= 3
        app.listening.set()
        assert {len((await client.frame())[1]) for _ in range(20)} == {1 << 19}
        assert await flooding


async def test_a_flood_in_one_read_lets_the_loop_turn() -> None:
    app = EchoApp()
    async with running(app, options(max_pings_per_s=1e9)) as url, upgraded(url) as client:
        wire = cast(Any, await app.wires.get())
        wire.data_received(1000 * frame(PING, b"x"))  # as the transport would
        assert wire.read_paused
        assert [await client.frame() for _ in range(1000)] == 1000 * [(PONG, b"x")]
        wire.data_received(1000 * frame(BINARY))
        assert wire.read_paused
        assert wire.queue.qsize() <= 16
        assert [await client.frame() for _ in range(1000)] == 1000 * [(BINARY, b"")]


async def test_what_is_said_while_the_app_closes_is_not_heard() -> None:
    async with running(closes) as url, upgraded(url) as client:
        assert (await client.frame())[0] == CLOSE
        await client.flood(1000 * frame(BINARY), 10)
        client.send(frame(CLOSE, (4000).to_bytes(2, "big")))
        assert await client.end() == b""


async def test_a_client_is_not_blamed_for_an_app_that_is_behind() -> None:
    """Its pong waits behind messages that we do not take."""
    app = DeafApp()
    bounds = options(ws_ping_interval_s=0.05, ws_ping_timeout_s=0.05, max_waiting_messages=1)
    async with running(app, bounds) as url, upgraded(url) as client:
        wire = cast(Any, await app.wires.get())
        client.send(frame(BINARY, b"a") + frame(BINARY, b"b"))
        for _ in range(3):
            before = wire.ping_sent_at
            await until(lambda before=before: wire.ping_sent_at > before)
        app.listening.set()
        answers = []
        while len(answers) < 2:
            opcode, payload = await client.frame()
            if opcode == PING:
                client.send(frame(PONG, payload))
            else:
                answers.append(payload)
        assert answers == [b"a", b"b"]


async def test_a_client_that_does_not_answer_pings_is_let_go() -> None:
    app = EchoApp()
    async with running(app, options(ws_ping_interval_s=0.1, ws_ping_timeout_s=0.1)) as url, upgraded(url) as client:
        assert await client.close() == (1011, "keepalive ping timeout")
        assert (await app.gone.get())["code"] == 1011


# --- the end -------------------------------------------------------------------------------------


async def test_the_client_closes() -> None:
    app = EchoApp()
    async with running(app) as url, upgraded(url) as client:
        client.send(frame(CLOSE, (1000).to_bytes(2, "big") + b"bye"))
        assert await client.close() == (1000, "bye")
        assert await app.gone.get() == {"type": "websocket.disconnect", "code": 1000, "reason": "bye"}


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_the_client_vanishes(how: str) -> None:
    app = EchoApp()
    async with running(app) as url, upgraded(url) as client:
        if how == "fin":
            client.writer.close()
        else:
            client.writer.transport.abort()
        async with asyncio.timeout(5):
            assert (await app.gone.get())["code"] in (1005, 1006)


class FailingApp(EchoApp):
    """Fails when it hears something."""

    async def heard(self, message: Any, send: Send) -> None:
        raise RuntimeError("the canary")


async def test_an_app_that_fails_still_closes_with_a_frame(caplog: pytest.LogCaptureFixture) -> None:
    app = FailingApp()
    async with running(app) as url, upgraded(url) as client:
        wire = await app.wires.get()
        wire.farewell = lambda error: error.message
        client.send(text("x"))
        message = await client.message()
        assert await client.close() == (1011, "internal")
    assert message.startswith("request id ")
    assert message in caplog.text
    assert "the canary" in caplog.text


async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts and forgets to close, or does not even accept."""
    if scope["type"] == "lifespan":
        await EchoApp().live(receive, send)
    elif scope["path"] == "/accepts":
        await receive()
        await send({"type": "websocket.accept"})


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    """Fails before it accepts."""
    if scope["type"] != "lifespan":
        raise RuntimeError("the canary")
    await EchoApp().live(receive, send)


async def test_an_app_that_returns_leaves_no_connection_behind() -> None:
    async with running(returns) as url:
        async with upgraded(url, "/accepts") as client:
            assert await client.close() == (1000, "")
        async with connected(url) as client:
            assert (await client.upgrade()).status == 500


async def test_an_app_that_fails_before_it_accepts_is_an_error_of_ours() -> None:
    async with running(fails) as url, connected(url) as client:
        answer = await client.upgrade()
        assert answer.status == 500
        assert answer.json()["code"] == "internal"
        assert "canary" not in answer.body.decode()


async def closes(scope: Scope, receive: Receive, send: Send) -> None:
    """Closes at once, and says more than it may."""
    if scope["type"] == "lifespan":
        await EchoApp().live(receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    cast(Any, wire_of(scope)).close_timeout = 0.2
    await send({"type": "websocket.close", "code": 4000, "reason": "enough"})
    assert (await receive())["code"] == 4000


async def test_the_app_closes_and_the_client_answers_or_not() -> None:
    async with running(closes) as url:
        async with upgraded(url) as client:
            assert await client.frame() == (CLOSE, (4000).to_bytes(2, "big") + b"enough")
            client.send(frame(CLOSE, (4000).to_bytes(2, "big")))
            assert await client.end() == b""
        async with upgraded(url) as client:
            assert (await client.frame())[0] == CLOSE
            assert await client.end() == b""  # the end comes though nothing was answered


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Sec-WebSocket-Key:"], 400),
        (["Sec-WebSocket-Key: c2hvcnQ="], 400),
        (["Sec-WebSocket-Key: not base64!"], 400),
        (["Sec-WebSocket-Version: 8"], 426),
        (["X-Long: " + "x" * 9000], 431),
        (["Connection: keep-alive, Upgrade"], 101),
        (["Upgrade: WebSocket"], 101),
    ],
)
async def test_handshakes(headers: list[str], status: int) -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        answer = await client.upgrade("/", *headers)
        assert answer.status == status
        if status != 101:
            assert answer.json()["type"] == "error"
            assert await client.end() == b""
        assert (answer.headers.get("sec-websocket-version") == "13") == (status == 426)


async def test_http_1_0_is_not_upgraded() -> None:
    async with running(EchoApp()) as url, connected(url) as client:
        answer = await client.request(
            "GET / HTTP/1.0",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        assert answer.status == 400
        assert "HTTP/1.1" in answer.json()["message"]
