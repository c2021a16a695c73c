"""The native protocol ``voicesrv.v1`` <-> commands and events.

The wire reference is ``docs/protocol.md``; every name on the wire is written here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicesrv import options as opt
from voicesrv.errors import ClientError, Code
from voicesrv.events import (
    AppendAudio,
    AudioEnded,
    AudioSince,
    AudioStarted,
    Cancel,
    Cleared,
    Close,
    Command,
    Configure,
    Configured,
    Event,
    Failed,
    Finalize,
    Flush,
    Flushed,
    Latency,
    Ping,
    Playback,
    Pong,
    Ready,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ReplyVisemes,
    ReplyWords,
    SendText,
    Speak,
    ToolCalled,
    ToolOutput,
    TurnEnded,
    TurnLikelyEnded,
    TurnResumed,
    TurnStarted,
    TurnUpdated,
    Warned,
    Word,
)
from voicesrv.options import Options, bad_parameter, to_int
from voicesrv.protocols.base import Message
from voicesrv.protocols.jsons import dump, parse_object

PROTOCOL = "voicesrv.v1"

HTTP_STATUS: Mapping[Code, int] = {
    Code.BAD_PARAMETER: 400,
    Code.BAD_MESSAGE: 400,
    Code.UNAUTHORIZED: 401,
    Code.FORBIDDEN: 403,
    Code.ORIGIN_NOT_ALLOWED: 403,
    Code.NOT_FOUND: 404,
    Code.TOO_LARGE: 413,
    Code.TEXT_TOO_LONG: 422,
    Code.NOTHING_TO_SPEAK: 422,
    Code.RATE_LIMITED: 429,
    Code.INTERNAL: 500,
    Code.ENGINE_FAILED: 502,
    Code.OVERLOADED: 503,
    Code.SHUTTING_DOWN: 503,
}
"""Status of an answer over HTTP, before the upgrade too."""

CLOSE_CODE: Mapping[Code, int] = {
    Code.TOO_LARGE: 1009,
    Code.INTERNAL: 1011,
    Code.ENGINE_FAILED: 1011,
    Code.SHUTTING_DOWN: 1012,
    Code.OVERLOADED: 1013,
    Code.SLOW_CONSUMER: 4001,
    Code.IDLE: 4002,
    Code.AUDIO_TOO_FAST: 4004,
    Code.RATE_LIMITED: 4004,
    Code.STATE_LOST: 4007,
    Code.UNAUTHORIZED: 4501,
    Code.FORBIDDEN: 4503,
    Code.NOT_FOUND: 4504,
    Code.TOO_MANY_ERRORS: 4508,
    Code.SUPERSEDED: 4509,
}
"""Close code after a fatal error: 4000-4499 come back and resume, 4500-4999 do not retry unchanged."""


def error_body(error: ClientError, *, fatal: bool = True) -> dict[str, Any]:
    """The one shape of an error, over HTTP and on the socket."""
    body: dict[str, Any] = {"type": "error", "code": error.code, "message": error.message, "fatal": fatal}
    if error.retry_after_ms is not None:
        body["retry_after_ms"] = error.retry_after_ms
    return body


# --- the query string ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connect:
    """What a connection asks for in its URL."""

    options: Options
    conversation: str | None = None
    resume: str | None = None
    after: int = 0
    has: AudioSince | None = None


def parse_query(query: Mapping[str, str], defaults: Options) -> Connect:
    """Read the query parameters of ``/ws``; ``token`` and unknown ones are not looked at.

    Raises:
        ClientError: ``bad_parameter``.
    """
    conversation = _id("conversation", query)
    resume = _id("resume", query)
    if resume is not None and conversation is None:
        raise bad_parameter("conversation", "", "missing; a resume names the conversation it goes on with")
    refuse = query.get("refuse", "http")
    if refuse not in ("http", "socket"):
        raise bad_parameter("refuse", refuse, "not one of http, socket")
    has = None
    if "audio_reply" in query or "audio_ms" in query:
        has = AudioSince(
            to_int("audio_reply", query.get("audio_reply", ""), 1, 10**9 - 1),
            to_int("audio_ms", query.get("audio_ms", ""), 0, 10**9 - 1),
        )
    return Connect(
        options=opt.changed(defaults, {name: query[name] for name in QUERY_OPTIONS if name in query}),
        conversation=conversation,
        resume=resume,
        after=to_int("after", query.get("after", "0"), 0, 10**9 - 1),
        has=has,
    )


def is_told_on_socket(query: Mapping[str, str]) -> bool:
    """Whether a refusal is told on the socket: for browsers, which show a page nothing of an HTTP answer."""
    return query.get("refuse") == "socket"


QUERY_OPTIONS = tuple(name for name in opt.names() if name not in ("instructions", "tools"))
"""Options that a URL may carry; the others come in ``configure``."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _id(name: str, query: Mapping[str, str]) -> str | None:
    value = query.get(name)
    if value is not None and not _ID.fullmatch(value):
        raise bad_parameter(name, value, "not 1–64 letters, digits, _ or -")
    return value


