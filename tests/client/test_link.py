"""Coming back: against servers that drop, refuse, restart and lose state as the scripts say."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

import voicesrv_client.link
from tests.client.scripted import Peer, scripted
from voicesrv.transport.limits import TokenBucket
from voicesrv_client.connection import Connection
from voicesrv_client.errors import Closed, ProtocolError, Refused, Unreachable
from voicesrv_client.events import Audio, Configured, Pong, Ready, ReplyText, ServerError, ServerEvent, TurnStart
from voicesrv_client.link import Link
from voicesrv_client.upkeep import Upkeep

pytestmark = pytest.mark.anyio

MS = 32


class Waits:
    """Takes the place of ``asyncio.sleep`` and keeps what was asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)


def upkeep(waits: Waits | None = None, **changes: Any) -> Upkeep:
    return Upkeep(sleep=waits or Waits(), jitter=lambda: 1.0, **changes)


async def rest(link: Link) -> Sequence[ServerEvent | Audio]:
    events = []
    while (event := await link.next()) is not None:
        events.append(event)
    return events


async def test_comes_back_after_a_drop_and_says_the_audio_again() -> None:
    audio = bytes(range(256)) * 25  # 200 ms
    queries: list[dict[str, str]] = []
    again: list[bytes] = []

    async def drops(peer: Peer) -> None:
        await peer.ready(resume="first")
        await peer.say("turn.start", seq=2, turn=1)
        await peer.hear_audio(100 * MS)
        peer.drop()

    async def goes_on(peer: Peer) -> None:
        queries.append(peer.query)
        await peer.ready(resume="second", received_ms=60, seq=9)
        await peer.say("turn.start", seq=2, turn=1)
        await peer.say("reply.text", seq=3, reply=1, delta="hi")
        await peer.hear_audio(140 * MS)
        again.append(bytes(peer.audio))
        await peer.socket.close(1000)

    async with scripted(drops, goes_on) as url:
        link = Link(url, None, {"language": "de"}, upkeep())
        await link.open()
        await link.send_audio(audio[: 100 * MS])
        assert isinstance(await link.next(), TurnStart)
        back = await link.next()
        assert isinstance(back, Ready)
        assert back.resume == "second"
        await link.send_audio(audio[100 * MS :])
        assert await rest(link) == [ReplyText(1, "hi", seq=3)]
    assert queries == [{"language": "de", "conversation": "c1", "resume": "first", "after": "2"}]
    assert again == [audio[60 * MS :]]
    assert link.reconnections == 1
    assert link.lost_ms == 0


async def test_audio_given_while_down_is_sent_once_back() -> None:
    given = asyncio.Event()
    heard: list[bytes] = []

    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async def goes_on(peer: Peer) -> None:
        await given.wait()
        await peer.ready()
        await peer.hear_audio(640)
        heard.append(bytes(peer.audio))
        await peer.socket.close(1000)

    async with scripted(drops, goes_on) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(rest(link))
            await link.send_audio(b"a" * 320)
            await link.send_audio(b"b" * 320)
            given.set()
        assert len(reader.result()) == 1  # Ready
    assert heard == [b"a" * 320 + b"b" * 320]


