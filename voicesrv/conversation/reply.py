"""One reply: text to segments to speech to playout, in three tasks that end together.

    Source -deltas-> Segmenter -segments-> Tts -24 kHz-> Playout -messages-> emit

A reply may be prepared before it is wanted: then it is held, what it would say waits in a list,
and no more than its first segment is synthesised. ``release`` lets it be heard; ``discard`` leaves
no trace. ``stop`` ends it at the word that was heard. After either, whatever its tasks still do is
dropped here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from voicesrv import metrics
from voicesrv.audio.pcm import OUTPUT_RATE, Samples
from voicesrv.audio.resample import Resampler
from voicesrv.conversation import clock
from voicesrv.conversation.playout import Playout
from voicesrv.conversation.segments import Segment, Segmenter, SegmenterOptions
from voicesrv.conversation.thinking import Source, Thinking
from voicesrv.conversation.timeline import Timeline
from voicesrv.engines.base import Item, Speech, Tts, TtsOptions
from voicesrv.errors import Code, EngineError, EngineUnavailable
from voicesrv.events import (
    AudioEnded,
    AudioStarted,
    Cleared,
    Event,
    Failed,
    Latency,
    ReplyAudio,
    ReplyCause,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ReplyVisemes,
    ReplyWords,
    SpokenWord,
    Viseme,
)

logger = logging.getLogger(__name__)

AHEAD_MS = 3000
"""Synthesised audio that may wait to be sent; beyond it synthesis waits."""
MAX_SEGMENTS = 256
"""Segments that may wait for the voice; beyond it the model waits."""
ATTEMPTS = 3
RETRY_DELAYS_S = (0.0, 0.3)


@dataclass(frozen=True, slots=True)
class TurnTiming:
    """When the turn that a reply answers was over; ``clock.now()`` for moments."""

    endpoint_ms: int
    """From the last speech to the decision that the turn had ended, in audio."""
    decided_at: float
    final_at: float
    """When its final text was known."""


@dataclass(frozen=True, slots=True)
class ReplyCallbacks:
    """How a reply reaches its conversation; all are plain calls that never wait."""

    emit: Callable[[Event], None]
    heard: Callable[[Reply], None]
    """The first audio was sent."""
    sent: Callable[[Reply], None]
    """The last audio was sent."""
    over: Callable[[Reply], None]
    """It came to its own end."""


class Reply:
    """A reply from its first thought to its last word heard."""

    def __init__(
        self,
        number: int,
        turn: int | None,
        source: Source,
        tts: Tts,
        voice: TtsOptions,
        lead_ms: int,
        callbacks: ReplyCallbacks,
        *,
        wants_words: bool,
        wants_visemes: bool,
        held: bool = False,
        released: asyncio.Event | None = None,
    ) -> None:
        self.number = number
        self.turn = turn
        self.source = source
        self.playout = Playout(lead_ms)
        self.text = ""
        self.timing: TurnTiming | None = None
        """Set before the reply is released, where it answers a spoken turn."""
        self._tts = tts
        self._voice = voice
        self._to = callbacks
        self._wants_words = wants_words
        self._wants_visemes = wants_visemes
        self._timeline = Timeline()
        self._segmenter = Segmenter(SegmenterOptions(language=voice.language))
        self._segments: asyncio.Queue[Segment | None] = asyncio.Queue(MAX_SEGMENTS)
        self._held: list[Event] | None = [] if held else None
        self._released = released or asyncio.Event()
        if not held:
            self._released.set()
        self._news = asyncio.Event()  # for the player: audio, the end, a report, somebody listening
        self._room = asyncio.Event()  # for the voice: audio was sent
        self._first_segment_at: float | None = None
        self._first_speech_at: float | None = None  # when the voice made it, which may be long before it is sent
        self._is_heard = False
        self._heard = 0
        self._dead = False
        self._failed = False
        self._task: asyncio.Task[None] | None = None

    # --- what the conversation does to it -------------------------------------------------------

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin; the task belongs to ``tasks``."""
        self._say(ReplyStarted(self.number, self.turn))  # at once: it may be stopped before its task ever runs
        self._task = tasks.create_task(self._run())

    @property
    def held(self) -> bool:
        """Whether it waits for the turn to end."""
        return self._held is not None

    def release(self) -> None:
        """The turn ended as expected: say what was held, and go on."""
        held, self._held = self._held or [], None
        for event in held:
            self._to.emit(event)
        self._released.set()

    def discard(self) -> None:
        """It is not wanted: drop all of it."""
        self._dead = True
        if self._task is not None:
            self._task.cancel()

    def stop(self, cause: ReplyCause) -> Sequence[Item]:
        """End it where the listener has heard it; return what goes into the history."""
        heard = self._timeline.heard(self.playout.played_ms(_now_ms()))
        self._to.emit(Cleared(self.number))
        self._to.emit(ReplyEnded(self.number, self.text, self.text[:heard], cause))
        metrics.REPLIES.labels(cause.value).inc()
        self.discard()
        return self.source.items(self.text, heard, interrupted=True)

    def report(self, played_ms: int) -> None:
        """The client says how much it has played."""
        self.playout.report(played_ms)
        self._news.set()

    def hold_playout(self) -> None:
        """Nobody listens."""
        self.playout.hold(_now_ms())

    def release_playout(self) -> None:
        """Somebody listens again."""
        self.playout.release(_now_ms())
        self._news.set()

    def items(self) -> Sequence[Item]:
        """What goes into the history once it has come to its own end."""
        return self.source.items(self.text, self._heard, interrupted=self._failed)

    # --- what it does itself --------------------------------------------------------------------

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            thinking = tasks.create_task(self._think())
            tasks.create_task(self._speak(thinking))
            await self._play()
        if self._dead:
            return
        # A word may end within the ms that its segment's length was rounded by.
        self._heard = self._timeline.heard(self.playout.sent_ms + 1) if self._failed else len(self.text)
        cause = ReplyCause.FAILED if self._failed else ReplyCause.COMPLETE
        self._say(ReplyEnded(self.number, self.text, self.text[: self._heard], cause))
        metrics.REPLIES.labels(cause.value).inc()
        self._to.over(self)

    async def _think(self) -> None:
        try:
            async with aclosing(self.source.deltas()) as deltas:
                async for delta in deltas:
                    self.text += delta
                    self._say(ReplyText(self.number, delta))
                    for segment in self._segmenter.feed(delta):
                        await self._segments.put(segment)
        except (EngineUnavailable, EngineError) as error:
            self._fail(error)  # what was said until here is still spoken
        for segment in self._segmenter.flush():
            await self._segments.put(segment)
        await self._segments.put(None)

    async def _speak(self, thinking: asyncio.Task[None]) -> None:
        resampler = Resampler(self._tts.capabilities.sample_rate, OUTPUT_RATE)
        try:
            while (segment := await self._segments.get()) is not None:
                if self._first_segment_at is None:
                    self._first_segment_at = clock.now()
                await self._synthesize(segment, resampler)
                if not self._released.is_set():
                    await self._released.wait()
        except (EngineUnavailable, EngineError) as error:
            self._fail(error)  # what was synthesised until here is still heard
            thinking.cancel()
        self.playout.end()
        self._news.set()

    async def _synthesize(self, segment: Segment, resampler: Resampler) -> None:
        spoken = segment.text
        start_ms = round(self.playout.pushed_ms)
        self._timeline.begin(self.text, segment.end, spoken, start_ms)
        passed_on = _Count()  # of this segment, whichever worker made it
        for attempt in range(ATTEMPTS):
            try:
                made = _Count()
                async with aclosing(self._tts.synthesize(spoken, self._voice)) as pieces:
                    async for piece in pieces:
                        fresh = passed_on.without(made, piece)  # a second worker says again what the first one had said
                        self._tell(fresh, start_ms)
                        self._push(resampler.feed(fresh.samples))
                        while self.playout.waiting_ms > AHEAD_MS:
                            self._room.clear()
                            await self._room.wait()
                break
            except EngineUnavailable as error:
                metrics.ENGINE_FAILURES.labels(self._tts.name).inc()
                if attempt == ATTEMPTS - 1:
                    raise
                logger.warning("reply %d: %s was lost: %s", self.number, self._tts.name, error)
                await asyncio.sleep(RETRY_DELAYS_S[attempt])
        self._push(resampler.flush())  # else up to 42 ms of its last word wait for the next segment
        estimated = self._timeline.end(round(self.playout.pushed_ms))
        if estimated and self._wants_words:
            self._say(ReplyWords(self.number, estimated))

    def _tell(self, piece: Speech, start_ms: int) -> None:
        """Time a piece's words and mouth shapes on the reply's audio."""
        if self._first_speech_at is None:
            self._first_speech_at = clock.now()
            self._say(AudioStarted(self.number))
        if piece.words:
            words = tuple(SpokenWord(w.text, w.start_ms + start_ms, w.end_ms + start_ms) for w in piece.words)
            self._timeline.add(words)
            if self._wants_words:
                self._say(ReplyWords(self.number, words))
        if piece.visemes and self._wants_visemes:
            shapes = tuple(Viseme(v.viseme, v.start_ms + start_ms, v.end_ms + start_ms) for v in piece.visemes)
            self._say(ReplyVisemes(self.number, shapes))

    def _push(self, samples: Samples) -> None:
        self.playout.push(samples.tobytes())
        self._news.set()

    async def _play(self) -> None:
        await self._released.wait()
        playout = self.playout
        while not playout.drained:
            at_ms = int(playout.sent_ms)
            pcm, wait_ms = playout.next(_now_ms())
            if pcm is not None:
                self._say(ReplyAudio(self.number, pcm, at_ms))
                self._room.set()
                if not self._is_heard:
                    self._is_heard = True
                    self._first_audio()
            elif wait_ms is not None:
                await asyncio.sleep(wait_ms / 1000)
            else:
                self._news.clear()
                await self._news.wait()
        if self._first_speech_at is not None:
            self._say(AudioEnded(self.number, round(playout.sent_ms)))
        self._to.sent(self)
        while (left_ms := playout.left_ms(_now_ms())) != 0:
            self._news.clear()
            try:
                async with asyncio.timeout(None if left_ms is None else left_ms / 1000):
                    await self._news.wait()
            except TimeoutError:
                pass

    def _first_audio(self) -> None:
        self._to.heard(self)
        now = clock.now()
        if self.timing is None or self.turn is None or not isinstance(self.source, Thinking):
            return
        first_text, first_segment = self.source.first_at or now, self._first_segment_at or now
        latency = Latency(
            turn=self.turn,
            reply=self.number,
            endpoint_ms=self.timing.endpoint_ms,
            stt_ms=_ms(self.timing.final_at - self.timing.decided_at),
            llm_first_ms=_ms(first_text - self.source.asked_at),
            tts_first_ms=_ms((self._first_speech_at or now) - first_segment),
            total_ms=self.timing.endpoint_ms + _ms(now - self.timing.decided_at),
        )
        for stage in ("endpoint", "stt", "llm_first", "tts_first", "total"):
            metrics.STAGE.labels(stage).observe(getattr(latency, f"{stage}_ms") / 1000)
        self._say(latency)

    def _fail(self, error: EngineUnavailable | EngineError) -> None:
        self._failed = True
        logger.warning("reply %d failed: %s", self.number, error)
        self._say(Failed(Code.ENGINE_FAILED, f"the reply could not be finished: {error}"))

    def _say(self, event: Event) -> None:
        if self._dead:
            return
        if self._held is not None:
            self._held.append(event)
        else:
            self._to.emit(event)


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


def _now_ms() -> float:
    return clock.now() * 1000


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
