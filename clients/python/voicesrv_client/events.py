"""What the server says, one frozen dataclass for each event of ``voicesrv.v1``.

Names and fields are those of the wire. Times are milliseconds of audio on the stream that the event
speaks of: the user's for turns, the reply's for replies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    """A word, heard or spoken, and when it sounds."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float = 1.0
    """0 to 1; told of words that were heard."""


@dataclass(frozen=True, slots=True)
class Viseme:
    """A mouth shape and when it is held."""

    viseme: str
    """One of the 15 Oculus shapes."""
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """What all events have in common."""

    seq: int = 0
    """1, 2, 3 … on the conversation; 0 where the event carries none."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The whole JSON object, as it came."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of a reply's audio."""

    reply: int
    pcm: bytes
    """Mono, whole samples, in the encoding and rate of the ``AudioStart`` before it."""
    start_ms: float
    """Where it begins in the reply's audio."""


@dataclass(frozen=True, slots=True)
class Ready(ServerEvent):
    """The connection stands: the first event, and again after every reconnection."""

    protocol: str
    conversation: str
    connection: str = ""
    resume: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    engines: Mapping[str, Any] = field(default_factory=dict)
    lead_ms: int = 2000
    received_ms: int = 0
    """Input audio that the server has."""
    received_messages: int | None = None
    """Text messages that the server has, from all sockets of this connection; None where it does not count them."""
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Configured(ServerEvent):
    """All settings in force after a ``configure``."""

    settings: Mapping[str, Any]
    id: str | int | None = None
    """Of the ``configure``."""


@dataclass(frozen=True, slots=True)
class TurnStart(ServerEvent):
    """The user began to speak."""

    turn: int
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Transcript(ServerEvent):
    """The whole turn so far; the first ``stable`` characters will not change."""

    turn: int
    text: str
    stable: int = 0
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnEagerEnd(ServerEvent):
    """The user may have finished; a reply is being prepared."""

    turn: int
    text: str = ""
    confidence: float = 1.0
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class TurnResume(ServerEvent):
    """The user went on; what was prepared is thrown away."""

    turn: int
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class TurnEnd(ServerEvent):
    """The user's turn is over; ``text`` is final, and empty where nothing was understood."""

    turn: int
    text: str
    start_ms: int = 0
    end_ms: int = 0
    confidence: float = 1.0
    language: str = ""
    cause: str = ""
    """``silence``, ``finalize``, ``text``, ``close`` or ``timeout``."""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyStart(ServerEvent):
    """A reply is on its way; ``turn`` is None where the client asked for speech."""

    reply: int
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class ReplyText(ServerEvent):
    """The next piece of the reply's text."""

    reply: int
    delta: str


@dataclass(frozen=True, slots=True)
class ToolCall(ServerEvent):
    """A tool is to be run, and answered with ``VoiceClient.tool_result``: by the connection whose reply it is.

    All connections of a conversation are told.
    """

    id: str
    name: str
    reply: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)
    connection: str | None = None
    """As in the ``Ready`` of whose reply it is; None where the server does not say."""


@dataclass(frozen=True, slots=True)
class AudioStart(ServerEvent):
    """Audio of this reply follows."""

    reply: int
    encoding: str = "linear16"
    sample_rate: int = 24000
    channels: int = 1
    start_ms: int = 0
    """Where in the reply's audio it begins: not at 0 for who joined in the middle of it."""


@dataclass(frozen=True, slots=True)
class Words(ServerEvent):
    """When the words of the reply sound, ahead of or with their audio."""

    reply: int
    items: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Visemes(ServerEvent):
    """The mouth shapes of the reply, ahead of or with their audio."""

    reply: int
    items: tuple[Viseme, ...]


@dataclass(frozen=True, slots=True)
class AudioEnd(ServerEvent):
    """All audio of the reply has been sent."""

    reply: int
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Clear(ServerEvent):
    """Drop the audio of this reply that has not been played."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReplyEnd(ServerEvent):
    """The reply is over; ``heard`` is what the user can have heard of ``text``."""

    reply: int
    text: str = ""
    heard: str = ""
    cause: str = ""
    """``complete``, ``interrupted``, ``cancelled`` or ``failed``."""


@dataclass(frozen=True, slots=True)
class Latency(ServerEvent):
    """Where the time went between the user's last speech and the reply's first audio, in ms."""

    turn: int
    reply: int
    endpoint_ms: int = 0
    stt_ms: int = 0
    llm_first_ms: int = 0
    tts_first_ms: int = 0
    total_ms: int = 0


@dataclass(frozen=True, slots=True)
class Flushed(ServerEvent):
    """The last audio of what was gathered has been sent."""

    id: str | None = None


@dataclass(frozen=True, slots=True)
class Pong(ServerEvent):
    """The answer to a ``ping``."""

    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class ServerWarning(ServerEvent):
    """Something the user should know; nothing failed."""

    code: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class ServerError(ServerEvent):
    """Something failed; ``fatal`` where the server closes right after it."""

    code: str
    message: str = ""
    fatal: bool = False
    retry_after_ms: int | None = None
    id: str | int | None = None
    """Of the ``configure`` or ``tool_result`` that is refused."""


@dataclass(frozen=True, slots=True)
class Unknown(ServerEvent):
    """An event that a newer server sends and this client does not know; ``raw`` has it all."""

    type: str


TYPES: Mapping[str, type[ServerEvent]] = {
    "ready": Ready,
    "configured": Configured,
    "turn.start": TurnStart,
    "transcript": Transcript,
    "turn.eager_end": TurnEagerEnd,
    "turn.resume": TurnResume,
    "turn.end": TurnEnd,
    "reply.start": ReplyStart,
    "reply.text": ReplyText,
    "tool_call": ToolCall,
    "audio.start": AudioStart,
    "words": Words,
    "visemes": Visemes,
    "audio.end": AudioEnd,
    "clear": Clear,
    "reply.end": ReplyEnd,
    "latency": Latency,
    "flushed": Flushed,
    "pong": Pong,
    "warning": ServerWarning,
    "error": ServerError,
}
"""The ``type`` of the wire -> its class."""
