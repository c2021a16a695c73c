"""One connection between a scripted socket and a conversation on scripted engines; its clock is the loop's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.conversation.stage import LOUD, QUIET, Stage, stage
from tests.conversation.virtual_time import VirtualTimeLoop
from voicesrv.conversation.seat import Join
from voicesrv.events import ToolCall, ToolCalled
from voicesrv.options import Options, changed
from voicesrv.protocols.native import NativeCodec
from voicesrv.transport import connection
from voicesrv.transport.connection import MAX_REFUSALS, Connection, ConnectionOptions
from voicesrv.transport.keys import Identity

pytestmark = pytest.mark.anyio


class Socket:
    """Both ends of an ASGI socket; ``reads`` false stands for a client that does not."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.news = asyncio.Event()
        self.farewell: Any = None
        self.was_cut: tuple[int, str, str | None] | None = None

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        self.sent.append(dict(message))
        if message["type"] == "websocket.close":
            self.inbox.put_nowait({"type": "websocket.disconnect", "code": message["code"]})
        self.news.set()

    def say(self, message: dict[str, Any] | str | bytes) -> None:
        if isinstance(message, bytes):
            self.inbox.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            self.inbox.put_nowait({"type": "websocket.receive", "text": text})

    def hang_up(self) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1005})

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(message["text"]) for message in self.sent if message.get("text")]

    @property
    def audio(self) -> bytes:
        return b"".join(message["bytes"] for message in self.sent if message.get("bytes"))

    @property
    def close(self) -> tuple[int, str] | None:
        last = self.sent[-1] if self.sent else {}
        return (last["code"], last["reason"]) if last.get("type") == "websocket.close" else None

    async def until(self, done: Callable[[], Any]) -> None:
        async with asyncio.timeout(30):
            while not done():
                self.news.clear()
                await self.news.wait()

    async def get(self, kind: str) -> dict[str, Any]:
        await self.until(lambda: any(event["type"] == kind for event in self.events))
        return next(event for event in self.events if event["type"] == kind)

    # the wire

    def write_buffer_size(self) -> int:
        return 0

    def cut(self, close_code: int, reason: str, last: str | None = None) -> None:
        self.was_cut = (close_code, reason, last)
        self.news.set()
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": close_code})

    def abort(self) -> None:
        self.hang_up()


