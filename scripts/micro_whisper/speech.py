"""espeak-ng says the sentences: samples with the times of the words.

The voices are the engine's own (``voicesrv.engines.espeak_tts``), so the library, which is under the GPL-3, runs in
worker processes. Every sentence gets a voice, a rate and a pitch of its own; the pitch comes from resampling, which
moves the formants too and so is one more speaker.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from voicesrv.engines.base import TtsOptions
from voicesrv.engines.espeak_tts import EspeakTts
from voicesrv.events import SpokenWord

from .domain import Sentence, bare

RATE = 16000
"""Whisper's sample rate, in Hz."""
TAIL_S = 0.04
"""Kept after the last word: the sound dies away in it. espeak-ng adds 300 ms of digital silence."""

_VARIANTS = (
    *("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"),
    *("Andy", "Annie", "Mike", "adam", "belinda", "linda", "Michael"),
)
_ACCENTS = {"en": ("en-us", "en-us", "en-us", "en", "en-gb-x-rp"), "de": ("de",)}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence and how it sounds."""

    text: str
    language: str
    voice: str
    samples: npt.NDArray[np.int16]
    """At ``RATE``, from the first word to ``TAIL_S`` after the last."""
    starts: tuple[float, ...]
    """When each of ``text.split()`` begins, in seconds."""
    ends: tuple[float, ...]


def speak(sentences: Sequence[Sentence], seed: int) -> list[Spoken]:
    """Say every sentence; a few in a thousand, whose words espeak-ng does not tell apart, are left out."""
    return asyncio.run(_speak_all(sentences, random.Random(seed)))


async def _speak_all(sentences: Sequence[Sentence], rng: random.Random) -> list[Spoken]:
    jobs = iter([(sentence, *_manner(sentence, rng)) for sentence in sentences])
    spoken: list[tuple[int, Spoken]] = []
    numbered = enumerate(jobs)

    async def work() -> None:
        for i, (sentence, voice, rate, pitch) in numbered:
            if one := await _speak(engine, sentence, voice, rate, pitch):
                spoken.append((i, one))

    async with EspeakTts() as engine, asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(work())
    return [one for _, one in sorted(spoken, key=lambda numbered: numbered[0])]


def _manner(sentence: Sentence, rng: random.Random) -> tuple[str, float, float]:
    """A voice, a rate and a pitch, as factors of the voice's own; one in eight is the plain voice at its own pitch."""
    accent = rng.choice(_ACCENTS[sentence.language])
    if rng.random() < 0.125:
        return accent, rng.uniform(0.8, 1.25), 1.0
    return f"{accent}+{rng.choice(_VARIANTS)}", rng.uniform(0.75, 1.35), rng.uniform(0.9, 1.12)


async def _speak(engine: EspeakTts, sentence: Sentence, voice: str, rate: float, pitch: float) -> Spoken | None:
    pieces: list[npt.NDArray[np.int16]] = []
    words: list[SpokenWord] = []
    async with aclosing(engine.synthesize(sentence.text, TtsOptions(voice=voice, rate=rate))) as speech:
        async for piece in speech:
            pieces.append(piece.samples)
            words.extend(piece.words)
    times = word_times(sentence.text.split(), words)
    if times is None:
        return None
    starts, ends = ([second / pitch for second in seconds] for seconds in times)
    samples = soxr.resample(np.concatenate(pieces), engine.capabilities.sample_rate * pitch, RATE)
    end = round((ends[-1] + TAIL_S) * RATE)
    return Spoken(sentence.text, sentence.language, voice, samples[:end], tuple(starts), tuple(ends))


def word_times(text: Sequence[str], said: Sequence[SpokenWord]) -> tuple[list[float], list[float]] | None:
    """When each word of the text begins and ends, in seconds; None where the words said are not those of the text.

    espeak-ng says some pairs, such as "on the", as one word and tells its start alone: the two then share its time,
    the second, unstressed one the last 40 % of it.
    """
    starts: list[float] = []
    ends: list[float] = []
    following = iter(said)
    expected = next(following, None)
    for word in text:
        if expected is not None and bare(word) == bare(expected.text):
            starts.append(expected.start_ms / 1000)
            ends.append(expected.end_ms / 1000)
            expected = next(following, None)
        elif starts:
            middle = ends[-1] - 0.4 * (ends[-1] - starts[-1])
            starts.append(middle)
            ends.append(ends[-1])
            ends[-2] = middle
        else:
            return None
    return None if expected is not None else (starts, ends)
