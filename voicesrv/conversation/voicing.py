"""A reply's segments to 24 kHz speech, timed on the reply's audio, whatever happens to the voice's worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from voicesrv import metrics
from voicesrv.audio.pcm import EMPTY, OUTPUT_RATE, Samples
from voicesrv.audio.resample import Resampler
from voicesrv.conversation.playout import Playout
from voicesrv.conversation.segments import Segment
from voicesrv.conversation.timeline import Timeline
from voicesrv.engines.base import Speech, Tts, TtsOptions
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import SpokenWord, Viseme

logger = logging.getLogger(__name__)

AHEAD_MS = 3000
"""Synthesised audio that may wait to be sent; beyond it synthesis waits."""
ATTEMPTS = 3
RETRY_DELAYS_S = (0.0, 0.3)

OnSpeech = Callable[[Samples, Sequence[SpokenWord], Sequence[Viseme]], None]
"""Takes 24 kHz samples, to be pushed to the playout, with the words and mouth shapes on the reply's audio."""


class Voicing:
    """The voice of one reply; segments are spoken one after another."""

    def __init__(
        self, tts: Tts, options: TtsOptions, timeline: Timeline, playout: Playout, on_speech: OnSpeech
    ) -> None:
        """Args:
        timeline: told of each word that is spoken.
        playout: looked at for where the next piece lies, and how much waits.
        on_speech: called for each piece; it pushes the samples to ``playout``.
        """
        self._tts = tts
        self._options = options
        self._timeline = timeline
        self._playout = playout
        self._on_speech = on_speech
        self._resampler = Resampler(tts.capabilities.sample_rate, OUTPUT_RATE)
        self._room = asyncio.Event()

    def made_room(self) -> None:
        """Audio was sent: more may be made."""
        self._room.set()

    async def speak(self, segment: Segment, text: str) -> None:
        """Speak a segment of a reply that is ``text`` until now.

        A worker that is lost on the way is replaced: what its successor says again is left out.
        Cancelling is safe and frees the voice.

        Raises:
            EngineUnavailable: none of ``ATTEMPTS`` workers could finish it.
            EngineError: it cannot be spoken.
        """
        start_ms = round(self._playout.pushed_ms)
        self._timeline.begin(text, segment.end, segment.text, start_ms)
        passed_on = _Count()  # of this segment, whichever worker made it
        for attempt in range(ATTEMPTS):
            try:
                with metrics.STREAMS.labels("tts").track_inprogress():
                    await self._attempt(segment, start_ms, passed_on)
                break
            except (EngineUnavailable, EngineError) as error:
                metrics.ENGINE_FAILURES.labels(self._tts.name).inc()
                if isinstance(error, EngineError) or attempt == ATTEMPTS - 1:
                    raise
                logger.warning("%s was lost: %s", self._tts.name, error)
                await asyncio.sleep(RETRY_DELAYS_S[attempt])
        self._on_speech(self._resampler.flush(), (), ())  # else up to 42 ms of its last word wait for the next segment
        estimated = self._timeline.end(round(self._playout.pushed_ms))
        if estimated:
            self._on_speech(EMPTY, estimated, ())

    async def _attempt(self, segment: Segment, start_ms: int, passed_on: _Count) -> None:
        made = _Count()
        async with aclosing(self._tts.synthesize(segment.text, self._options)) as pieces:
            async for piece in pieces:
                fresh = passed_on.without(made, piece)  # a second worker says again what the first one had said
                words = tuple(SpokenWord(w.text, w.start_ms + start_ms, w.end_ms + start_ms) for w in fresh.words)
                shapes = tuple(Viseme(v.viseme, v.start_ms + start_ms, v.end_ms + start_ms) for v in fresh.visemes)
                self._timeline.add(words)
                self._on_speech(self._resampler.feed(fresh.samples), words, shapes)
                while self._playout.waiting_ms > AHEAD_MS:
                    self._room.clear()
                    await self._room.wait()


@dataclass(slots=True)
class _Count:
    """How much of a segment's speech there was."""

    samples: int = 0
    words: int = 0
    visemes: int = 0

    def without(self, made: _Count, piece: Speech) -> Speech:
        """What is new in a piece that comes after ``made``; both counts then include it."""
        fresh = Speech(
            piece.samples[max(0, self.samples - made.samples) :],
            piece.words[max(0, self.words - made.words) :],
            piece.visemes[max(0, self.visemes - made.visemes) :],
        )
        made.samples += len(piece.samples)
        made.words += len(piece.words)
        made.visemes += len(piece.visemes)
        self.samples = max(self.samples, made.samples)
        self.words = max(self.words, made.words)
        self.visemes = max(self.visemes, made.visemes)
        return fresh