# --- messages in --------------------------------------------------------------------------------


class NativeCodec:
    """One connection of the native protocol; it remembers nothing."""

    def receive(self, message: Message) -> Sequence[Command]:
        """Translate what the client sent (see ``Codec``)."""
        if isinstance(message, bytes):
            return (AppendAudio(message),)
        body = parse_object(message)
        kind = body.get("type")
        if not isinstance(kind, str):
            raise bad_parameter("type", kind, "not text; every message has a type")
        read = _READERS.get(kind)
        if read is None:
            raise ClientError(Code.UNKNOWN_MESSAGE, f"type: {kind[:64]!r} is not known")
        return (read(body),)

    def send(self, seq: int, event: Event) -> Sequence[Message]:
        """Translate what the client is to be told (see ``Codec``)."""
        if isinstance(event, ReplyAudio):
            return (event.pcm,)
        kind, fields = _write(event)
        return (dump({"type": kind, "seq": seq, **fields}),)

    def refuse(self, error: ClientError) -> tuple[int, str]:
        """The close code and reason for a fatal error."""
        return CLOSE_CODE.get(error.code, 1008), error.code.value


def _configure(body: dict[str, Any]) -> Command:
    return Configure({name: body[name] for name in opt.names() if name in body}, _any_id(body))


def _speak(body: dict[str, Any]) -> Command:
    return Speak(_text(body, "text"), _flag(body, "flush"))


def _close(body: dict[str, Any]) -> Command:
    return Close(_flag(body, "finish"))


def _playback(body: dict[str, Any]) -> Command:
    played_ms = body.get("played_ms")
    if isinstance(played_ms, float):
        played_ms = int(played_ms)  # a browser's clock is fractional
    return Playback(to_int("reply", body.get("reply"), 1, 10**9), to_int("played_ms", played_ms, 0, 10**9))


def _tool_result(body: dict[str, Any]) -> Command:
    if ("output" in body) == ("error" in body):
        raise bad_parameter("output", body.get("output"), "not alone or not there: a result has either output or error")
    value = body["output"] if "output" in body else body["error"]
    return ToolOutput(_text(body, "id"), value if isinstance(value, str) else dump(value), is_error="error" in body)


def _ping(body: dict[str, Any]) -> Command:
    return Ping(_any_id(body))


def _flush(body: dict[str, Any]) -> Command:
    return Flush(_any_id(body))


def _any_id(body: dict[str, Any]) -> str | int | None:
    value = body.get("id")
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise bad_parameter("id", value, "not text or a whole number")
    if len(str(value)) > 128:
        raise bad_parameter("id", value, "longer than 128 characters")
    return value


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, True)
    if not isinstance(value, bool):
        raise bad_parameter(name, value, "not one of true, false")
    return value


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise bad_parameter(name, value, "not text")
    return value


_READERS: Mapping[str, Callable[[dict[str, Any]], Command]] = {
    "configure": _configure,
    "text": lambda body: SendText(_text(body, "text")),
    "speak": _speak,
    "flush": _flush,
    "finalize": lambda body: Finalize(),
    "cancel": lambda body: Cancel(),
    "playback": _playback,
    "tool_result": _tool_result,
    "ping": _ping,
    "close": _close,
}