async def test_a_command_waits_for_the_connection_to_be_back() -> None:
    heard = []

    async def drops(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.close(1012, "shutting_down")

    async def goes_on(peer: Peer) -> None:
        await peer.ready()
        heard.append(await peer.hear_command())
        await peer.socket.close(1000)

    async with scripted(drops, goes_on) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        assert link._connection is not None
        await link._connection._socket.wait_closed()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(link.send({"type": "text", "text": "hello"}))
            tasks.create_task(rest(link))
    assert heard == [{"type": "text", "text": "hello"}]


async def test_commands_that_a_drop_swallowed_are_said_again_after_the_audio_before_them() -> None:
    heard: list[Any] = []
    dropped = asyncio.Event()

    async def drops(peer: Peer) -> None:
        await peer.ready(received_messages=0)
        await peer.hear_command()
        await peer.hear_command()
        await peer.hear_audio(20 * MS)
        await peer.hear_command()
        peer.drop()
        dropped.set()

    async def goes_on(peer: Peer) -> None:
        await peer.ready(received_messages=2, received_ms=10)
        heard.append(await peer.socket.recv())
        heard.append(json.loads(await peer.socket.recv()))
        heard.append(json.loads(await peer.socket.recv()))
        await peer.socket.close(1000)

    async with scripted(drops, goes_on) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        await link.send({"type": "text", "text": "1"})
        await link.send_if_up({"type": "playback", "reply": 1, "played_ms": 1})
        await link.send_audio(bytes(20 * MS))
        await link.send({"type": "finalize"})
        await dropped.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(rest(link))
            tasks.create_task(link.send({"type": "text", "text": "2"}))
    assert heard == [bytes(10 * MS), {"type": "finalize"}, {"type": "text", "text": "2"}]


@pytest.mark.parametrize("code", [1011, 1012, 1013, 4001, 4002, 4004])
async def test_comes_back_from_codes_that_say_so(code: int) -> None:
    async def closes(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.close(code)

    async def ends(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.close(1000)

    async with scripted(closes, ends) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        assert [type(e) for e in await rest(link)] == [Ready]


@pytest.mark.parametrize(("code", "reason"), [(4501, "unauthorized"), (4509, "superseded"), (1009, "too_large")])
async def test_stays_away_from_codes_that_say_so(code: int, reason: str) -> None:
    async def closes(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.close(code, reason)

    async with scripted(closes) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        with pytest.raises(Closed, match=reason) as caught:
            await rest(link)
        assert caught.value.code == code
        with pytest.raises(Closed):  # and so it stays
            await link.next()
        with pytest.raises(Closed):
            await link.send_audio(b"ab")
        with pytest.raises(Closed):
            await link.send({"type": "cancel"})


async def test_a_drop_is_the_end_where_coming_back_is_off() -> None:
    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async with scripted(drops) as url:
        link = Link(url, None, {}, upkeep(reconnect=False))
        await link.open()
        with pytest.raises(Closed) as caught:
            await rest(link)
        assert caught.value.code == 1006


async def test_a_server_that_is_back_and_knows_nothing_more_is_not_waited_for() -> None:
    async def ends(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.close(1000)

    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async def away(peer: Peer) -> None:
        peer.drop()

    async def knows_nothing(peer: Peer) -> None:
        await peer.socket.close(4504, "not_found")

    waits = Waits()
    async with scripted(drops, away, away, away, knows_nothing, ends) as url:
        link = Link(url, None, {}, upkeep(waits))
        await link.open()
        await rest(link)
    assert waits.asked[-2:] == [2.0, 0.25]


async def test_begins_anew_where_state_is_lost() -> None:
    queries: list[dict[str, str]] = []
    heard: list[Any] = []

    async def drops(peer: Peer) -> None:
        await peer.ready()
        await peer.say("turn.start", seq=40, turn=9)
        heard.append(await peer.hear_command())
        await peer.say("configured", seq=41, id="configure-1", settings={})
        await peer.hear_audio(640)
        peer.drop()

    async def lost(peer: Peer) -> None:
        queries.append(peer.query)
        await peer.say("error", code="state_lost", message="it was long ago", fatal=True)
        await peer.socket.close(4007, "state_lost")

    async def new(peer: Peer) -> None:
        queries.append(peer.query)
        await peer.ready(conversation="c2")
        await peer.say("turn.start", seq=2, turn=1)
        heard.append(await peer.hear_command())
        await peer.hear_audio(2)
        heard.append(bytes(peer.audio))
        await peer.socket.close(1000)

    async with scripted(drops, lost, new) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        await link.configure({"instructions": "be brief", "endpointing_ms": 500})
        await link.send_audio(bytes(640))
        assert isinstance(await link.next(), TurnStart)
        assert isinstance(await link.next(), Configured)
        back = await link.next()
        assert isinstance(back, Ready)
        assert link.conversation == "c2"
        await link.send_audio(b"ab")
        assert [type(e) for e in await rest(link)] == [TurnStart]
    assert queries == [
        {"endpointing_ms": "500", "conversation": "c1", "resume": "r1", "after": "41"},
        {"endpointing_ms": "500"},
    ]
    # What a query cannot carry is told again; audio of the lost conversation is not.
    assert heard == [
        {"type": "configure", "id": "configure-1", "instructions": "be brief", "endpointing_ms": 500},
        {"type": "configure", "id": "configure-2", "instructions": "be brief"},
        b"ab",
    ]


async def test_what_was_asked_for_and_not_answered_is_asked_for_on_the_next_connection() -> None:
    heard: list[Any] = []
    dropped = asyncio.Event()

    async def drops(peer: Peer) -> None:
        await peer.ready()
        heard.append(await peer.hear_command())
        await peer.say("error", seq=1, code="bad_parameter", message="voice: no", id="configure-1")
        heard.append(await peer.hear_command())
        peer.drop()
        dropped.set()

    async def goes_on(peer: Peer) -> None:
        await peer.ready()
        heard.append(await peer.hear_command())
        await peer.socket.close(1000)

    async with scripted(drops, goes_on) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        await link.configure({"voice": "no"})
        refused = await link.next()
        assert isinstance(refused, ServerError)
        assert refused.id == "configure-1"
        await link.configure({"language": "de"})
        await dropped.wait()
        assert [type(event) for event in await rest(link)] == [Ready]
    assert [(each["id"], each.get("voice"), each.get("language")) for each in heard] == [
        ("configure-1", "no", None),
        ("configure-2", None, "de"),
        ("configure-2", None, "de"),
    ]


async def test_what_was_before_a_new_connection_is_not_asked_for_after_a_drop() -> None:
    async def joined(peer: Peer) -> None:
        await peer.ready(seq=41)
        peer.drop()

    async def goes_on(peer: Peer) -> None:
        assert peer.query["after"] == "41"
        await peer.ready(seq=41)
        await peer.socket.close(1000)

    async with scripted(joined, goes_on) as url:
        link = Link(url, None, {"conversation": "c1"}, upkeep())
        await link.open()
        assert [type(event) for event in await rest(link)] == [Ready]


async def test_a_change_of_format_stands_once_it_is_asked_for() -> None:
    heard: list[Any] = []
    asked = asyncio.Event()

    async def drops(peer: Peer) -> None:
        await peer.ready(limits=SLOW)
        await peer.hear_command()
        await asked.wait()
        peer.drop()

    async def goes_on(peer: Peer) -> None:
        await peer.ready(received_messages=1)
        heard.append(await peer.hear_command())
        await peer.hear_audio(3)
        heard.append(bytes(peer.audio))
        await peer.socket.close(1000)

    async with scripted(drops, goes_on) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        await link.send({"type": "text", "text": "1"})
        with pytest.raises(ValueError, match="encoding: 'mp3' is not one of"):
            await link.configure({"encoding": "mp3"})
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            changing = tasks.create_task(link.configure({"encoding": "mulaw", "sample_rate": 8000}))
            await asyncio.sleep(0)
            changing.cancel()
        await link.send_audio(b"abc")
        asked.set()
        assert [type(event) for event in await rest(link)] == [Ready]
    assert heard == [{"type": "configure", "id": "configure-1", "encoding": "mulaw", "sample_rate": 8000}, b"abc"]


async def test_a_fault_in_what_sends_is_told_to_who_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stays(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.wait_closed()

    async def fails(message: str | bytes) -> None:
        raise AttributeError("a fault")

    async def reads() -> None:
        with pytest.raises(AttributeError, match="a fault"):
            await link.next()

    async with scripted(stays) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        monkeypatch.setattr(link._connection, "send", fails)
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(reads())
            await asyncio.sleep(0)
            await link.send_audio(b"ab")
        assert link.over
        await link.close()


async def test_whatever_goes_wrong_on_the_way_back_is_told_to_who_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async def fails(*arguments: object) -> None:
        raise AttributeError("a fault")

    async with scripted(drops) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        assert link._connection is not None
        await link._connection._socket.wait_closed()
        monkeypatch.setattr(Connection, "open", fails)
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(expect_closed(link, "a fault"))
            await asyncio.sleep(0)
            with pytest.raises(AttributeError, match="a fault"):
                await link.next()


async def test_what_is_not_of_the_protocol_ends_it_for_who_sends() -> None:
    async def talks_nonsense(peer: Peer) -> None:
        await peer.ready(limits=SLOW | {"control_burst": 0})
        await peer.socket.send("nonsense")
        await peer.socket.wait_closed()

    async with scripted(talks_nonsense) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(expect_closed(link, "not JSON"))
            await asyncio.sleep(0)
            with pytest.raises(ProtocolError, match="not JSON"):
                await link.next()
        await link.close()


async def test_a_server_that_is_silent_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drops(peer: Peer) -> None:
        monkeypatch.setattr(voicesrv_client.link, "TRY_S", 0.1)
        await peer.ready()
        peer.drop()

    async def is_silent(peer: Peer) -> None:
        monkeypatch.setattr(voicesrv_client.link, "TRY_S", 30.0)
        await peer.socket.wait_closed()

    async def ends(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.close(1000)

    async with scripted(drops, is_silent, ends) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        async with asyncio.timeout(20):
            assert [type(event) for event in await rest(link)] == [Ready]


async def test_a_server_that_is_silent_is_waited_for_no_longer_than_is_tried() -> None:
    async def is_silent(peer: Peer) -> None:
        await peer.socket.wait_closed()

    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async with scripted(is_silent, drops, is_silent) as url, asyncio.timeout(20):
        with pytest.raises(Unreachable, match="within 1 s"):
            await Link(url, None, {}, upkeep(give_up_s=0.9)).open()
        link = Link(url, None, {}, upkeep(give_up_s=0.9))
        await link.open()
        with pytest.raises(Unreachable, match="within 1 s"):
            await rest(link)


async def test_a_token_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def token() -> str:
        await asyncio.Event().wait()
        return "never"

    monkeypatch.setattr(voicesrv_client.link, "TRY_S", 0.01)
    with pytest.raises(Unreachable, match=r"no token could be had: none within 0\.01 s"):
        await Link("http://127.0.0.1", token, {}, upkeep()).open()


async def test_asks_again_to_finish_after_a_drop() -> None:
    async def drops(peer: Peer) -> None:
        await peer.ready()
        assert await peer.hear_command() == {"type": "close"}
        peer.drop()

    async def finishes(peer: Peer) -> None:
        await peer.ready()
        assert await peer.hear_command() == {"type": "close"}
        await peer.say("pong", id=1)
        await peer.socket.close(1000)

    async with scripted(drops, finishes) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        await link.finish()
        assert [type(e) for e in await rest(link)] == [Ready, Pong]


async def test_says_something_before_the_idle_limit_and_keeps_the_answer_to_itself() -> None:
    async def listens(peer: Peer) -> None:
        await peer.ready()
        ping = await peer.hear_command()
        assert ping["type"] == "ping"
        await peer.say("pong", id=ping["id"])
        await peer.say("pong", id="mine")
        await peer.socket.close(1000)

    async with scripted(listens) as url:
        link = Link(url, None, {}, upkeep(keepalive_s=0.01))
        await link.open()
        assert await rest(link) == [Pong("mine")]


SLOW = {"control_messages_per_s": 0.001, "control_burst": 12}
"""One command, and then none."""


async def test_commands_are_no_faster_than_the_server_takes_them_and_audio_keeps_its_place() -> None:
    heard: list[Any] = []

    async def listens(peer: Peer) -> None:
        await peer.ready(limits={"control_messages_per_s": 200, "control_burst": 20})
        bucket = TokenBucket(200, 20, time.monotonic())
        while len(heard) < 60:
            message = await peer.socket.recv()
            assert isinstance(message, bytes) or bucket.take(time.monotonic())
            heard.append(len(message) if isinstance(message, bytes) else json.loads(message)["text"])
        await peer.socket.close(1000)

    async def types(link: Link) -> None:
        for n in range(30):
            await link.send_audio(bytes(20 * (n + 1)))
            await link.send({"type": "text", "text": str(n)})

    async with scripted(listens) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(types(link))
            tasks.create_task(rest(link))
        assert link.over
    assert heard == [x for n in range(30) for x in (20 * (n + 1), str(n))]


async def test_is_back_before_all_that_waits_is_sent() -> None:
    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async def goes_on(peer: Peer) -> None:
        await peer.ready(limits=SLOW)
        await peer.say("turn.start", seq=1, turn=1)
        await peer.socket.wait_closed()

    async def types() -> None:
        with suppress(Closed):
            await link.send({"type": "text", "text": "late"})

    async with scripted(drops, goes_on) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        assert link._connection is not None
        await link._connection._socket.wait_closed()
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            for _ in range(9):
                tasks.create_task(types())
            tasks.create_task(link.finish())  # asked for again, behind them
            await asyncio.sleep(0)
            assert isinstance(await link.next(), Ready)
            assert isinstance(await link.next(), TurnStart)
            await link.close()


async def test_reports_that_find_the_server_busy_are_forgotten() -> None:
    heard: list[int] = []

    async def listens(peer: Peer) -> None:
        await peer.ready(limits=SLOW)
        while True:
            command = await peer.hear_command()
            if command["type"] == "ping":
                break
            heard.append(command["played_ms"])
        await peer.socket.close(1000)

    async with scripted(listens) as url:
        link = Link(url, None, {}, upkeep(keepalive_s=0.1))
        await link.open()
        for ms in range(10):
            await link.send_if_up({"type": "playback", "reply": 1, "played_ms": ms})
        assert await rest(link) == []  # a ping goes out whatever there was
    assert heard == [0, 1, 2, 3, 4, 5]


async def test_what_is_too_large_is_refused_where_it_is_given() -> None:
    async def listens(peer: Peer) -> None:
        await peer.ready(limits={"text_bytes": 1024})
        assert await peer.hear_command() == {"type": "text", "text": "fits"}
        await peer.socket.close(1000)

    large = {"instructions": "ü" * 40_000}
    with pytest.raises(ValueError, match="configure: 80082 bytes are over the 65536 that the server takes"):
        Link("http://127.0.0.1", None, large)
    with pytest.raises(TypeError, match=r"tools: .*set"):
        Link("http://127.0.0.1", None, {"tools": {1}})
    async with scripted(listens) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        with pytest.raises(ValueError, match="text: 1042 bytes are over the 1024"):
            await link.send({"type": "text", "text": "ü" * 507})
        with pytest.raises(ValueError, match="configure: "):
            await link.configure({"instructions": "x" * 1000})
        with pytest.raises(TypeError, match="keyterms: "):
            await link.configure({"keyterms": {"a set"}})
        await link.send({"type": "text", "text": "fits"})
        assert await rest(link) == []


async def refusing(status: int, headers: dict[str, str], times: int) -> tuple[Any, list[int]]:
    """Start a server that drops its first connection, refuses some, then ends the next."""
    connections = [0]

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        connections[0] += 1
        if 1 < connections[0] <= 1 + times:
            response = connection.respond(HTTPStatus(status), '{"code": "overloaded", "message": "full"}')
            response.headers.update(headers)
            return response
        return None

    async def handle(socket: ServerConnection) -> None:
        await Peer(socket).ready()
        if connections[0] == 1:
            socket.transport.abort()
        else:
            await socket.close(1000)

    return await serve(handle, "127.0.0.1", 0, process_request=refuse), connections


def url_of(server: Any) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_waits_as_long_as_a_full_server_asks_for() -> None:
    waits = Waits()
    server, connections = await refusing(503, {"Retry-After": "7"}, times=2)
    async with server:
        link = Link(url_of(server), None, {}, upkeep(waits))
        await link.open()
        assert [type(e) for e in await rest(link)] == [Ready]
    assert waits.asked == [0.25, 7.0, 7.0]
    assert connections == [4]


async def test_gives_up_in_time() -> None:
    server, _ = await refusing(503, {}, times=99)
    async with server:
        link = Link(url_of(server), None, {}, upkeep(give_up_s=0.4))
        await link.open()
        with pytest.raises(Refused, match="503: full"):
            await rest(link)


async def test_gives_up_in_time_where_each_connection_is_closed_at_once() -> None:
    waits = Waits()

    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async def full(peer: Peer) -> None:
        await peer.say("error", code="overloaded", message="no room", fatal=True)
        await peer.socket.close(1013, "overloaded")

    async with scripted(drops, full, full) as url:
        link = Link(url, None, {}, upkeep(waits, give_up_s=0.9))
        await link.open()
        with pytest.raises(Closed, match="no room"):
            await rest(link)
    assert waits.asked == [0.25, 0.5]


async def test_waits_as_long_as_the_error_before_a_close_asks_for() -> None:
    waits = Waits()

    async def throws_out(peer: Peer) -> None:
        await peer.ready()
        await peer.say("error", seq=2, code="overloaded", fatal=True, retry_after_ms=7000)
        await peer.socket.close(1013, "overloaded")

    async def full(peer: Peer) -> None:
        await peer.say("error", code="overloaded", fatal=True, retry_after_ms=5000)
        await peer.socket.close(1013, "overloaded")

    async def ends(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.close(1000)

    async with scripted(throws_out, full, ends) as url:
        link = Link(url, None, {}, upkeep(waits))
        await link.open()
        assert [type(event) for event in await rest(link)] == [ServerError, Ready]
    assert waits.asked == [7.0, 5.0]


async def test_gives_up_at_once_where_it_is_to_wait_for_too_long() -> None:
    waits = Waits()

    async def throws_out(peer: Peer) -> None:
        await peer.ready()
        await peer.say("error", seq=2, code="overloaded", fatal=True, retry_after_ms=121_000)
        await peer.socket.close(1013, "overloaded")

    async with scripted(throws_out) as url:
        link = Link(url, None, {}, upkeep(waits))
        await link.open()
        with pytest.raises(Closed, match="1013 overloaded") as closed:
            await rest(link)
    assert closed.value.retry_after_s == 121
    server, connections = await refusing(503, {"Retry-After": "121"}, times=99)
    async with server:
        link = Link(url_of(server), None, {}, upkeep(waits))
        await link.open()
        with pytest.raises(Refused, match="503: full") as refused:
            await rest(link)
    assert refused.value.retry_after_s == 121
    assert connections == [2]
    assert waits.asked == [0.25]


async def test_a_refused_key_ends_it() -> None:
    server, _ = await refusing(401, {}, times=99)
    async with server:
        link = Link(url_of(server), None, {}, upkeep())
        await link.open()
        with pytest.raises(Refused) as caught:
            await rest(link)
    assert (caught.value.status, caught.value.code) == (401, "overloaded")


async def test_a_server_that_is_gone_for_good() -> None:
    server, _ = await refusing(503, {}, times=0)
    waits = Waits()
    async with server:
        link = Link(url_of(server), None, {}, upkeep(waits, give_up_s=0.4))
        await link.open()
    with pytest.raises(Unreachable, match="no voicesrv answers at 127"):
        await rest(link)
    assert waits.asked == [0.25]


async def test_closing_releases_who_waits() -> None:
    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async with scripted(drops) as url:
        link = Link(url, None, {}, upkeep())
        await link.open()
        assert link._connection is not None
        await link._connection._socket.wait_closed()
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(expect_closed(link))
            await asyncio.sleep(0)
            await link.close()
        assert sending.done()


async def test_closing_on_the_way_back_leaves_no_connection_behind() -> None:
    closed: list[int | None] = []
    tokens: list[str] = []

    async def token() -> str:
        tokens.append("token")
        if len(tokens) > 1:
            await link.close()
        return "token"

    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async def stays(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.wait_closed()
        closed.append(peer.socket.close_code)

    async with scripted(drops, stays) as url:
        link = Link(url, token, {}, upkeep())
        await link.open()
        assert await rest(link) == []
    assert closed == [1000]


async def expect_closed(link: Link, match: str | None = None) -> None:
    with pytest.raises(Closed, match=match):
        await link.send({"type": "cancel"})
