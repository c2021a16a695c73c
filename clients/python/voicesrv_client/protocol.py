"""``voicesrv.v1`` as a client sees it: pure, without a socket, a clock or a task."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping
from types import NoneType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from voicesrv_client.errors import ProtocolError
from voicesrv_client.events import TYPES, Audio, AudioStart, Ready, ServerEvent, Unknown, Viseme, Word

SUBPROTOCOL = "voicesrv.v1"
PATH = "/ws"

_SAMPLE_BYTES = {"linear16": 2, "mulaw": 1, "alaw": 1, "float32": 4}


def build_url(url: str, options: Mapping[str, object]) -> str:
    """Give the WebSocket address for a server and the parameters of a connection.

    Args:
        url: ``http``, ``https``, ``ws`` or ``wss``; ``/ws`` is added where it has no path. A query that
            it has is kept.
        options: query parameters by name: text, numbers, booleans, or lists of text, which commas part. Those
            that are None are left to the server.

    Raises:
        ValueError: the URL has another scheme or no host.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise ValueError(f"{url!r} is no address of a server; it looks like http://127.0.0.1:8000")
    query = dict(parse_qsl(parts.query)) | {k: _as_text(v) for k, v in options.items() if v is not None}
    path = parts.path if parts.path not in ("", "/") else PATH
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))


def _as_text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


def bytes_per_second(encoding: str, sample_rate: int, channels: int = 1) -> int:
    """How much audio of this format a second takes.

    Raises:
        ValueError: no such encoding.
    """
    return sample_rate * frame_bytes(encoding, channels)


def frame_bytes(encoding: str, channels: int = 1) -> int:
    """Bytes of one sample on all channels.

    Raises:
        ValueError: no such encoding.
    """
    try:
        return _SAMPLE_BYTES[encoding] * channels
    except KeyError:
        raise ValueError(f"encoding: {encoding!r} is not one of {', '.join(_SAMPLE_BYTES)}") from None


# --- after a close ------------------------------------------------------------------------------


class Next(enum.Enum):
    """What a client does when its connection has closed."""

    END = "end"
    """The conversation is over as it should be."""
    RESUME = "resume"
    """Come back with the resume token."""
    RESTART = "restart"
    """Come back, but to a new conversation: the old one cannot be whole again."""
    FAIL = "fail"
    """Trying again unchanged is in vain."""


def after_close(code: int) -> Next:
    """Say what a close code asks for.

    ``docs/protocol.md``: 4000-4499 come back, 4500-4999 do not. Of the standard ones (RFC 6455, 7.4.1), 1001,
    1005, 1006, 1011, 1012 and 1013 are what a restarting, failing or vanished server leaves behind.
    """
    if code == 1000:
        return Next.END
    if code == 4007:  # state_lost
        return Next.RESTART
    if code in (1001, 1005, 1006, 1011, 1012, 1013) or 4000 <= code <= 4499:
        return Next.RESUME
    return Next.FAIL


def backoff_s(attempt: int, jitter: float) -> float:
    """How long to wait before the ``attempt``-th try to come back, counted from 0.

    Full jitter, so that the clients of a server that restarts do not come back all at once: evenly in
    0-250 ms first, the bound doubling up to 10 s.

    Args:
        jitter: evenly distributed in [0, 1).
    """
    return float(jitter * min(10.0, 0.25 * 2.0 ** min(attempt, 10)))


# --- what comes in ------------------------------------------------------------------------------


def parse_event(message: str) -> ServerEvent:
    """Read one text message of the server; keys that are not known are kept in ``raw`` alone.

    Raises:
        ProtocolError: not a JSON object with a ``type``, or a field is missing or of another type.
    """
    try:
        raw = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a text message of the server is not JSON") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
        raise ProtocolError("a text message of the server is not an object with a type")
    name, seq = raw["type"], raw.get("seq", 0)
    if type(seq) is not int:
        raise ProtocolError(f"{name}.seq: not a number")
    cls = TYPES.get(name)
    if cls is None:
        return Unknown(name, seq=seq, raw=raw)
    values = {
        field.name: _checked(f"{name}.{field.name}", raw[field.name], str(field.type))
        for field in dataclasses.fields(cls)
        if field.name in raw and field.name not in ("seq", "raw")
    }
    try:
        return cls(**values, seq=seq, raw=raw)
    except TypeError as error:
        raise ProtocolError(f"{name}: a field is missing") from error


