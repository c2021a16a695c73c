from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv_client.errors import ProtocolError
from voicesrv_client.events import (
    TYPES,
    Audio,
    AudioEnd,
    AudioStart,
    Clear,
    Ready,
    ServerError,
    ToolCall,
    TurnEnd,
    Unknown,
    Viseme,
    Visemes,
    Word,
)
from voicesrv_client.protocol import (
    Incoming,
    Next,
    after_close,
    backoff_s,
    build_url,
    bytes_per_second,
    frame_bytes,
    parse_event,
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/ws"),
        ("http://127.0.0.1:8000/", "ws://127.0.0.1:8000/ws"),
        ("https://voice.example/v1/stream", "wss://voice.example/v1/stream"),
        ("wss://voice.example/ws?token=a%20b", "wss://voice.example/ws?token=a+b"),
    ],
)
def test_build_url_takes_http_and_ws(url: str, expected: str) -> None:
    assert build_url(url, {}) == expected


def test_build_url_writes_options_as_the_server_reads_them() -> None:
    url = build_url("ws://h/ws?mode=speak", {"mode": "listen", "interim": False, "sample_rate": 8000, "voice": None})
    assert url == "ws://h/ws?mode=listen&interim=false&sample_rate=8000"
    assert (
        build_url("ws://h", {"keyterms": ["Saoirse", "Ångström"]}) == "ws://h/ws?keyterms=Saoirse%2C%C3%85ngstr%C3%B6m"
    )


@pytest.mark.parametrize("url", ["ftp://h/ws", "127.0.0.1:8000", "http://", ""])
def test_build_url_refuses_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        build_url(url, {})


def test_formats() -> None:
    assert bytes_per_second("linear16", 16000) == 32000
    assert bytes_per_second("mulaw", 8000, 2) == 16000
    assert frame_bytes("float32", 2) == 8
    with pytest.raises(ValueError, match="'mp3' is not one of linear16"):
        frame_bytes("mp3")


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (1000, Next.END),
        *((code, Next.RESUME) for code in (1001, 1005, 1006, 1011, 1012, 1013, 4000, 4001, 4002, 4004, 4499)),
        (4007, Next.RESTART),
        *((code, Next.FAIL) for code in (1002, 1007, 1008, 1009, 4500, 4501, 4503, 4504, 4508, 4509, 4999)),
    ],
)
def test_after_close(code: int, step: Next) -> None:
    assert after_close(code) is step


def test_backoff_doubles_up_to_ten_seconds_with_full_jitter() -> None:
    assert [backoff_s(n, 1.0) for n in range(8)] == [0.25, 0.5, 1, 2, 4, 8, 10, 10]
    assert backoff_s(10_000, 1.0) == 10
    assert backoff_s(3, 0.0) == 0


def test_parse_event_types_its_fields() -> None:
    raw = {
        "type": "turn.end",
        "seq": 7,
        "turn": 2,
        "text": "hello you",
        "confidence": 1,
        "cause": "silence",
        "words": [{"text": "hello", "start_ms": 10, "end_ms": 300, "confidence": 0.5}],
        "from_a_newer_server": [1],
    }
    event = parse_event(json.dumps(raw))
    assert event == TurnEnd(2, "hello you", cause="silence", words=(Word("hello", 10, 300, 0.5),), seq=7)
    assert event.raw == raw


def test_parse_event_reads_visemes_and_keeps_what_it_does_not_know() -> None:
    items = [{"viseme": "PP", "start_ms": 0, "end_ms": 80}]
    assert parse_event(json.dumps({"type": "visemes", "reply": 1, "items": items})) == Visemes(
        1, (Viseme("PP", 0, 80),)
    )
    unknown = parse_event('{"type": "mood", "seq": 3, "mood": "good"}')
    assert unknown == Unknown("mood", seq=3)
    assert unknown.raw["mood"] == "good"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "{}",
        '{"type": 1}',
        "[" * 100_000,
        '{"type": "turn.end", "text": "no turn"}',
        '{"type": "turn.end", "turn": "1", "text": ""}',
        '{"type": "turn.end", "turn": 1, "text": "", "seq": "1"}',
        '{"type": "words", "reply": 1, "items": [{"text": "no times"}]}',
        '{"type": "words", "reply": 1, "items": [3]}',
    ],
)
def test_parse_event_refuses_what_the_protocol_does_not_allow(message: str) -> None:
    with pytest.raises(ProtocolError):
        parse_event(message)


