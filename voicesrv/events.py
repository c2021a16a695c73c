"""The shared vocabulary: commands come from the client, events go to it.

Both are frozen dataclasses without behaviour. A wire codec turns messages into commands and events
into messages; the conversation knows nothing else of the client. Where a name has a counterpart in
the native protocol it means the same, and ``docs/protocol.md`` says when each is sent.

Times are milliseconds of audio on the stream that the event speaks of: the user's for turns, the
reply's for replies. Never wall clock.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# --- what both sides and the engines speak of ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float = 1.0
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of synthesised speech and when it sounds."""

    text: str
    start_ms: int
    end_ms: int


VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
"""The 15 mouth shapes of the Oculus lip-sync set, which avatars commonly carry."""


@dataclass(frozen=True, slots=True)
class Viseme:
    """A mouth shape and when it is held."""

    viseme: str
    """One of ``VISEMES``."""
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for; the client runs it."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    """A JSON schema of type object."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a function to be run."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AudioSince:
    """How much of a reply's audio a client has that comes back."""

    reply: int
    ms: int


# --- commands -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """Input audio in the connection's encoding; may end inside a sample."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Configure:
    """Change options from here on; values are checked by ``options.changed``."""

    changes: Mapping[str, Any]
    id: str | int | None = None
    """The client's own; what answers it bears it."""


@dataclass(frozen=True, slots=True)
class SendText:
    """A user's turn, typed."""

    text: str


@dataclass(frozen=True, slots=True)
class Speak:
    """Say this text as it is, with no LLM."""

    text: str
    flush: bool = True
    """False: gather until a sentence is whole or a ``Flush`` comes."""


@dataclass(frozen=True, slots=True)
class Flush:
    """Speak what is gathered, and answer ``Flushed`` when its last audio is sent."""

    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class Finalize:
    """End the user's turn now."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the reply under way, as a barge-in does."""


@dataclass(frozen=True, slots=True)
class Playback:
    """How much of a reply the listener has heard."""

    reply: int
    played_ms: int


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What came of a tool call that the client was asked to run."""

    id: str
    output: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer with a ``Pong`` of the same id."""

    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Finish what was said, send the last events, close."""

    finish: bool = True
    """False: close at once; what was said is not answered, and a reply stops that nobody else hears."""


Command = AppendAudio | Configure | SendText | Speak | Flush | Finalize | Cancel | Playback | ToolOutput | Ping | Close

# --- events: the user's turn --------------------------------------------------------------------


class EndCause(enum.StrEnum):
    """Why a turn ended."""

    SILENCE = "silence"
    FINALIZE = "finalize"
    TEXT = "text"
    CLOSE = "close"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The user began to speak."""

    turn: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnUpdated:
    """The whole turn so far."""

    turn: int
    text: str
    stable: int
    """Length in characters of the part of ``text`` that will not change."""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnLikelyEnded:
    """The user may have finished; a reply is being prepared."""

    turn: int
    text: str
    confidence: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """The user went on; what was prepared is thrown away."""

    turn: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The user's turn is over; ``text`` is final, and empty where nothing was understood."""

    turn: int
    text: str
    start_ms: int
    end_ms: int
    confidence: float
    language: str
    cause: EndCause
    words: tuple[Word, ...] = ()


# --- events: the reply --------------------------------------------------------------------------


class ReplyCause(enum.StrEnum):
    """Why a reply ended."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """A reply is on its way."""

    reply: int
    turn: int | None
    """The turn it answers; None where the client asked for speech."""


@dataclass(frozen=True, slots=True)
class ReplyText:
    """The next piece of the reply's text."""

    reply: int
    delta: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The client is to run a tool and answer with its output."""

    reply: int
    call: ToolCall
    connection: str = ""
    """The connection whose reply it is, and which is to run it; all are told."""


@dataclass(frozen=True, slots=True)
class AudioStarted:
    """Audio of this reply follows."""

    reply: int
    encoding: str = "linear16"
    sample_rate: int = 24000
    """In Hz; the transport puts its connection's own format in place of these."""
    start_ms: int = 0
    """Where in the reply's audio what follows begins: not at 0 for who joined in the middle of it."""


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """A piece of the reply's audio; it carries no number of its own on the wire."""

    reply: int
    pcm: bytes
    """Mono linear16 at 24 kHz, whole samples; the transport puts its connection's format in place."""
    start_ms: int
    """Where it lies in the reply's audio."""


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """When the words of the reply sound, ahead of or with their audio."""

    reply: int
    items: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True)
class ReplyVisemes:
    """The mouth shapes of the reply, ahead of or with their audio."""

    reply: int
    items: tuple[Viseme, ...]


@dataclass(frozen=True, slots=True)
class AudioEnded:
    """All audio of the reply has been sent."""

    reply: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """Drop the audio of this reply that has not been played."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The reply is over."""

    reply: int
    text: str
    heard: str
    """What the user can have heard of ``text``."""
    cause: ReplyCause


@dataclass(frozen=True, slots=True)
class Latency:
    """Where the time went between the user's last speech and the reply's first audio."""

    turn: int
    reply: int
    endpoint_ms: int
    """From the last speech to the end of the turn, in audio."""
    stt_ms: int
    """From the end of the turn to its final transcript."""
    llm_first_ms: int
    """From the request to the model's first text."""
    tts_first_ms: int
    """From the first segment to its first audio."""
    total_ms: int
    """From the last speech to the first audio that was sent."""


# --- events: the connection ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The connection stands; always the first event."""

    conversation: str
    connection: str
    resume: str
    settings: Mapping[str, Any]
    engines: Mapping[str, str]
    lead_ms: int
    received_ms: int
    """Input audio that the server has."""
    received_messages: int
    """Text messages that the server has, of all sockets of this connection; what it was sent after them is lost."""
    limits: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Configured:
    """All settings in force after a ``Configure``."""

    settings: Mapping[str, Any]
    id: str | int | None = None
    """Of the ``Configure``."""


@dataclass(frozen=True, slots=True)
class Flushed:
    """The last audio of what was gathered has been sent."""

    id: str | int | None


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ``Ping``."""

    id: str | int | None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the client should know; nothing failed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Something failed."""

    code: str
    """One of ``errors.Code``."""
    message: str
    fatal: bool = False
    """True where the connection closes right after it."""
    retry_after_ms: int | None = None
    id: str | int | None = None
    """Of the command that was refused, where it had one."""


Event = (
    TurnStarted
    | TurnUpdated
    | TurnLikelyEnded
    | TurnResumed
    | TurnEnded
    | ReplyStarted
    | ReplyText
    | ToolCalled
    | AudioStarted
    | ReplyAudio
    | ReplyWords
    | ReplyVisemes
    | AudioEnded
    | Cleared
    | ReplyEnded
    | Latency
    | Ready
    | Configured
    | Flushed
    | Pong
    | Warned
    | Failed
)