@asynccontextmanager
async def connected(
    it: Stage,
    options: ConnectionOptions | None = None,
    identity: Identity | None = None,
    defaults: dict[str, Any] | None = None,
    back: dict[str, Any] | None = None,
    **query: Any,
) -> AsyncIterator[Socket]:
    socket = Socket()
    chosen = changed(Options(), defaults or {})
    seat = await it.hub.join(Join("local", changed(chosen, query), **back or {}))
    served = Connection(
        seat,
        identity or Identity("local"),
        NativeCodec(),
        socket.inbox.get,
        socket.send,
        socket,
        options or ConnectionOptions(),
        chosen,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(served.run())
        yield socket
        socket.hang_up()


async def test_says_how_many_text_messages_it_has_of_all_sockets_also_those_that_it_refused() -> None:
    async with stage() as it:
        back: dict[str, Any] = {}
        for before, said in ((0, ["ping", "nonsense", "[]"]), (3, ["text"]), (4, [])):
            async with connected(it, back=back) as socket:
                ready = await socket.get("ready")
                assert ready["received_messages"] == before
                back = {"conversation": ready["conversation"], "resume": ready["resume"], "after": ready["seq"]}
                for type in said:
                    socket.say("[]" if type == "[]" else {"type": type, "text": "hello"})
                socket.say(QUIET)  # is no text
                await asyncio.sleep(1)


async def test_talks() -> None:
    async with stage() as it, connected(it) as socket:
        for message in [QUIET] * 20 + [LOUD] * 40 + [QUIET] * 20:
            socket.say(message)
        ended = await socket.get("reply.end")
        assert ended["heard"] == "Well, hello to you. "
        assert len(socket.audio) // 48 == pytest.approx((await socket.get("audio.end"))["duration_ms"], abs=1)
        assert [event["seq"] for event in socket.events] == list(range(1, len(socket.events) + 1))


@pytest.mark.parametrize(("encoding", "rate", "bytes_per_ms"), [("mulaw", 8000, 8), ("linear16", 48000, 96)])
async def test_audio_is_sent_in_the_format_that_was_asked_for(encoding: str, rate: int, bytes_per_ms: int) -> None:
    async with stage() as it, connected(it, output_encoding=encoding, output_sample_rate=rate) as socket:
        socket.say({"type": "text", "text": "hi"})
        started = await socket.get("audio.start")
        assert (started["encoding"], started["sample_rate"]) == (encoding, rate)
        duration_ms = (await socket.get("audio.end"))["duration_ms"]
        assert len(socket.audio) / bytes_per_ms == pytest.approx(duration_ms, abs=1)
        # all of it comes before audio.end
        last = max(i for i, message in enumerate(socket.sent) if message.get("bytes"))
        assert not any("audio.end" in message.get("text", "") for message in socket.sent[:last])


async def test_a_large_message_is_heard_whole() -> None:
    async with stage() as it, connected(it, mode="listen") as socket:
        quiet, loud = np.zeros(8000, np.int16), np.full(16000 * 5, 8000, np.int16)
        socket.say(np.concatenate((quiet, loud, quiet)).tobytes())
        await socket.get("turn.end")
        assert it.stt.heard == [pytest.approx(16 * 5600, abs=16 * 40)]


async def test_errors_are_told_and_counted() -> None:
    async with stage() as it, connected(it, ConnectionOptions(max_errors=3)) as socket:
        for text in ("{", '{"type": "dance"}', '{"type": "text"}'):
            socket.say(text)
        await socket.until(lambda: socket.close)
        assert [event["code"] for event in socket.events[1:]] == [
            "bad_message",
            "unknown_message",
            "bad_parameter",
            "too_many_errors",
        ]
        assert [event["fatal"] for event in socket.events[1:]] == [False, False, False, True]
        assert socket.close == (4508, "too_many_errors")


async def test_too_many_messages_are_refused_then_the_client() -> None:
    async with stage() as it, connected(it) as socket:
        for number in range(40 + 5):
            socket.say({"type": "ping", "id": number})
        await socket.until(lambda: len(socket.events) >= 46)
        kinds = [event["type"] for event in socket.events]
        assert kinds.count("pong") in (40, 41) and kinds.count("error") >= 4
        assert all(event["retry_after_ms"] >= 0 for event in socket.events if event["type"] == "error")
        for _ in range(MAX_REFUSALS + 60):
            socket.say({"type": "ping"})
        await socket.until(lambda: socket.close)
        assert socket.close == (4004, "rate_limited")


async def test_audio_that_comes_too_fast_is_told_of_then_the_end() -> None:
    async with stage() as it, connected(it, mode="listen") as socket:
        for _ in range(29):
            socket.say(QUIET * 50)
        socket.say({"type": "ping"})
        await socket.get("pong")
        assert not any(event["type"] == "error" for event in socket.events)  # a burst of 30 s may be
        for _ in range(20):
            socket.say(QUIET * 50)
        await socket.until(lambda: socket.close)
        assert [event["fatal"] for event in socket.events if event["type"] == "error"] == [False, True]
        assert socket.close == (4004, "audio_too_fast")


async def test_silence_on_the_line_ends_it_and_it_can_come_back() -> None:
    async with stage() as it, connected(it, ConnectionOptions(idle_timeout_s=0.2)) as socket:
        await socket.until(lambda: socket.close)
        assert socket.close == (4002, "idle")
        assert socket.events[-1]["code"] == "idle" and socket.events[-1]["fatal"]
        assert it.hub.held == 1


def test_a_hidden_tab_that_may_ping_once_a_minute_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=loop.time))
        async with stage() as it, connected(it) as socket:
            for gap_s in (15, 75, *[60] * 30):
                await asyncio.sleep(gap_s)
                socket.say({"type": "ping"})
            n_pongs = sum(event["type"] == "pong" for event in socket.events)
            assert (n_pongs, socket.close) == (31, None)  # the last one is still to be answered
            await asyncio.sleep(89)
            assert socket.close is None
            await asyncio.sleep(5)
            assert socket.close == (4002, "idle")

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())


async def test_a_client_that_does_not_read_is_cut() -> None:
    async with stage() as it, connected(it, ConnectionOptions(max_waiting_bytes=20_000), mode="speak") as socket:
        await socket.get("ready")
        socket.reads.clear()
        socket.say({"type": "speak", "text": " ".join(["word"] * 50)})
        await socket.until(lambda: socket.was_cut)
        assert socket.was_cut is not None
        code, reason, last = socket.was_cut
        assert (code, reason) == (4001, "slow_consumer")
        assert last is not None and json.loads(last)["fatal"] is True
        socket.reads.set()


async def test_a_message_that_waits_too_long_is_cut() -> None:
    options = ConnectionOptions(send_timeout_s=0.1)
    async with stage() as it, connected(it, options) as socket:
        await socket.get("ready")
        socket.reads.clear()
        socket.say({"type": "ping"})
        await socket.until(lambda: socket.was_cut)
        assert socket.was_cut is not None and socket.was_cut[0] == 4001
        socket.reads.set()


