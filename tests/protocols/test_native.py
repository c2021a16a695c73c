"""The native codec against the protocol's own page: its tables are written out here a second time.

The vectors in ``tests/data/wire/native`` say the same by example, for clients in other languages too.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from voicesrv import events
from voicesrv.errors import ClientError, Code
from voicesrv.events import AudioSince, Command, Event, Failed, Ping, Tool
from voicesrv.options import Options, changed
from voicesrv.protocols import native
from voicesrv.protocols.jsons import dump
from voicesrv.protocols.native import CLOSE_CODE, HTTP_STATUS, Connect, NativeCodec, error_body, parse_query

WIRE = Path(__file__).parents[1] / "data" / "wire" / "native"
CODEC = NativeCodec()


def vectors(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (WIRE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def build(spec: dict[str, Any]) -> Any:
    """A command or event from its line."""
    kind = getattr(events, spec["kind"])
    fields = {name: value for name, value in spec.items() if name != "kind"}
    for name in ("data", "pcm"):
        if name in fields:
            fields[name] = base64.b64decode(fields[name])
    return TypeAdapter(kind).validate_python(fields)


# --- client to server ---------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors("commands"), ids=json.dumps)
def test_messages_become_commands(vector: dict[str, Any]) -> None:
    command = build(vector["command"])
    if "base64" in vector:
        assert list(CODEC.receive(base64.b64decode(vector["base64"]))) == [command]
        return
    for message in (vector["message"], *vector.get("also", ())):
        for text in (json.dumps(message), json.dumps(message, ensure_ascii=False, indent=2)):
            assert list(CODEC.receive(text)) == [command]


@pytest.mark.parametrize("vector", vectors("refusals"), ids=lambda vector: vector["text"][:50])
def test_bad_messages_get_their_code(vector: dict[str, str]) -> None:
    with pytest.raises(ClientError) as no:
        CODEC.receive(vector["text"])
    assert no.value.code == vector["code"]
    assert vector["says"] in no.value.message
    assert len(no.value.message) < 250


def test_the_vectors_have_every_command_and_event() -> None:
    assert {each["command"]["kind"] for each in vectors("commands")} == {each.__name__ for each in get_args(Command)}
    assert {each["event"]["kind"] for each in vectors("events")} == {each.__name__ for each in get_args(Event)}
    causes = {each["event"]["cause"] for each in vectors("events") if "cause" in each["event"]}
    assert causes == {*events.EndCause, *events.ReplyCause}
    assert {each["code"] for each in vectors("refusals")} == {"bad_message", "bad_parameter", "unknown_message"}


def test_messages_of_the_table_are_known_and_no_others() -> None:
    assert {each["message"]["type"] for each in vectors("commands") if "message" in each} == set(native._READERS)
    assert len(native._READERS) == 10


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("text", "flush", "reply", "played_ms", "id", "output", "error", "mode", "tools", "x")


@given(
    st.sampled_from([*native._READERS, "nonsense"]),
    st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=5),
)
def test_any_fields_are_read_or_refused(kind: str, fields: dict[str, Any]) -> None:
    try:
        commands = CODEC.receive(json.dumps({**fields, "type": kind}))
    except ClientError as no:
        assert no.code in (Code.BAD_MESSAGE, Code.BAD_PARAMETER, Code.UNKNOWN_MESSAGE)
        assert no.message.encode()
    else:
        assert len(commands) == 1 and isinstance(commands[0], get_args(Command))


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_any_message_is_read_or_refused(message: str | bytes) -> None:
    try:
        CODEC.receive(message)
    except ClientError as no:
        assert isinstance(message, str) and no.code in (Code.BAD_MESSAGE, Code.BAD_PARAMETER, Code.UNKNOWN_MESSAGE)


def test_ids_come_back_as_they_were() -> None:
    for id in (None, 0, -1, 2**63, "", "x" * 128, "é\n"):
        (command,) = CODEC.receive(json.dumps({"type": "ping", "id": id}))
        assert command == Ping(id)


# --- server to client ---------------------------------------------------------------------------

# type, fields that are always there, fields that may be; from the protocol's page
TABLE = {
    "ready": (
        "protocol conversation connection resume settings engines lead_ms received_ms received_messages limits",
        "audio",  # an addition: where a resume goes on in the middle of a reply
    ),
    "configured": ("settings", "id"),
    "turn.start": ("turn at_ms", ""),
    "transcript": ("turn text stable", "words"),
    "turn.eager_end": ("turn text confidence at_ms", ""),
    "turn.resume": ("turn at_ms", ""),
    "turn.end": ("turn text start_ms end_ms confidence language cause", "words"),
    "reply.start": ("reply turn", ""),
    "reply.text": ("reply delta", ""),
    "tool_call": ("id reply connection name arguments", ""),
    "audio.start": ("reply encoding sample_rate channels start_ms", ""),
    "words": ("reply items", ""),
    "visemes": ("reply items", ""),
    "audio.end": ("reply duration_ms", ""),
    "clear": ("reply", ""),
    "reply.end": ("reply text heard cause", ""),
    "latency": ("turn reply endpoint_ms stt_ms llm_first_ms tts_first_ms total_ms", ""),
    "flushed": ("", "id"),
    "pong": ("", "id"),
    "warning": ("code message", ""),
    "error": ("code message fatal", "retry_after_ms id"),
}


@pytest.mark.parametrize("vector", vectors("events"), ids=lambda vector: json.dumps(vector["event"])[:60])
def test_events_become_messages(vector: dict[str, Any]) -> None:
    (message,) = CODEC.send(vector["seq"], build(vector["event"]))
    if "base64" in vector:
        assert message == base64.b64decode(vector["base64"])
        return
    assert isinstance(message, str)
    body = json.loads(message)
    assert body == vector["message"]
    assert message == dump(body)  # compact, and type and seq come first
    assert list(body)[:2] == ["type", "seq"]
    always, perhaps = (set(names.split()) for names in TABLE[body["type"]])
    assert always <= body.keys() - {"type", "seq"} <= always | perhaps


def test_every_type_of_the_table_is_sent() -> None:
    assert {each["message"]["type"] for each in vectors("events") if "message" in each} == set(TABLE)


# --- connecting ---------------------------------------------------------------------------------

DEFAULTS = {
    "mode": "converse",
    "encoding": "linear16",
    "sample_rate": 16000,
    "channels": 1,
    "output_encoding": "linear16",
    "output_sample_rate": 24000,
    "agent": "default",
    "language": "en",
    "interim": True,
    "keyterms": [],
    "endpointing_ms": 300,
    "endpointing_max_ms": 1500,
    "eager_ms": 0,
    "interrupt": True,
    "words": False,
    "visemes": False,
}


def test_everything_has_its_documented_default() -> None:
    connect = parse_query({}, Options())
    shown = connect.options.public()
    assert {name: shown[name] for name in DEFAULTS} == DEFAULTS
    assert (connect.conversation, connect.resume, connect.after, connect.has) == (None, None, 0, None)


def test_parameters_of_the_table_are_known_and_no_others() -> None:
    assert set(native.QUERY_OPTIONS) == {*DEFAULTS, "stt", "llm", "tts", "voice"}


def test_a_url_is_read() -> None:
    query = {"mode": "speak", "sample_rate": "8000", "words": "true", "voice": "x", "token": "é", "nonsense": "1"}
    defaults = changed(Options(), {"language": "de", "tools": [{"name": "f"}]})
    options = parse_query(query, defaults).options
    assert (options.mode, options.sample_rate, options.words, options.voice) == ("speak", 8000, True, "x")
    assert (options.language, options.tools) == ("de", (Tool("f"),))  # the operator's defaults stay
    assert parse_query({"instructions": "x", "tools": "x"}, Options()).options == Options()  # not from a URL


@pytest.mark.parametrize(
    ("query", "on_socket"), [({}, False), ({"refuse": "http"}, False), ({"refuse": "socket"}, True)]
)
def test_where_a_refusal_is_told(query: dict[str, str], on_socket: bool) -> None:
    parse_query(query, Options())
    assert native.is_told_on_socket(query) is on_socket


def test_a_resume_is_read() -> None:
    query = {"conversation": "cv_1", "resume": "t-1", "after": "17"}
    assert parse_query(query, Options()) == Connect(Options(), "cv_1", "t-1", 17)
    query |= {"audio_reply": "3", "audio_ms": "0"}
    assert parse_query(query, Options()).has == AudioSince(3, 0)
    assert parse_query({"conversation": "x" * 64}, Options()).conversation == "x" * 64


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"sample_rate": "7000"}, "sample_rate: 7000 is outside 8000–48000"),
        ({"output_sample_rate": "9" * 5000}, "output_sample_rate"),
        ({"words": "yes"}, "words: 'yes' is not one of true, false"),
        ({"mode": ""}, "mode: '' is not one of"),
        *(({"conversation": each}, "conversation: ") for each in ("", "a b", "../x", "x" * 65, "é", "'--")),
        *(({"conversation": "c", "resume": each}, "resume: ") for each in ("", "a b", "x" * 65)),
        ({"resume": "t"}, "conversation: '' is missing"),
        *(({"refuse": each}, f"refuse: '{each}' is not one of http, socket") for each in ("maybe", "")),
        *(({"after": each}, "after: ") for each in ("", "-1", "1.5", "x", "9" * 20, "1e3", " 1")),
        *(({"audio_reply": each, "audio_ms": "1"}, "audio_reply: ") for each in ("0", "-1", "x", "")),
        *(({"audio_reply": "1", "audio_ms": each}, "audio_ms: ") for each in ("-1", "x", "")),
        ({"audio_reply": "1"}, "audio_ms: "),
        ({"audio_ms": "1"}, "audio_reply: "),
    ],
)
def test_a_bad_url_is_refused(query: dict[str, str], said: str) -> None:
    with pytest.raises(ClientError) as no:
        parse_query(query, Options())
    assert no.value.code is Code.BAD_PARAMETER
    assert no.value.message.startswith(said) and len(no.value.message) < 250


@given(
    st.dictionaries(st.sampled_from([*native.QUERY_OPTIONS, "conversation", "resume", "after"]), st.text(max_size=9))
)
def test_any_url_is_read_or_refused(query: dict[str, str]) -> None:
    try:
        parse_query(query, Options())
    except ClientError as no:
        assert no.code is Code.BAD_PARAMETER


# --- errors -------------------------------------------------------------------------------------

# code: HTTP status, close code; from the protocol's page
ERRORS: dict[str, tuple[int | None, int | None]] = {
    "bad_parameter": (400, None),
    "bad_message": (None, None),
    "unknown_message": (None, None),
    "container_in_pcm": (None, None),
    "unauthorized": (401, 4501),
    "forbidden": (403, 4503),
    "origin_not_allowed": (403, None),
    "not_found": (404, 4504),
    "too_large": (413, 1009),
    "text_too_long": (422, None),
    "nothing_to_speak": (422, None),
    "audio_too_fast": (None, 4004),
    "rate_limited": (429, 4004),
    "too_many_errors": (None, 4508),
    "overloaded": (503, 1013),
    "idle": (None, 4002),
    "slow_consumer": (None, 4001),
    "superseded": (None, 4509),
    "state_lost": (None, 4007),
    "engine_failed": (502, 1011),
    "shutting_down": (503, 1012),
    "internal": (500, 1011),
}


def test_every_code_is_documented() -> None:
    assert list(ERRORS) == [code.value for code in Code]


@pytest.mark.parametrize("code", Code)
def test_codes_are_told_as_documented(code: Code) -> None:
    status, close = ERRORS[code]
    if code is Code.BAD_MESSAGE:
        status = 400  # over HTTP a body may be no JSON as well
    assert HTTP_STATUS.get(code) == status
    assert CLOSE_CODE.get(code) == close
    assert CODEC.refuse(ClientError(code, "said already")) == (close or 1008, code.value)


def test_close_codes_of_ours_tell_the_client_what_to_do() -> None:
    """4000-4499: come back and resume; 4500-4999: do not retry unchanged."""
    for code, close in CLOSE_CODE.items():
        if close >= 4000:
            comes_back = code in (
                Code.SLOW_CONSUMER,
                Code.IDLE,
                Code.AUDIO_TOO_FAST,
                Code.RATE_LIMITED,
                Code.STATE_LOST,
            )
            assert (close < 4500) == comes_back


def test_errors_have_one_shape_everywhere() -> None:
    error = ClientError(Code.RATE_LIMITED, "slower, please", retry_after_ms=50)
    body = {"type": "error", "code": "rate_limited", "message": "slower, please", "fatal": True, "retry_after_ms": 50}
    assert error_body(error) == body
    assert json.loads(dump(error_body(error))) == body
    (message,) = CODEC.send(5, Failed(error.code, error.message, fatal=True, retry_after_ms=50))
    assert isinstance(message, str)
    assert json.loads(message) == {**body, "seq": 5}
    assert error_body(ClientError(Code.IDLE, "x"), fatal=False) == {
        "type": "error",
        "code": "idle",
        "message": "x",
        "fatal": False,
    }


def test_no_event_carries_a_field_that_is_not_sent() -> None:
    """What an event knows is on the wire under the same name, with few exceptions."""
    renamed = {"ToolCalled": {"call"}}
    for vector in vectors("events"):
        if "message" not in vector:
            continue
        event = build(vector["event"])
        names = {field.name for field in dataclasses.fields(event)} - renamed.get(type(event).__name__, set())
        empty = {name for name in names if getattr(event, name) in (None, ())}
        assert names - empty <= vector["message"].keys()
