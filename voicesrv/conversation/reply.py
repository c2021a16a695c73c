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
from voicesrv.audio.pcm import Samples
from voicesrv.conversation import clock
from voicesrv.conversation.playout import Playout
from voicesrv.conversation.segments import Segment, Segmenter, SegmenterOptions
from voicesrv.conversation.thinking import Source, Thinking
from voicesrv.conversation.timeline import Timeline
from voicesrv.conversation.voicing import Voicing
from voicesrv.engines.base import Item, Tts, TtsOptions
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

MAX_SEGMENTS = 256
"""Segments that may wait for the voice; beyond it the model waits."""


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
        self._to = callbacks
        self._wants_words = wants_words
        self._wants_visemes = wants_visemes
        self._timeline = Timeline()
        self._voicing = Voicing(tts, voice, self._timeline, self.playout, self._spoke)
        self._segmenter = Segmenter(SegmenterOptions(language=voice.language))
        self._segments: asyncio.Queue[Segment | None] = asyncio.Queue(MAX_SEGMENTS)
        self._held: list[Event] | None = [] if held else None
        self._released = released or asyncio.Event()
        if not held:
            self._released.set()
        self._news = asyncio.Event()  # for the player: audio, the end, a report, somebody listening
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

    def release(self) -> None:
        """The turn ended as expected: say what was held, and go on."""
        held, self._held = self._held or [], None
        for event in held:
            self._say(event)
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
        try:
            while (segment := await self._segments.get()) is not None:
                if self._first_segment_at is None:
                    self._first_segment_at = clock.now()
                await self._voicing.speak(segment, self.text)
                if not self._released.is_set():
                    await self._released.wait()
        except (EngineUnavailable, EngineError) as error:
            self._fail(error)  # what was synthesised until here is still heard
            thinking.cancel()
        self.playout.end()
        self._news.set()

    def _spoke(self, samples: Samples, words: Sequence[SpokenWord], visemes: Sequence[Viseme]) -> None:
        """The voice made more of it."""
        if self._first_speech_at is None:
            self._first_speech_at = clock.now()
            self._say(AudioStarted(self.number))
        if words and self._wants_words:
            self._say(ReplyWords(self.number, tuple(words)))
        if visemes and self._wants_visemes:
            self._say(ReplyVisemes(self.number, tuple(visemes)))
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
                self._voicing.made_room()
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
            return
        if isinstance(event, Failed):  # counted here, as what is held may never be told
            metrics.ERRORS.labels(event.code).inc()
        self._to.emit(event)


def _now_ms() -> float:
    return clock.now() * 1000


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
