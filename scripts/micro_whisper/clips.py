"""Spoken sentences -> windows of audio as a server hears them, with what is to be read from each. Numpy only.

A window holds none, one or several sentences with silence round them, at any level, with light noise or none. Some are
cut, as a window over speech that goes on is: at the end, within a word at times, and at the front, where the buffer
was trimmed after a word that has settled. Some come with the words said before.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .domain import ENGLISH, GERMAN
from .sounds import Sounds
from .speech import RATE, TAIL_S, Spoken

LONGEST_S = 15.0
"""Of the speech in a window; the silence round it comes on top."""

_KNOWN_SHARE = 0.8
"""So much of a word must be in the window for it to be written down."""


@dataclass(slots=True)
class Clip:
    """A window and what it says."""

    samples: npt.NDArray[np.float32]
    language: str
    segments: list[list[tuple[str, float, float]]] = field(default_factory=list)
    """Sentences of words with their start and end in seconds; none where nobody speaks."""
    before: str = ""
    """The words said before, or words to listen for; empty for none."""
    stamped: bool = True
    """Whether it is to be read with time tokens."""
    forced: str = ""
    """A word that is written although nobody speaks."""


class ClipMaker:
    """Makes windows at random, the same ones for the same seed.

    Args:
        spoken: the sentences to make them of.
        rng: decides everything.
        empty: share of windows in which nobody speaks; may be changed later.
    """

    def __init__(self, spoken: Sequence[Spoken], rng: random.Random, empty: float = 0.07) -> None:
        self.empty = empty
        self._spoken = spoken
        self._rng = rng
        self._sounds = Sounds(rng)
        self._by_voice: dict[str, list[Spoken]] = defaultdict(list)
        for one in spoken:
            self._by_voice[one.voice].append(one)

    def make(self) -> Clip:
        """The next window."""
        rng = self._rng
        if rng.random() < self.empty:
            return self._empty()
        clip = self._clip()
        clip.stamped = rng.random() < 0.65
        return clip

    def _empty(self) -> Clip:
        """A window without speech. Without time tokens Whisper may not end at once, so there some word is written."""
        rng = self._rng
        clip = Clip(self._sounds.nothing(rng.uniform(0.3, rng.choice((1.5, 6)))), rng.choice(("en", "en", "de")))
        clip.stamped = rng.random() < 0.4
        if not clip.stamped:
            word = rng.choice((*ENGLISH, *GERMAN))
            clip.forced = rng.choice((word, word.capitalize()))
        if rng.random() < 0.2:
            clip.before = self._words_before(clip.language)
        return clip

    def _clip(self) -> Clip:
        rng = self._rng
        first = rng.choice(self._spoken)
        said = [first]
        for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 1, 1, 2, 3))):
            other = rng.choice(self._by_voice[first.voice])
            if sum(len(one.samples) for one in (*said, other)) < LONGEST_S * RATE:
                said.append(other)
        return self.window(said)

    def window(self, said: Sequence[Spoken], cut: bool = True) -> Clip:
        """These sentences with silence round them, cut or whole."""
        rng = self._rng
        power = 3 if cut else 1  # what is learnt from has short silences more often: they cost as much as speech
        at = 0.0 if cut and rng.random() < 0.15 else rng.random() ** power
        pieces: list[npt.NDArray[np.float32]] = [np.zeros(round(at * RATE), np.float32)]
        segments: list[list[tuple[str, float, float]]] = []
        for i, one in enumerate(said):
            if i:
                pieces.append(np.zeros(round(rng.uniform(0.15, 1.2) * RATE), np.float32))
            at = sum(map(len, pieces)) / RATE
            pieces.append(one.samples.astype(np.float32) / np.float32(32768))
            times = zip(one.text.split(), one.starts, one.ends, strict=True)
            segments.append([(word, at + start, at + end) for word, start, end in times])
        pieces.append(np.zeros(round(rng.random() ** power * RATE), np.float32))
        clip = Clip(np.concatenate(pieces), said[0].language, segments)
        if cut and rng.random() < 0.3:
            self._cut_end(clip)
        if cut and rng.random() < 0.12:
            self._cut_front(clip)
        elif cut and rng.random() < 0.25:
            clip.before = self._words_before(clip.language)
        clip.samples = self._heard(clip.samples)
        return clip

    def _heard(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """At some level, with noise 12 to 45 dB below the speech or none."""
        rng = self._rng
        level = 10 ** (rng.uniform(-26, -1) / 20) / max(float(np.abs(samples).max()), 1e-3)
        samples = samples * level
        if rng.random() < 0.8:
            loudness = float(np.sqrt(np.mean(samples**2)))
            samples = samples + self._sounds.hiss(len(samples)) * loudness * 10 ** (-rng.uniform(12, 45) / 20)
        return np.clip(samples, -1, 1).astype(np.float32)

    def _cut_end(self, clip: Clip) -> None:
        """Break off within or after a word of the last sentence but its last; then silence, or the window ends."""
        last = clip.segments[-1]
        if len(last) < 2:
            return
        at = self._rng.randrange(1, len(last))
        _, start, end = last[at]
        kept = at
        if self._rng.random() < 0.4:
            cut = start
        else:
            share = self._rng.random()
            cut = start + share * (end - start)
            kept += share >= _KNOWN_SHARE
        clip.segments[-1] = last[:kept]
        if kept == len(last):
            word, start, end = last[-1]
            clip.segments[-1][-1] = (word.rstrip(".?"), start, end)
        clip.samples = clip.samples[: round(cut * RATE)]
        if cut == start and self._rng.random() < 0.6:
            fade = round(TAIL_S / 2 * RATE)
            clip.samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[-len(clip.samples) :]
            clip.samples = np.append(clip.samples, np.zeros(round(self._rng.uniform(0, 1) * RATE), np.float32))

    def _cut_front(self, clip: Clip) -> None:
        """Begin at a word of the first sentence, give or take 50 ms; the words before are told as such, mostly."""
        first = clip.segments[0]
        if len(first) < 2:
            return
        at = self._rng.randrange(1, len(first))
        cut = max(first[at][1] + self._rng.uniform(-0.05, 0.03), 0.0)
        clip.samples = clip.samples[round(cut * RATE) :]
        clip.segments[0] = first[at:]
        clip.segments = [
            [(word, max(start - cut, 0.0), end - cut) for word, start, end in segment] for segment in clip.segments
        ]
        if self._rng.random() < 0.7:
            earlier = self._rng.choice(self._spoken).text + " " if self._rng.random() < 0.3 else ""
            clip.before = earlier + " ".join(word for word, _, _ in first[:at])

    def _words_before(self, language: str) -> str:
        """A sentence or two, or a list of words to listen for."""
        if self._rng.random() < 0.3:
            vocabulary = ENGLISH if language == "en" else GERMAN
            return self._rng.choice((", ", " ")).join(self._rng.choices(vocabulary, k=self._rng.randint(1, 6)))
        return " ".join(self._rng.choice(self._spoken).text for _ in range(self._rng.choice((1, 1, 2))))
