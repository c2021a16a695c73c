"""Engines that compute nothing and answer after fixed delays, to measure everything around them.

They are chosen by the name ``null`` and serve ``voicesrv bench`` and load tests alone: nothing is
recognised, thought or pronounced. What they cost is small beside what they measure (numbers with
each class), and what they yield is known beforehand, so that a load generator can tell lost,
repeated and reordered audio from the samples themselves (``read_marks``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from voicesrv.engines.base import (
    Item,
    LlmEvent,
    LlmOptions,
    Pause,
    Samples,
    Speech,
    SttCapabilities,
    SttOptions,
    TextDelta,
    Transcript,
    TtsCapabilities,
    TtsOptions,
)
from voicesrv.events import SpokenWord


@dataclass(frozen=True, slots=True)
class NullOptions:
    """The fixed delays, in ms, and what is said; each kind uses its own."""

    threshold: int = 500
    """Mean absolute sample value above which a frame is speech."""
    stt_ms: float = 30.0
    """From the end of the audio, or a pause, to its transcript."""
    llm_first_ms: float = 50.0
    """From the request to the first word."""
    llm_every_ms: float = 5.0
    """From word to word."""
    reply: str = (
        "This is null speaking, and nothing was understood. The reply is always the same, so that every"
        " measurement can be compared."
    )
    """Twenty-one words, of which the first four are a clause that can be spoken at once."""
    tts_first_ms: float = 20.0
    """From the request to the first audio."""
    tts_factor: float = 0.05
    """Time that synthesis takes, as a part of the audio's length."""
    char_ms: float = 65.0
    """Speech for one character of text: 15 a second, as people talk."""


_DEFAULTS = NullOptions()


class _Null:
    """What the four have in common: a name, nothing to load, room for all."""

    name = "null"
    Options = NullOptions

    def __init__(self, model: str = "", options: NullOptions = _DEFAULTS) -> None:
        self._options = options

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def room(self) -> int | None:
        """There is no bound."""
        return None


# --- voice activity -----------------------------------------------------------------------------


class NullVad(_Null):
    """Takes what is loud for speech; about 7 µs for a call with one frame."""

    frame_samples = 320

    def open(self) -> NullVadStream:
        """Start on a new stream; it has no memory."""
        return NullVadStream(self._options.threshold)


class NullVadStream:
    """Judges each frame by itself."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold

    def process(self, frames: Samples) -> NDArray[np.float32]:
        """Give 1.0 for each frame with a mean absolute value above the threshold, else 0.0."""
        return _is_loud(frames, self._threshold).astype(np.float32)


def _is_loud(frames: Samples, threshold: int) -> NDArray[np.bool_]:
    # int32, as -32768 has no positive counterpart in int16.
    loudness = np.abs(frames, dtype=np.int32).sum(axis=-1)
    return np.asarray(loudness > threshold * frames.shape[-1])


# --- speech to text -----------------------------------------------------------------------------


class NullStt(_Null):
    """Tells how long the audio was, once it has ended."""

    capabilities = SttCapabilities(languages=("*",), words=False)

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        """Yield ``null turn of N ms``; see ``Stt.transcribe``.

        A pause is answered after ``stt_ms``, and so is the end of the audio; at once, though, where
        nothing loud came after a pause that was answered.
        """
        n_samples = 0
        next_interim = interim_every = options.interim_every_ms * 16 if options.interim else 0
        settled: Transcript | None = None
        async for block in audio:
            if isinstance(block, Pause):
                if settled is None:
                    await asyncio.sleep(self._options.stt_ms / 1000)
                    settled = _transcript(n_samples, settled=True)
                yield settled
                continue
            n_samples += len(block)
            if settled and len(block) and _is_loud(block, self._options.threshold):
                settled = None
            if interim_every and n_samples >= next_interim and settled is None:
                next_interim = n_samples + interim_every
                yield _transcript(n_samples)
        if settled:
            yield Transcript(settled.text, stable=len(settled.text), is_final=True)
            return
        await asyncio.sleep(self._options.stt_ms / 1000)
        yield _transcript(n_samples, is_final=True)


_SAID = "null turn of "


def _transcript(n_samples: int, *, settled: bool = False, is_final: bool = False) -> Transcript:
    text = f"{_SAID}{n_samples // 16} ms"
    return Transcript(text, stable=len(text) if is_final else len(_SAID), is_final=is_final, settled=settled)


# --- language model -----------------------------------------------------------------------------


class NullLlm(_Null):
    """Says the same to everybody, word by word."""

    def __init__(self, model: str = "", options: NullOptions = _DEFAULTS) -> None:
        super().__init__(model, options)
        first, *others = options.reply.split()
        self._deltas = [TextDelta(first), *(TextDelta(f" {word}") for word in others)]

    async def reply(self, items: Sequence[Item], options: LlmOptions) -> AsyncGenerator[LlmEvent, None]:
        """Yield the fixed reply at its fixed pace; see ``Llm.reply``."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._options.llm_first_ms / 1000
        for delta in self._deltas[: options.max_tokens]:
            await _until(due, loop)
            yield delta
            due += self._options.llm_every_ms / 1000