# Fields by their annotation, which is text because of the __future__ import.
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "int | None": (int, NoneType),
    "float": (int, float),
    "str": (str,),
    "str | None": (str, NoneType),
    "str | int | None": (str, int, NoneType),
    "bool": (bool,),
    "Mapping[str, Any]": (dict,),
    "Mapping[str, Any] | None": (dict, NoneType),
}
_ITEMS: Mapping[str, type[Word] | type[Viseme]] = {
    "tuple[Word, ...]": Word,
    "tuple[Viseme, ...]": Viseme,
}


def _checked(name: str, value: Any, annotation: str) -> Any:
    item = _ITEMS.get(annotation)
    if item is not None:
        return tuple(_item(name, item, entry) for entry in value or ())
    if not isinstance(value, _JSON_TYPES[annotation]):
        raise ProtocolError(f"{name}: not of type {annotation}")
    return value


def _item(name: str, cls: type[Word] | type[Viseme], entry: Any) -> Word | Viseme:
    try:
        return cls(**{f.name: entry[f.name] for f in dataclasses.fields(cls) if f.name in entry})
    except TypeError as error:
        raise ProtocolError(f"{name}: an entry is not a {cls.__name__.lower()}") from error


class Incoming:
    """Turns the messages of one conversation into events, each exactly once, over all its connections.

    After a resume the server says again what comes after the last number seen, and audio from the last
    whole millisecond that arrived; what was passed on before is dropped here.
    """

    def __init__(self, after: int = 0) -> None:
        """Args:
        after: number of the ``ready`` that a new connection begins with; what was before it is not for this one.
        """
        self.last_seq = after
        """The highest number seen."""
        self._reply = 0
        self._sample_rate = 24000
        self._frame_bytes = 2
        self._start_ms = 0  # where in this reply's audio that which came begins
        self._received = 0  # bytes of it that came so far
        self._skip = 0  # bytes to drop: a resume sends them a second time

    def resume_query(self) -> dict[str, int]:
        """What a resume tells of what has arrived."""
        query = {"after": self.last_seq}
        if self._reply:
            query |= {"audio_reply": self._reply, "audio_ms": self._received_ms()}
        return query

    def resumed(self) -> None:
        """The server goes on from what ``resume_query`` told it."""
        kept_ms = self._received_ms() - self._start_ms
        self._skip = self._received - kept_ms * self._sample_rate // 1000 * self._frame_bytes

    def _received_ms(self) -> int:
        return int(self._position_ms())

    def _position_ms(self) -> float:
        return self._start_ms + self._received * 1000 / (self._sample_rate * self._frame_bytes)

    def receive(self, message: str | bytes) -> ServerEvent | Audio | None:
        """Give the event or audio in a message, or None where it was passed on before.

        Raises:
            ProtocolError: see ``parse_event``.
        """
        if isinstance(message, bytes):
            return self._audio(message)
        event = parse_event(message)
        if isinstance(event, Ready):  # of an earlier connection, said again in a resume
            return None
        if event.seq:
            if event.seq <= self.last_seq:
                return None
            self.last_seq = event.seq
        if isinstance(event, AudioStart):
            self._start_audio(event)
        return event

    def _start_audio(self, event: AudioStart) -> None:
        try:
            self._frame_bytes = frame_bytes(event.encoding, event.channels)
        except ValueError as error:
            raise ProtocolError(f"audio.start.{error}") from None
        self._sample_rate = event.sample_rate
        self._reply, self._start_ms = event.reply, event.start_ms
        self._received = self._skip = 0

    def _audio(self, pcm: bytes) -> Audio | None:
        dropped = min(self._skip, len(pcm))
        self._skip -= dropped
        if dropped == len(pcm):
            return None
        start_ms = self._position_ms()
        self._received += len(pcm) - dropped
        return Audio(self._reply, pcm[dropped:], start_ms)
