"""A whole recording -> its turns, transcribed; as fast as the recogniser can."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace

import numpy as np

from voicesrv.audio.pcm import EMPTY, INPUT_RATE, Samples, samples_to_ms
from voicesrv.conversation.listener import Ended, Heard, Listener, Started
from voicesrv.engines.base import Stt, SttOptions, Transcript, Vad
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import EndCause, Word
from voicesrv.options import Options

_ENDPOINTING_MS = 600
"""Silence between turns. Nobody waits for a recording's turns, so it may be twice a conversation's."""
_ATTEMPTS = 2
"""Times that a turn is given to the engine, whose worker may die while it has it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One stretch of speech; times are milliseconds from the start of the recording."""

    start_ms: int
    end_ms: int
    text: str
    """Empty where nothing was understood."""
    confidence: float
    language: str
    words: tuple[Word, ...]


async def transcribe(
    blocks: Iterator[Samples],
    vad: Vad,
    stt: Stt,
    options: SttOptions,
    on_turn: Callable[[Turn], object],
    on_progress: Callable[[int], object],
) -> int:
    """Cut a recording into turns and transcribe several of them at a time.

    Args:
        blocks: mono int16 at 16 kHz; read in a thread, since decoding blocks.
        vad: tells where speech is.
        stt: recognises it; it is given as many turns at once as there are processors.
        options: how it is heard; there are no interims, and who speaks now goes first.
        on_turn: called with each turn, in order.
        on_progress: called with the milliseconds that have been read.

    Returns:
        The length of the recording in milliseconds.

    Raises:
        ClientError: the recording cannot be decoded, from ``blocks``.
        EngineUnavailable, EngineError: as ``Stt.transcribe`` does.

    Cancelling is safe and stops the work. At most some turns are held in memory.
    """
    room = stt.room()
    parallel = max(1, min(os.cpu_count() or 1, room if room is not None else 4))
    waiting: asyncio.Queue[asyncio.Task[Turn] | None] = asyncio.Queue(parallel)

    async def read() -> int:
        listener = Listener(vad, Options(mode="listen", endpointing_ms=_ENDPOINTING_MS, endpointing_max_ms=0))
        n_samples = 0
        started = Started(0, 0)
        audio: list[Samples] = []
        more = True
        while more:
            second = await asyncio.to_thread(_next_second, blocks)
            more = second.size > 0
            n_samples += second.size
            for noticed in listener.feed(second.tobytes()) if more else listener.end(EndCause.CLOSE):
                match noticed:
                    case Started():
                        started, audio = noticed, []
                    case Heard(samples=samples):
                        audio.append(samples)
                    case Ended(speech_end_ms=end_ms):
                        work = _recognise(stt, np.concatenate(audio), options, started, end_ms)
                        await waiting.put(tasks.create_task(work))
            on_progress(samples_to_ms(n_samples, INPUT_RATE))
        await waiting.put(None)
        return samples_to_ms(n_samples, INPUT_RATE)

    try:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(read())
            while (turn := await waiting.get()) is not None:
                on_turn(await turn)
    except ExceptionGroup as group:
        raise _first(group) from None
    return reading.result()


def _next_second(blocks: Iterator[Samples]) -> Samples:
    """The next blocks, together about a second; nothing at the end."""
    taken: list[Samples] = []
    n_samples = 0
    while n_samples < INPUT_RATE and (block := next(blocks, None)) is not None:
        taken.append(block)
        n_samples += block.size
    return np.concatenate(taken) if taken else EMPTY


async def _recognise(stt: Stt, samples: Samples, options: SttOptions, started: Started, end_ms: int) -> Turn:
    final = await _final(stt, samples, replace(options, interim=False, live=False))
    offset = started.audio_from_ms
    return Turn(
        start_ms=started.start_ms,
        end_ms=end_ms,
        text=final.text,
        confidence=final.confidence,
        language=final.language or options.language,
        words=tuple(replace(w, start_ms=w.start_ms + offset, end_ms=w.end_ms + offset) for w in final.words),
    )


async def _final(stt: Stt, samples: Samples, options: SttOptions) -> Transcript:
    async def whole() -> AsyncGenerator[Samples, None]:
        yield samples

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with aclosing(stt.transcribe(whole(), options)) as transcripts:
                async for transcript in transcripts:
                    if transcript.is_final:
                        return transcript
        except EngineUnavailable:
            if attempt == _ATTEMPTS:
                raise
    raise EngineError(f"{stt.name} gave no final transcript")


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """The first fault; the others come of its having stopped them."""
    fault = group.exceptions[0]
    return _first(fault) if isinstance(fault, ExceptionGroup) else fault
