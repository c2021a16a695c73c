"""What a model promises: one protocol per kind, its options beside it.

Every engine is an async context manager: entering loads and warms it (or starts its worker
processes), leaving frees all of it. One object serves every conversation of the process, so each
method may be called from many conversations at once.

Times are milliseconds of audio, counted from the first sample of the stream or segment at hand.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from voicesrv.events import SpokenWord, Tool, ToolCall, Viseme, Word

Samples = NDArray[np.int16]
"""Mono PCM: int16, shape ``(n_samples,)``."""


class Engine(Protocol):
    """What all kinds have in common."""

    name: str
    """The name it is chosen by, e.g. ``"pocketsphinx"``."""

    async def __aenter__(self) -> Self:
        """Load and warm up; only then may work be given.

        Raises:
            EngineUnavailable: a package, model or key is missing; the message says what to do.
        """
        ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def room(self) -> int | None:
        """How many more streams fit now; None where the engine sets no bound."""
        ...


# --- voice activity -----------------------------------------------------------------------------


class VadStream(Protocol):
    """The voice activity detector's memory of one audio stream."""

    def process(self, frames: Samples) -> NDArray[np.float32]:
        """Give the probability of speech for each frame, in order.

        Args:
            frames: int16, shape ``(n_frames, frame_samples)``; all frames of a message at once.

        Returns:
            float32, shape ``(n_frames,)``, each in [0, 1].

        It runs on the event loop, so it must take well under a frame's length, and never fails.
        """
        ...


class Vad(Engine, Protocol):
    """Tells speech from everything else, frame by frame, at 16 kHz."""

    frame_samples: int
    """Samples in one frame."""

    def open(self) -> VadStream:
        """Start on a new stream; never blocks."""
        ...


def primary_language(tag: str) -> str:
    """The language of a BCP-47 tag, without region or script, in small letters."""
    return tag.lower().partition("-")[0]


# --- speech to text -----------------------------------------------------------------------------


class Pause(enum.Enum):
    """Stands between two blocks of audio where the user may have finished."""

    PAUSE = "pause"


PAUSE = Pause.PAUSE


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine makes of all the audio it has been given so far."""

    text: str
    """The whole utterance so far, not only what is new."""
    stable: int = 0
    """Length in characters of the part of ``text`` that will not change."""
    is_final: bool = False
    """True for the last transcript of a stream, which never changes."""
    settled: bool = False
    """True where it answers a ``PAUSE``: it would be final if nothing more were said."""
    words: tuple[Word, ...] = ()
    """Word timings, where the engine has them; they may cover the final transcript alone."""
    confidence: float = 1.0
    language: str = ""
    """BCP-47 tag of what was spoken; empty where the engine does not tell."""


@dataclass(frozen=True, slots=True)
class SttOptions:
    """What one stream asks of the recogniser."""

    language: str = "en"
    """BCP-47 tag, or ``auto``."""
    interim: bool = True
    """Whether transcripts before the final one are wanted."""
    interim_every_ms: int = 250
    """Speech between two interim transcripts; an engine under load may stretch it."""
    keyterms: tuple[str, ...] = ()
    """Names and terms that may be said; an engine without ``SttCapabilities.keyterms`` leaves them."""
    live: bool = True
    """False for a recording, which may wait for all that is spoken now."""


@dataclass(frozen=True, slots=True)
class SttCapabilities:
    """What a recogniser can do, as ``/v1/engines`` shows it."""

    sample_rate: int = 16000
    languages: tuple[str, ...] = ("en",)
    """BCP-47 tags; ``("*",)`` where it is many and the model decides."""
    interim: bool = True
    words: bool = True
    detects_language: bool = False
    keyterms: bool = False
    """Whether it takes ``SttOptions.keyterms``."""
    punctuates: bool = False
    """Whether its text has full stops, so that the lack of one tells that the speaker goes on."""


class Stt(Engine, Protocol):
    """Turns speech into text while it is still being spoken."""

    capabilities: SttCapabilities

    def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        """Yield interim transcripts as they change, then a final one when ``audio`` ends.

        Args:
            audio: blocks of int16 mono samples of any length at ``capabilities.sample_rate``. A
                ``PAUSE`` asks for a settled transcript of all audio before it, soon; more audio
                may follow, or the end, and then a final one is due at once. One that is not answered
                before the next is not answered at all.
            options: see ``SttOptions``.

        Raises:
            EngineUnavailable: not loaded, busy or lost on the way; another engine, or this one
                again, may be given the same audio from its start.
            EngineError: the audio cannot be transcribed by this engine.

        Closing the generator early is safe and stops the work.
        """
        ...


# --- language model -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserItem:
    """A user's turn, spoken or typed."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentItem:
    """A reply, as far as it was heard."""

    text: str
    interrupted: bool = False
    """True where the user cut it off, and ``text`` ends at the last word that was heard."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a tool call."""

    id: str
    name: str
    output: str
    """The output as text, JSON where it was not a string; the error's text where it failed."""
    is_error: bool = False