# --- events out ---------------------------------------------------------------------------------


def _write(event: Event) -> tuple[str, dict[str, Any]]:
    match event:
        case TurnUpdated():
            fields = {"turn": event.turn, "text": event.text, "stable": event.stable}
            return "transcript", fields | _words(event.words)
        case ReplyText():
            return "reply.text", {"reply": event.reply, "delta": event.delta}
        case ReplyWords():
            words = [{"text": w.text, "start_ms": w.start_ms, "end_ms": w.end_ms} for w in event.items]
            return "words", {"reply": event.reply, "items": words}
        case ReplyVisemes():
            shapes = [{"viseme": v.viseme, "start_ms": v.start_ms, "end_ms": v.end_ms} for v in event.items]
            return "visemes", {"reply": event.reply, "items": shapes}
        case TurnStarted():
            return "turn.start", {"turn": event.turn, "at_ms": event.at_ms}
        case TurnLikelyEnded():
            fields = {"turn": event.turn, "text": event.text, "confidence": event.confidence, "at_ms": event.at_ms}
            return "turn.eager_end", fields
        case TurnResumed():
            return "turn.resume", {"turn": event.turn, "at_ms": event.at_ms}
        case TurnEnded():
            fields = {
                "turn": event.turn,
                "text": event.text,
                "start_ms": event.start_ms,
                "end_ms": event.end_ms,
                "confidence": event.confidence,
                "language": event.language,
                "cause": event.cause,
            }
            return "turn.end", fields | _words(event.words)
        case ReplyStarted():
            return "reply.start", {"reply": event.reply, "turn": event.turn}
        case ToolCalled(call=call):
            return "tool_call", {
                "id": call.id,
                "reply": event.reply,
                "connection": event.connection,
                "name": call.name,
                "arguments": dict(call.arguments),
            }
        case AudioStarted():
            fields = {"encoding": event.encoding, "sample_rate": event.sample_rate, "channels": 1}
            return "audio.start", {"reply": event.reply, **fields, "start_ms": event.start_ms}
        case AudioEnded():
            return "audio.end", {"reply": event.reply, "duration_ms": event.duration_ms}
        case Cleared():
            return "clear", {"reply": event.reply}
        case ReplyEnded():
            fields = {"reply": event.reply, "text": event.text, "heard": event.heard, "cause": event.cause}
            return "reply.end", fields
        case Latency():
            return "latency", {
                "turn": event.turn,
                "reply": event.reply,
                "endpoint_ms": event.endpoint_ms,
                "stt_ms": event.stt_ms,
                "llm_first_ms": event.llm_first_ms,
                "tts_first_ms": event.tts_first_ms,
                "total_ms": event.total_ms,
            }
        case Ready():
            fields = {
                "protocol": PROTOCOL,
                "conversation": event.conversation,
                "connection": event.connection,
                "resume": event.resume,
                "settings": dict(event.settings),
                "engines": dict(event.engines),
                "lead_ms": event.lead_ms,
                "received_ms": event.received_ms,
                "received_messages": event.received_messages,
                "limits": dict(event.limits),
            }
            return "ready", fields
        case Configured():
            return "configured", {"settings": dict(event.settings), **_with_id(event.id)}
        case Flushed():
            return "flushed", _with_id(event.id)
        case Pong():
            return "pong", _with_id(event.id)
        case Warned():
            return "warning", {"code": event.code, "message": event.message}
        case Failed():
            fields = {"code": event.code, "message": event.message, "fatal": event.fatal}
            more = {} if event.retry_after_ms is None else {"retry_after_ms": event.retry_after_ms}
            return "error", fields | more | _with_id(event.id)
    raise AssertionError(f"no wire form for {type(event).__name__}")


def _words(words: Sequence[Word]) -> dict[str, Any]:
    if not words:
        return {}
    items = [
        {"text": w.text, "start_ms": w.start_ms, "end_ms": w.end_ms, "confidence": round(w.confidence, 3)}
        for w in words
    ]
    return {"words": items}


def _with_id(id: str | int | None) -> dict[str, Any]:
    return {} if id is None else {"id": id}
