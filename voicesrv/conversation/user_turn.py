"""One user's turn: its audio, its transcripts, and the recogniser that may have to be replaced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from voicesrv import metrics
from voicesrv.conversation.transcript import StableText
from voicesrv.conversation.turn_audio import TurnAudio
from voicesrv.engines.base import Stt, SttOptions, Transcript
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import Word

logger = logging.getLogger(__name__)

ATTEMPTS = 4
RETRY_DELAYS_S = (0.0, 0.2, 0.5)
"""A worker that died is replaced within these; the turn's audio waits and is replayed."""
FINAL_WITHIN_S = 10.0
"""A recogniser gets so long for its final transcript, and as long again as the turn lasted, since one that
replaced another hears it all from the start. One that needs more is taken for lost."""


class UserTurn:
    """A spoken turn from its first sample to its final text."""

    def __init__(
        self,
        number: int,
        start_ms: int,
        audio_from_ms: int,
        stt: Stt,
        options: SttOptions,
        on_transcript: Callable[[UserTurn, Transcript], None],
    ) -> None:
        """Args:
        number: the turn's number in the conversation.
        start_ms: when its speech began, on its connection's clock.
        audio_from_ms: when its audio begins, on the same clock, pre-roll included.
        on_transcript: called with each transcript before the final one, with word times on the
            connection's clock and a stable part that never changes.
        """
        self.number = number
        self.start_ms = start_ms
        self.audio = TurnAudio()
        self.likely_ended = False
        """Whether ``turn.eager_end`` was told and not taken back."""
        self.paused = False
        """Whether nothing has been said for a while."""
        self.settled: Transcript | None = None
        """What was said before the pause, as soon as that is known."""
        self.likely_ended_at_ms: int | None = None
        """Since when the silence is long enough for an early reply; None while it is not."""
        self.failed = False
        """Whether no engine could finish it; the text is then what was understood before."""
        self._stt = stt
        self._options = options
        self._on_transcript = on_transcript
        self._text = StableText()
        self._origin_ms = audio_from_ms
        self._shown = ("", 0)
        self.last = Transcript(text="", confidence=0.0)
        """What was understood last."""
        self._deadline: asyncio.Timeout | None = None  # of the attempt that is under way

    def pause(self) -> None:
        """The user may have finished: ask what was said so far."""
        self.paused = True
        self.audio.pause()

    def resume(self) -> None:
        """The user had not."""
        self.paused = False
        self.settled = None
        self.likely_ended_at_ms = None
        self.audio.resume()

    def end(self) -> None:
        """No more audio will come: the final transcript is due."""
        self.audio.close()
        self._set_deadline()

    async def transcribe(self) -> Transcript:
        """Follow the turn to its end and return its final transcript.

        A recogniser that is lost on the way, or is late with its final transcript, is tried again with
        all of the turn's audio. Where none can finish, the last interim text stands in, and ``failed``
        is set.
        """
        for attempt in range(ATTEMPTS):
            try:
                return await self._attempt()
            except EngineUnavailable as error:
                metrics.ENGINE_FAILURES.labels(self._stt.name).inc()
                logger.warning("turn %d: %s was lost: %s", self.number, self._stt.name, error)
                if attempt < len(RETRY_DELAYS_S):
                    await asyncio.sleep(RETRY_DELAYS_S[attempt])
            except EngineError as error:
                metrics.ENGINE_FAILURES.labels(self._stt.name).inc()
                logger.warning("turn %d: %s failed: %s", self.number, self._stt.name, error)
                break
        self.failed = True
        return replace(self.last, is_final=True)

    async def _attempt(self) -> Transcript:
        deadline = self._deadline = asyncio.timeout(None)
        try:
            async with (
                deadline,
                aclosing(self.audio.read()) as audio,
                aclosing(self._stt.transcribe(audio, self._options)) as transcripts,
            ):
                if self.audio.closed:
                    self._set_deadline()
                async for transcript in transcripts:
                    self.last = self._settled(transcript)
                    if transcript.is_final:
                        return self.last
                    self._on_transcript(self, self.last)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise EngineUnavailable(f"{self._stt.name} is late with its final transcript") from None
        finally:
            self._deadline = None
        raise EngineError(f"{self._stt.name} ended without a final transcript")

    def _set_deadline(self) -> None:
        if self._deadline is not None:
            within_s = FINAL_WITHIN_S + self.audio.duration_ms / 1000
            self._deadline.reschedule(asyncio.get_running_loop().time() + within_s)

    def is_news(self, transcript: Transcript) -> bool:
        """Whether it shows the client anything that the one before did not."""
        shown = (transcript.text, transcript.stable)
        news = shown != self._shown and bool(transcript.text)
        self._shown = shown
        return news

    def _settled(self, transcript: Transcript) -> Transcript:
        text, stable = self._text.update(transcript.text, transcript.stable)
        origin = self._origin_ms
        words = tuple(
            Word(word.text, word.start_ms + origin, word.end_ms + origin, word.confidence) for word in transcript.words
        )
        return replace(transcript, text=text, stable=len(text) if transcript.is_final else stable, words=words)