Item = UserItem | AgentItem | ToolCall | ToolResult
"""One entry of the history that a model is shown."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost, sent once at its end where the provider tells."""

    input_tokens: int
    output_tokens: int


LlmEvent = TextDelta | ToolCall | Usage


@dataclass(frozen=True, slots=True)
class LlmOptions:
    """What one reply asks of the model."""

    instructions: str = ""
    tools: tuple[Tool, ...] = ()
    max_tokens: int = 2000
    timeout_s: float = 30.0
    """For the whole reply, from request to last delta."""


class Llm(Engine, Protocol):
    """Answers a conversation, a little at a time."""

    def reply(self, items: Sequence[Item], options: LlmOptions) -> AsyncGenerator[LlmEvent, None]:
        """Yield the reply's text as it is made, and tool calls, each whole.

        Args:
            items: the history, oldest first; the last is what to answer.
            options: see ``LlmOptions``.

        Raises:
            EngineUnavailable: no key, no network, no such model, rate limited, provider down.
            EngineError: the provider refused this request.

        Closing the generator early is safe and ends the request.
        """
        ...


# --- text to speech -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of synthesised audio with the words and mouth shapes that begin in it."""

    samples: Samples
    """At the engine's ``capabilities.sample_rate``."""
    words: tuple[SpokenWord, ...] = ()
    visemes: tuple[Viseme, ...] = ()


@dataclass(frozen=True, slots=True)
class TtsOptions:
    """What one segment asks of the voice."""

    voice: str = ""
    """One of the engine's voices; empty for its default in ``language``."""
    language: str = "en"
    rate: float = 1.0
    """Speed of speech, 0.5 to 2."""


@dataclass(frozen=True, slots=True)
class TtsCapabilities:
    """What a synthesiser can do, as ``/v1/engines`` shows it."""

    sample_rate: int
    """Of the samples it yields, in Hz."""
    voices: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    """What may follow any voice's name after a ``+``, as espeak-ng has it: ``en-us+f3``."""
    languages: tuple[str, ...] = ("en",)
    words: bool = True
    visemes: bool = True

    def has(self, voice: str) -> bool:
        """Whether there is such a voice; an engine that names none is asked when it speaks."""
        base, _, variant = voice.partition("+")
        return not self.voices or voice in self.voices or (base in self.voices and variant in self.variants)


class Tts(Engine, Protocol):
    """Turns text into speech, a segment at a time."""

    capabilities: TtsCapabilities

    def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
        """Yield the speech of ``text`` in order, each piece as soon as it is there.

        Words and visemes come ahead of or with the audio that they time, and word texts appear in
        ``text`` in the same order (so that a word can be found again in what was to be said).

        Raises:
            EngineUnavailable: not loaded, busy or lost; another engine may be tried.
            EngineError: this text or voice cannot be spoken by this engine.

        Closing the generator early is safe and frees the engine within one piece.
        """
        ...
