"""Clients that take without giving: the others do not notice, and memory stays bounded."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from tests.hostile.conftest import Server, joined
from tests.hostile.raw import BINARY, PING, TEXT, RawClient, connected, frame, text
from tests.hostile.talk import configure, event, is_alive, until

pytestmark = pytest.mark.anyio


async def test_slow_readers_cost_little_and_are_let_go(server: Server) -> None:
    """Twenty of them, with 2.3 MiB to be read by each."""
    before_mb = server.rss_mb()
    async with contextlib.AsyncExitStack() as stack:
        clients = [(await stack.enter_async_context(joined(server, receive_buffer=4096)))[0] for _ in range(20)]
        await asyncio.gather(*(client.flood(configure(60), 39) for client in clients))
        assert server.rss_mb() - before_mb < 64
        await until(lambda: not server.metric("voicesrv_connections"))
    assert server.rss_mb() - before_mb < 64


async def test_a_ping_flood_from_a_client_that_does_not_read(server: Server) -> None:
    before_mb = server.rss_mb()
    async with joined(server, receive_buffer=4096) as (client, _):
        began = time.monotonic()
        # 26 GB: more than a quiet machine takes in the second for which a condemned connection is still read.
        assert not await client.flood(100 * frame(PING, bytes(125)), 2_000_000)
        assert time.monotonic() - began < 10
    assert server.rss_mb() - before_mb < 30


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(1000 * frame(PING), id="pings"),
        pytest.param(1000 * frame(0, fin=False), id="fragments of nothing"),
        pytest.param(1000 * frame(BINARY), id="empty messages"),
        pytest.param(1000 * frame(TEXT, b"{}"), id="bad messages"),
        pytest.param(frame(BINARY, bytes(1 << 20)), id="audio"),
    ],
)
async def test_others_do_not_notice_a_flood(server: Server, flood: bytes) -> None:
    async with joined(server, "mode=listen") as (calm, _), joined(server, "mode=listen") as (rude, _):
        flooding = asyncio.create_task(rude.flood(flood, 30))
        worst_s = 0.0
        for i in range(20):
            began = time.monotonic()
            calm.send(text({"type": "ping", "id": i}))
            assert (await event(calm, "pong"))["id"] == i
            worst_s = max(worst_s, time.monotonic() - began)
        flooding.cancel()
    assert worst_s < 1.0


async def test_connections_that_say_nothing_take_no_room(server: Server) -> None:
    async with contextlib.AsyncExitStack() as stack:
        silent: list[RawClient] = []
        for i in range(100):
            client = await stack.enter_async_context(connected(server.url))
            client.send((b"", b"G", b"GET /ws HTTP/1.1\r\n", b"GET /ws HTTP/1.1\r\nHost: x\r\nX-Drip: ")[i % 4])
            silent.append(client)
        async with joined(server) as (client, _):
            assert await is_alive(client)


async def test_connections_that_vanish_leave_nothing(impatient: Server) -> None:
    for _ in range(30):
        async with joined(impatient) as (client, _):
            client.send(frame(BINARY, b"\xff\x7f" * 3000))
    await until(lambda: not (impatient.metric("voicesrv_conversations") or impatient.metric("voicesrv_connections")))


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"GET /\r\n\r\n",
        b"\x00" * 5000,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=lambda noise: repr(noise[:24]),
)
async def test_noise_on_the_port_is_refused_or_dropped(server: Server, noise: bytes) -> None:
    async with connected(server.url) as client:
        client.send(noise)
        assert (await client.end())[:10] in (b"", b"HTTP/1.1 4")