async def test_a_fault_of_ours_is_told_by_a_request_id_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as it, connected(it) as socket:
        await socket.get("ready")

        def explode(frames: object) -> None:
            raise RuntimeError("secret detail")

        it.vad.process = explode  # type: ignore[method-assign, assignment]
        socket.say(LOUD)
        await socket.until(lambda: socket.close)
        assert socket.close == (1011, "internal")
        message = socket.events[-1]["message"]
        assert "secret" not in message and message.removeprefix("request id ") in caplog.text


async def test_configure_is_answered_and_scopes_hold() -> None:
    async with stage() as it, connected(it, identity=Identity("ear", frozenset({"listen"})), mode="listen") as socket:
        socket.say({"type": "configure", "language": "de", "unknown": 1})
        configured = await socket.get("configured")
        assert configured["settings"]["language"] == "de"
        assert "id" not in configured
        socket.say({"type": "configure", "mode": "speak"})
        error = await socket.get("error")
        assert error["code"] == "forbidden"
        assert "id" not in error


async def test_an_answer_bears_the_id_of_what_it_answers() -> None:
    async with stage() as it, connected(it, identity=Identity("ear", frozenset({"listen"})), mode="listen") as socket:
        socket.say({"type": "configure", "id": "c1", "language": "de"})
        assert (await socket.get("configured"))["id"] == "c1"
        socket.say({"type": "configure", "id": 2, "language": "en", "eager_ms": -1})  # a bad value
        socket.say({"type": "configure", "id": "c3", "language": "en", "mode": "speak"})  # not for this key
        socket.say({"type": "tool_result", "id": "t4", "output": ""})
        socket.say({"type": "text", "text": "x"})
        socket.say({"type": "configure"})
        await socket.until(lambda: len([each for each in socket.events if each["type"] == "configured"]) == 2)
        assert [each.get("id") for each in socket.events if each["type"] == "error"] == [2, "c3", "t4", None]
        assert socket.events[-1]["settings"]["language"] == "de"  # a refused change changes nothing


async def test_null_brings_back_what_the_server_chooses() -> None:
    async with stage() as it, connected(it, language="de", voice="x", defaults={"language": "fr"}) as socket:
        socket.say({"type": "configure", "id": 1, "language": None, "voice": None, "eager_ms": 100})
        settings = (await socket.get("configured"))["settings"]
        assert (settings["language"], settings["voice"], settings["eager_ms"]) == ("fr", "", 100)


async def test_close_is_answered_with_1000_and_nothing_is_kept() -> None:
    async with stage() as it, connected(it) as socket:
        socket.say({"type": "close"})
        await socket.until(lambda: socket.close)
        assert socket.close == (1000, "")
    assert it.hub.held == 0


@pytest.mark.parametrize(
    "message", [{"type": "text", "text": "x"}, {"type": "cancel"}, {"type": "tool_result", "id": "c", "output": ""}]
)
async def test_a_key_for_listening_does_nothing_else(message: dict[str, Any]) -> None:
    async with stage() as it, connected(it, identity=Identity("ear", frozenset({"listen"})), mode="listen") as socket:
        socket.say(message)
        assert (await socket.get("error"))["code"] == "forbidden"


async def test_an_event_without_words_ends_one_connection() -> None:
    async with stage() as it:
        user = await it.join()
        socket = Socket()
        seat = await it.hub.join(Join("local", Options(), user.seat.conversation.id))
        served = Connection(
            seat,
            Identity("local"),
            NativeCodec(),
            socket.inbox.get,
            socket.send,
            socket,
            ConnectionOptions(),
            Options(),
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(served.run())
            await socket.get("ready")
            user.seat.conversation.emit(ToolCalled(1, ToolCall("c", "x", {"n": float("inf")})))
            await socket.until(lambda: socket.close)
        assert socket.close == (1011, "internal")
        assert not user.out.closed and not user.seat.conversation.over


async def test_nothing_more_is_heard_once_the_end_is_told() -> None:
    async with stage() as it, connected(it, mode="listen", encoding="mulaw", sample_rate=8000) as socket:
        socket.say(bytes([255]) * (1 << 20))  # 131 s at once
        await socket.until(lambda: socket.close)
        assert socket.close == (4004, "audio_too_fast")


async def test_what_is_refused_for_its_rate_is_told_by_its_id() -> None:
    options = ConnectionOptions(control_burst=1, control_rate=0.001)
    async with stage() as it, connected(it, options) as socket:
        said = ({"type": "ping"}, {"type": "configure", "language": "de", "id": 7}, {"type": "ping", "id": 8}, "{")
        for each in said:
            socket.say(each)
        await socket.until(lambda: len(socket.events) >= 5)
        refused = [event for event in socket.events if event["type"] == "error"]
        assert [event["code"] for event in refused] == ["rate_limited"] * 3
        assert [event.get("id") for event in refused] == [7, None, None]