@given(st.sampled_from(sorted(TYPES)), st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_parse_event_raises_nothing_else(name: str, fields: dict[str, object]) -> None:
    with contextlib.suppress(ProtocolError):
        parse_event(json.dumps({**fields, "type": name}))


def event(type: str, **fields: object) -> str:
    return json.dumps({"type": type, **fields})


def started(incoming: Incoming, reply: int, seq: int) -> None:
    incoming.receive(event("audio.start", seq=seq, reply=reply, encoding="linear16", sample_rate=24000, channels=1))


def test_incoming_passes_each_event_on_once() -> None:
    incoming = Incoming()
    assert incoming.receive(event("turn.start", seq=2, turn=1)) is not None
    assert incoming.receive(event("turn.start", seq=2, turn=1)) is None
    assert incoming.receive(event("ready", seq=1, protocol="voicesrv.v1", conversation="c")) is None
    assert incoming.receive(event("error", code="bad_message")) == ServerError("bad_message")  # without a number
    assert incoming.last_seq == 2


def test_incoming_says_where_audio_lies_in_its_reply() -> None:
    incoming = Incoming()
    started(incoming, 4, 1)
    assert incoming.receive(bytes(960)) == Audio(4, bytes(960), 0)
    assert incoming.receive(bytes(480)) == Audio(4, bytes(480), 20)
    started(incoming, 5, 2)
    assert incoming.receive(bytes(4)) == Audio(5, bytes(4), 0)
    incoming.receive(event("audio.start", seq=3, reply=6, encoding="mulaw", sample_rate=8000, channels=1))
    incoming.receive(bytes(80))
    assert incoming.receive(bytes(8)) == Audio(6, bytes(8), 10)


def test_incoming_drops_audio_that_a_resume_sends_twice() -> None:
    incoming = Incoming()
    assert incoming.resume_query() == {"after": 0}
    started(incoming, 4, 1)
    incoming.receive(b"a" * 1450)  # 30 ms and 5 samples
    assert incoming.resume_query() == {"after": 1, "audio_reply": 4, "audio_ms": 30}
    incoming.resumed()
    assert incoming.receive(b"x" * 8) is None
    assert incoming.receive(b"x" * 2 + b"n" * 38) == Audio(4, b"n" * 38, 30 + 10 / 48)
    assert incoming.resume_query() == {"after": 1, "audio_reply": 4, "audio_ms": 31}


def test_incoming_takes_all_of_a_reply_that_began_while_it_was_away() -> None:
    incoming = Incoming()
    started(incoming, 4, 1)
    incoming.receive(bytes(50))
    incoming.resumed()
    started(incoming, 5, 2)
    assert incoming.receive(b"n" * 48) == Audio(5, b"n" * 48, 0)


def test_incoming_refuses_an_encoding_it_cannot_count() -> None:
    with pytest.raises(ProtocolError, match=r"audio\.start\.encoding"):
        Incoming().receive(event("audio.start", reply=1, encoding="opus"))


def test_incoming_counts_from_the_ready_it_begins_with() -> None:
    incoming = Incoming(1007)
    assert incoming.resume_query() == {"after": 1007}
    assert incoming.receive(event("clear", seq=1007, reply=1)) is None
    assert incoming.receive(event("clear", seq=1008, reply=1)) is not None


@pytest.mark.parametrize("rate", [8000, 22050, 24000, 44100])
@given(start_ms=st.integers(0, 100_000), n_samples=st.integers(0, 5000))
def test_incoming_counts_audio_from_where_it_begins(rate: int, start_ms: int, n_samples: int) -> None:
    """Of a reply that it joined in the middle; and a resume goes on there to the sample."""
    incoming = Incoming()
    incoming.receive(event("audio.start", seq=1, reply=4, sample_rate=rate, start_ms=start_ms))
    assert incoming.resume_query() == {"after": 1, "audio_reply": 4, "audio_ms": start_ms}
    if n_samples:
        assert incoming.receive(bytes(2 * n_samples)) == Audio(4, bytes(2 * n_samples), start_ms)
    has_ms = incoming.resume_query()["audio_ms"]
    assert has_ms == start_ms + n_samples * 1000 // rate
    incoming.resumed()
    twice = n_samples - (has_ms - start_ms) * rate // 1000
    again = incoming.receive(bytes(2 * twice + 2))
    assert isinstance(again, Audio) and len(again.pcm) == 2
    assert again.start_ms == pytest.approx(start_ms + n_samples * 1000 / rate)


def test_a_tool_call_says_whose_it_is() -> None:
    call = parse_event(event("tool_call", id="c1", name="weather", connection="cn_1"))
    assert call == ToolCall("c1", "weather", connection="cn_1")
    assert parse_event(event("tool_call", id="c1", name="weather")) == ToolCall("c1", "weather")  # an older server


@pytest.mark.parametrize("name", ["converse", "speak", "resume", "join"])
def test_recorded_conversations_are_understood_whole(name: str) -> None:
    """Recorded by ``record_wire``; mu-law at 8 kHz."""
    incoming = Incoming()
    first = 0
    seqs: list[int] = []
    audio_ms: dict[int, float] = {}
    cleared: set[int] = set()
    ended: dict[int, int] = {}
    n_connections = 0
    for line in Path(f"tests/data/wire/native/{name}.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "open" in entry:
            n_connections += 1
            if n_connections > 1:
                asked = dict(parse_qsl(urlsplit(entry["open"]).query))
                assert {key: int(asked[key]) for key in incoming.resume_query()} == incoming.resume_query()
                incoming.resumed()
        elif entry["from"] == "server":
            message = entry["text"] if "text" in entry else base64.b64decode(entry["base64"])
            event = parse_event(message) if isinstance(message, str) else None
            if isinstance(event, Ready):
                assert event.protocol == "voicesrv.v1"
                if not first:
                    first = event.seq
                    incoming = Incoming(first)
                continue
            got = incoming.receive(message)
            if got is None:
                assert message == b""  # a resampler that holds back its first samples
                continue
            assert not isinstance(got, Unknown)
            if isinstance(got, Audio):
                assert got.start_ms == pytest.approx(audio_ms[got.reply])
                audio_ms[got.reply] = got.start_ms + len(got.pcm) / 8
                continue
            seqs.append(got.seq)
            if isinstance(got, AudioStart):
                audio_ms[got.reply] = got.start_ms
            if isinstance(got, Clear):
                cleared.add(got.reply)
            elif isinstance(got, AudioEnd):
                ended[got.reply] = got.duration_ms
    assert seqs == list(range(first + 1, first + 1 + len(seqs)))
    assert (first > 1) is (name == "join")
    assert ended
    assert {reply: pytest.approx(ms) for reply, ms in ended.items()} == {reply: audio_ms[reply] for reply in ended}
    assert n_connections == (2 if name in ("resume", "join") else 1)
    assert bool(cleared) is (name == "converse")