async def _until(due: float, loop: asyncio.AbstractEventLoop) -> None:
    """Sleep until ``due``; not at all where that has passed, so that no delay adds up."""
    if (left := due - loop.time()) > 0:
        await asyncio.sleep(left)


# --- text to speech -----------------------------------------------------------------------------

MARK_SAMPLES = 480
"""Samples in one marked block: 20 ms at 24 kHz."""
PIECE_BLOCKS = 5
"""Marked blocks in one piece of speech: 100 ms."""
_MARK = -777
# 250 Hz, five whole periods in a block, with room for the marks; as quiet as a whisper.
_TONE = np.round(200 * np.sin(2 * np.pi * 5 * np.arange(MARK_SAMPLES) / MARK_SAMPLES)).astype(np.int16)
_PIECE = np.tile(_TONE, (PIECE_BLOCKS, 1))
_PIECE[:, 0] = _MARK
_COUNTS = np.arange(PIECE_BLOCKS, dtype=np.int16)
_MAX_BLOCKS = 32_767


class NullTts(_Null):
    """Makes a quiet tone as long as the text would take to say; about 10 µs for a piece of 100 ms.

    Every 20 ms block of the tone begins with four samples that number it:

    ======  =======================================================
    sample  meaning
    ======  =======================================================
    0       -777, the mark
    1       the segment: 0–32767, counted over all calls, then over again
    2       the block in its segment, from 0
    3       how many blocks the segment has, at most 32767
    4–479   the tone
    ======  =======================================================

    Segments are whole blocks long, so audio that is passed on at 24 kHz linear16, with nothing left
    out or added, is blocks and nothing else. ``read_marks`` reads them.
    """

    capabilities = TtsCapabilities(sample_rate=24_000, voices=("tone",), languages=("*",), visemes=False)

    def __init__(self, model: str = "", options: NullOptions = _DEFAULTS) -> None:
        super().__init__(model, options)
        self._segments = count()

    async def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
        """Yield the tone in pieces of 100 ms, the first with the times of all words; see ``Tts.synthesize``."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._options.tts_first_ms / 1000
        segment = next(self._segments) & 0x7FFF
        duration_ms = len(text) * self._options.char_ms / options.rate
        n_blocks = min(_MAX_BLOCKS, max(1, round(duration_ms * 24 / MARK_SAMPLES))) if text.strip() else 0
        words = _evenly(text, n_blocks * MARK_SAMPLES / 24)
        for first in range(0, n_blocks, PIECE_BLOCKS):
            n = min(PIECE_BLOCKS, n_blocks - first)
            piece = _PIECE[:n].copy()
            piece[:, 1] = segment
            piece[:, 2] = _COUNTS[:n] + first
            piece[:, 3] = n_blocks
            await _until(due, loop)
            yield Speech(piece.reshape(-1), words=words if first == 0 else ())
            due += n * MARK_SAMPLES / 24_000 * self._options.tts_factor


def _evenly(text: str, duration_ms: float) -> tuple[SpokenWord, ...]:
    """Give each word its part of the duration, by where its letters lie in the text."""
    words = []
    at = 0
    scale = duration_ms / max(1, len(text))
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        words.append(SpokenWord(word, round(start * scale), round(at * scale)))
    return tuple(words)


def read_marks(samples: Samples) -> NDArray[np.int16]:
    """Read the numbers that ``NullTts`` put into its tone.

    Args:
        samples: int16, shape ``(n_samples,)``, from a block's first sample on; an unfinished block
            at the end is left out.

    Returns:
        int16, shape ``(n_blocks, 3)``: segment, block in the segment, blocks that the segment has.
        A row of -1 where the block is not what was made: samples were lost, added or changed. In
        whole audio the second column counts 0, 1, 2 … up to the third.
    """
    n_blocks = len(samples) // MARK_SAMPLES
    blocks = samples[: n_blocks * MARK_SAMPLES].reshape(n_blocks, MARK_SAMPLES)
    whole = (blocks[:, 0] == _MARK) & (blocks[:, 4:] == _TONE[4:]).all(axis=1)
    return np.where(whole[:, np.newaxis], blocks[:, 1:4], np.int16(-1))
