"""Every row of the error table of the protocol, over a real socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.hostile.conftest import CANARY, Server, joined, server_with
from tests.hostile.raw import BINARY, TEXT, Answer, connected, frame, text, upgraded
from tests.hostile.talk import audio, configure, event, is_alive, until

pytestmark = pytest.mark.anyio


async def ask(server: Server, path: str, *headers: str) -> Answer:
    """Ask for a WebSocket that is to be refused."""
    async with connected(server.url) as client:
        answer = await client.upgrade(path, *headers)
    assert answer.json()["type"] == "error"
    assert answer.json()["fatal"] is True
    return answer


# --- before the upgrade --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sample_rate=7000", ["sample_rate", "7000", "8000", "48000"]),
        ("sample_rate=fast", ["sample_rate", "fast"]),
        ("sample_rate=1e9", ["sample_rate"]),
        ("sample_rate=", ["sample_rate"]),
        ("channels=0", ["channels", "1", "2"]),
        ("channels=1000000", ["channels"]),
        ("mode=sing", ["mode", "sing", "converse, listen, speak"]),
        ("encoding=mp3", ["encoding", "mp3", "linear16"]),
        ("output_encoding=float32", ["output_encoding", "mulaw"]),
        ("output_sample_rate=12345", ["output_sample_rate", "22050"]),
        ("endpointing_ms=-1", ["endpointing_ms", "-1"]),
        ("eager_ms=abc", ["eager_ms"]),
        ("interrupt=maybe", ["interrupt", "true, false"]),
        ("language=!!", ["language"]),
        ("voice=../../etc/passwd", ["voice"]),
        ("stt=%00", ["stt"]),
        ("conversation=../x", ["conversation"]),
        ("conversation=cv_x&resume=" + "x" * 65, ["resume"]),
        ("resume=token", ["conversation"]),
        ("&".join(f"x{i}=1" for i in range(500)), []),
        ("conversation=cv_x&resume=r&after=-1", ["after", "-1"]),
        ("conversation=cv_x&resume=r&after=99999999999999999999", ["after"]),
    ],
)
async def test_bad_parameter(server: Server, query: str, names: list[str]) -> None:
    answer = await ask(server, f"/ws?{query}")
    assert (answer.status, answer.json()["code"]) == (400, "bad_parameter")
    assert all(name in answer.json()["message"] for name in names)


@pytest.mark.parametrize("path", ["/ws", "/v1/stream"])
async def test_a_plain_get_says_how_to_connect(server: Server, path: str) -> None:
    async with connected(server.url) as client:
        answer = await client.request(f"GET {path} HTTP/1.1")
    assert answer.status == 400
    assert answer.json().keys() >= {"type", "code", "message", "usage", "parameters", "example"}


@pytest.mark.parametrize(
    "shown", [None, "", "wrong", "alices-own-ke", "alices-own-key2", "ALICES-OWN-KEY", "x" * 6000, "\xe9"]
)
async def test_unauthorized(keyed: Server, shown: str | None) -> None:
    headers = [] if shown is None else [f"Authorization: Bearer {shown}"]
    answer = await ask(keyed, "/ws", *headers)
    # The last of them are over the limit of wrong keys from one address.
    assert (answer.status, answer.json()["code"]) in ((401, "unauthorized"), (429, "rate_limited"))
    assert shown is None or len(shown) < 6 or shown not in answer.body.decode("latin-1")


@pytest.mark.parametrize("mode", ["converse", "speak"])
async def test_forbidden(keyed: Server, mode: str) -> None:
    answer = await ask(keyed, f"/ws?mode={mode}&token=kiosks-own-key")
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    async with joined(keyed, "mode=listen&token=kiosks-own-key") as (client, _):
        client.send(text({"type": "configure", "mode": mode}))
        assert (await event(client, "error", "configured"))["code"] == "forbidden"
        assert await is_alive(client)


@pytest.mark.parametrize(
    "headers",
    [
        ["Origin: http://evil.example"],
        ["Origin: null"],
        ["Origin: http://localhost.evil.example"],
        ["Host: evil.example", "Origin: http://evil.example"],
        ["Host: evil.example"],
    ],
)
async def test_origin_not_allowed(server: Server, headers: list[str]) -> None:
    answer = await ask(server, "/ws", *headers)
    assert (answer.status, answer.json()["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    "query",
    [
        "agent=nobody",
        "stt=nothing",
        "tts=nothing",
        "llm=nothing",
        "stt=os",
        "conversation=cv_nothing",
        "conversation=cv_nothing&resume=nothing&after=3",
    ],
)
async def test_not_found(server: Server, query: str) -> None:
    answer = await ask(server, f"/ws?{query}")
    assert (answer.status, answer.json()["code"]) == (404, "not_found")


async def test_another_keys_conversation_is_not_found(keyed: Server) -> None:
    async with joined(keyed, "token=alices-own-key") as (_, ready):
        there = f"/ws?token=bobs-own-key&conversation={ready['conversation']}"
        nowhere = "/ws?token=bobs-own-key&conversation=cv_nothing"
        assert (await ask(keyed, there)).json() == (await ask(keyed, nowhere)).json()
        stolen = await ask(keyed, f"{there}&resume={ready['resume']}")
        assert (stolen.status, stolen.json()["code"]) == (404, "not_found")
        async with joined(keyed, f"token=alices-own-key&conversation={ready['conversation']}"):
            pass


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/ws/", "/../ws", "/%2e%2e/ws"])
async def test_no_websocket_there(server: Server, path: str) -> None:
    answer = await ask(server, path)
    assert (answer.status, answer.json()["code"]) == (404, "not_found")


async def test_overloaded(small: Server) -> None:
    async with joined(small):
        answer = await ask(small, "/ws")
        assert (answer.status, answer.json()["code"]) == (503, "overloaded")
        assert int(answer.headers["retry-after"]) > 0


# --- on the socket -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code", "names"),
    [
        pytest.param({"type": "speak"}, "bad_parameter", ["text"], id="missing field"),
        pytest.param({"type": "speak", "text": 7}, "bad_parameter", ["text", "7"], id="wrong type"),
        pytest.param({"type": "speak", "text": "x", "flush": "no"}, "bad_parameter", ["flush"], id="not a boolean"),
        pytest.param({"type": "configure", "sample_rate": True}, "bad_parameter", ["sample_rate"], id="true as number"),
        pytest.param({"type": "configure", "tools": {}}, "bad_parameter", ["tools"], id="tools not a list"),
        pytest.param(
            {"type": "playback", "reply": 1, "played_ms": -1}, "bad_parameter", ["played_ms"], id="out of range"
        ),
        pytest.param({"type": "tool_result", "id": "x"}, "bad_parameter", ["output"], id="neither output nor error"),
        pytest.param({"type": "text", "text": " "}, "bad_parameter", ["text"], id="blank turn"),
        pytest.param({"type": "configure", "agent": "nobody"}, "not_found", ["agent", "nobody"], id="no such agent"),
        pytest.param({"type": "configure", "tts": "nothing"}, "not_found", ["nothing"], id="no such engine"),
        pytest.param({"type": "sing"}, "unknown_message", ["sing"], id="unknown type"),
        pytest.param({"type": "x" * 10_000}, "unknown_message", ["x" * 64], id="long unknown type"),
        pytest.param("not json", "bad_message", [], id="not JSON"),
        pytest.param({"type": "speak", "text": "x" * 2001}, "text_too_long", ["2"], id="2001 characters"),
        pytest.param({"type": "speak", "text": "…!? 😀"}, "nothing_to_speak", [], id="nothing to say"),
    ],
)
async def test_an_error_that_the_connection_survives(
    server: Server, message: str | dict[str, Any], code: str, names: list[str]
) -> None:
    async with joined(server) as (client, _):
        client.send(text(message))
        error = await event(client, "error")
        assert (error["code"], error["fatal"]) == (code, False)
        assert all(name in error["message"] for name in names)
        assert len(error["message"]) < 300
        assert isinstance(error["seq"], int)
        assert await is_alive(client)


@pytest.mark.parametrize(
    ("sent", "code", "close_code"),
    [
        pytest.param(frame(TEXT, b"x" * 65_537), "too_large", 1009, id="text over 64 KiB"),
        pytest.param(frame(BINARY, bytes((1 << 20) + 1)), "too_large", 1009, id="binary over 1 MiB"),
        pytest.param(frame(TEXT, b"\xff\xfe"), "bad_message", 1007, id="invalid UTF-8"),
        pytest.param(20 * text("[]"), "too_many_errors", 4508, id="20 errors"),
        pytest.param(2 * audio(29_000) + 2 * audio(20_000), "audio_too_fast", 4004, id="98 s of audio at once"),
        pytest.param(frame(BINARY, bytes(1 << 20)) * 3, "audio_too_fast", 4004, id="98 s in three messages"),
    ],
)
async def test_an_error_that_ends_the_connection(server: Server, sent: bytes, code: str, close_code: int) -> None:
    async with joined(server) as (client, _):
        await client.flood(sent, 1)
        while not (error := await event(client, "error"))["fatal"]:
            pass
        assert error["code"] == code
        assert await client.close() == (close_code, code)


@pytest.mark.parametrize(
    "head", [b"RIFF\x24\x00\x00\x00WAVEfmt ", b"OggS\0\x02", b"\x1aE\xdf\xa3", b"ID3\x04", b"\x1f\x8b\x08"]
)
async def test_container_in_pcm_is_a_warning_once(server: Server, head: bytes) -> None:
    async with joined(server) as (client, _):
        client.send(frame(BINARY, head + bytes(2000)), frame(BINARY, head + bytes(2000)))
        assert (await event(client, "warning"))["code"] == "container_in_pcm"
        client.send(text({"type": "ping"}))
        assert (await event(client, "warning", "error", "pong"))["type"] == "pong"


async def test_audio_that_is_a_little_too_fast_is_told_and_forgiven(server: Server) -> None:
    async with joined(server) as (client, _):
        client.send(audio(30_000), audio(2_000))
        error = await event(client, "error")
        assert (error["code"], error["fatal"]) == ("audio_too_fast", False)
        assert 0 < error["retry_after_ms"] <= 2000
        assert await is_alive(client)


async def test_rate_limited(server: Server) -> None:
    async with joined(server) as (client, _):
        client.send(55 * text({"type": "ping"}))
        answers = [await event(client, "pong", "error") for _ in range(45)]
        refused = [each for each in answers if each["type"] == "error"]
        assert 40 <= sum(each["type"] == "pong" for each in answers) < 45
        assert {each["code"] for each in refused} == {"rate_limited"}
        assert all(each["retry_after_ms"] > 0 for each in refused)


async def test_rate_limited_for_too_long_ends_the_connection(server: Server) -> None:
    async with joined(server) as (client, _):
        client.send(500 * text({"type": "ping"}))
        while not (error := await event(client, "error"))["fatal"]:
            pass
        assert error["code"] in ("rate_limited", "too_many_errors")
        assert await client.close() == ({"rate_limited": 4004, "too_many_errors": 4508}[error["code"]], error["code"])


async def test_idle(impatient: Server) -> None:
    async with joined(impatient) as (client, _):
        error = await event(client, "error")
        assert (error["code"], error["fatal"]) == ("idle", True)
        assert await client.close() == (4002, "idle")


@pytest.mark.parametrize("said", [text({"type": "ping"}), audio(20)])
async def test_whoever_says_anything_is_not_idle(impatient: Server, said: bytes) -> None:
    async with joined(impatient) as (client, _):
        for _ in range(6):
            client.send(said)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.4):
                    await event(client, "error")


async def test_slow_consumer(server: Server) -> None:
    before = server.metric('voicesrv_drops_total{what="slow_consumer"}')
    async with joined(server, receive_buffer=4096) as (client, _):
        assert await client.flood(configure(60), 39)  # 2.3 MiB are to be read
        await until(lambda: server.metric('voicesrv_drops_total{what="slow_consumer"}') > before)
        await client.end()


async def test_superseded(server: Server) -> None:
    async with joined(server) as (old, ready):
        again = f"conversation={ready['conversation']}&resume={ready['resume']}&after={ready['seq']}"
        async with joined(server, again) as (new, _):
            error = await event(old, "error")
            assert (error["code"], error["fatal"]) == ("superseded", True)
            assert await old.close() == (4509, "superseded")
            assert await is_alive(new)
            used = await ask(server, f"/ws?{again}")
            assert (used.status, used.json()["code"]) == (404, "not_found")
            assert await is_alive(new)


async def test_state_lost(server: Server) -> None:
    async with joined(server) as (_, ready):
        future = f"/ws?conversation={ready['conversation']}&resume={ready['resume']}&after=1000000"
    async with upgraded(server.url, future) as client:
        error = await event(client, "error", "ready")
        assert (error["type"], error["code"], error["fatal"]) == ("error", "state_lost", True)
        assert await client.close() == (4007, "state_lost")


async def test_a_connection_that_comes_back_too_late_is_not_found(impatient: Server) -> None:
    async with joined(impatient) as (_, ready):
        back = f"/ws?conversation={ready['conversation']}&resume={ready['resume']}&after=1"
    await until(lambda: not impatient.metric("voicesrv_conversations"))
    answer = await ask(impatient, back)
    assert (answer.status, answer.json()["code"]) == (404, "not_found")


async def test_shutting_down() -> None:
    with server_with(drain_s=2) as server:
        async with joined(server) as (client, _):
            server.begin_to_stop()
            error = await event(client, "error")
            assert (error["code"], error["fatal"]) == ("shutting_down", True)
            assert await client.close() == (1012, "shutting_down")


async def test_secrets_and_speech_are_in_no_log(keyed: Server) -> None:
    async with joined(keyed, f"token=alices-own-key&resume_token={CANARY}") as (client, _):
        client.send(text({"type": "text", "text": CANARY}), text({"type": CANARY}), text(f'{{"{CANARY}'))
        await event(client, "turn.end")
    assert CANARY not in keyed.log
    assert "own-key" not in keyed.log
