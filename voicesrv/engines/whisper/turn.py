"""One turn as Whisper follows it: audio in, transcripts out; windows are given to a scheduler shared by all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voicesrv.audio.pcm import INPUT_RATE, Samples
from voicesrv.engines.base import Pause, SttOptions, Transcript
from voicesrv.engines.whisper.agreement import Agreement, TimedWord
from voicesrv.engines.whisper.model import TAIL_S, Hypothesis, Window
from voicesrv.engines.whisper.scheduler import Urgency
from voicesrv.events import Word

TRIM_MS = 6000
"""A window longer than this is cut at the last kept word: its cost grows with its length."""
LONGEST_MS = 25_000
"""A window this long is settled as it is but for its last ``SETTLE_BACK_MS``, so that it never outgrows the model's."""
SETTLE_BACK_MS = 1000
AFTER_PAUSE_MS = 300
"""Audio after a pause that is taken for silence: the end then needs no pass of its own."""
EVERY_MS = 500
"""Speech between two interims at least, where windows are short: each hears its window from the start again."""
PACE_MS = 600
"""And this times the root of a window's seconds, its tail included: of all paces that cost as much, the one after which
words wait least. So all passes of a sentence together cost 2.4 times one pass over it (docs/performance.md)."""
FULL_EVERY_MS = 1000
"""Speech between two interims at least, where each costs as much as 30 s."""
DUTY = 0.4
"""Share of its time that a model may be busy with one turn's interims: where a pass is slow, they come more rarely."""
INTERIM_TAIL_S = 0.3
"""Silence behind an interim's window. After so little a sentence seems to go on; after 0.5 s the micro Whisper puts a
full stop, and takes it back in the next. The last word may suffer, but it waits for another look."""
QUIET_RMS = 50
"""Audio below this (-56 dB of full scale) is silence."""
QUIET_SHARE = 1 / 16
"""So is what is this much quieter than the loudest block of the turn (-24 dB)."""
MIN_MS = 300
"""Less speech than this is not looked at before the end of the turn."""
SURE_LANGUAGE = 0.6
"""From this probability on, and ``SURE_LANGUAGE_MS`` of audio, the language of a turn is decided."""
SURE_LANGUAGE_MS = 2000
_PER_MS = INPUT_RATE // 1000

Ask = Callable[[Urgency, Callable[[], Window]], Awaitable[Hypothesis]]
"""Has a window transcribed; see ``Scheduler.do``."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How a turn is heard."""

    language: str
    """Whisper's code; empty to find out."""
    hotwords: str
    final_beam: int
    full_windows: bool
    interim: bool
    every_ms: int
    live: bool
    """False for a file: it goes after all that is spoken now."""


class WhisperTurn:
    """A turn being transcribed.

    What was said until the last kept word is cut off the front of the window when it grows long, so
    the cost of a pass is bounded however long the turn is.
    """

    def __init__(self, ask: Ask, hearing: Hearing) -> None:
        self._ask = ask
        self._hearing = hearing
        self._agreement = Agreement()
        self._audio: list[Samples] = []  # of the window
        self._from_ms = 0
        self._n = 0  # samples in the window
        self._ended = False
        self._pause_at: int | None = None  # samples of the turn before a pause that is not answered
        self._news = asyncio.Event()
        self._language = hearing.language
        self._answered_at: int | None = None  # samples of the turn that the last settled transcript covers
        self._answered: Transcript | None = None
        self._shown: tuple[str, int] = ("", 0)
        self._failure: BaseException | None = None
        self._heard_until = 0  # samples of the turn that the last interim or settled transcript covers
        self._wait_ms = float(hearing.every_ms)  # audio between two interims
        self._loudest = 0.0  # root mean square of a block
        self._said_more = False  # since the last pass began
        self.busy_s = 0.0
        """What the model has spent on it."""
        self.wanted_s = 0.0
        """What the model would have spent on it, had no interim come late."""

    async def follow(self, audio: AsyncIterator[Samples | Pause]) -> AsyncGenerator[Transcript, None]:
        """Yield transcripts until the final one; see ``Stt.transcribe``."""
        reading = asyncio.create_task(self._read(audio))
        try:
            while True:
                if self._pause_at is not None:
                    at, self._pause_at = self._pause_at, None
                    answer = self._answer(at) or await self._settle(at)
                    if self._pause_at is None:  # else a newer pause asks, and would take this for its answer
                        yield answer
                elif self._ended:
                    yield await self._final()
                    return
                elif self._hearing.interim and self._said_more and self._unheard_ms() >= self._wait_ms:
                    transcript = await self._interim()
                    if transcript is not None:
                        yield transcript
                else:
                    self._news.clear()
                    await self._news.wait()
                if self._failure is not None:
                    raise self._failure
        finally:
            reading.cancel()
            await asyncio.wait({reading})  # from here on nobody reads ``audio``

    # --- audio ----------------------------------------------------------------------------------

    async def _read(self, audio: AsyncIterator[Samples | Pause]) -> None:
        try:
            async for block in audio:
                if isinstance(block, Pause):
                    self._pause_at = self._position
                else:
                    self._audio.append(block)
                    self._n += len(block)
                    self._said_more = self._said_more or not self._is_quiet(block)
                self._news.set()
        except Exception as error:
            self._failure = error
        self._ended = True
        self._news.set()

    def _is_quiet(self, block: Samples) -> bool:
        level = float(np.sqrt(np.mean(np.square(block, dtype=np.float32)))) if len(block) else 0.0
        self._loudest = max(self._loudest, level)
        return level < max(QUIET_RMS, QUIET_SHARE * self._loudest)

    @property
    def audio_s(self) -> float:
        """How much of it has come."""
        return self._position / INPUT_RATE

    @property
    def _position(self) -> int:
        """Samples of the turn so far."""
        return self._from_ms * _PER_MS + self._n

    def _unheard_ms(self) -> int:
        """Audio that no pass has covered; 0 while there is too little for a first one, or none after a pause."""
        if self._answered_at is not None:
            after = self._position - self._answered_at
            if after <= AFTER_PAUSE_MS * _PER_MS:
                return 0
        if self._n < MIN_MS * _PER_MS:
            return 0
        return (self._position - self._heard_until) // _PER_MS

    def _window(self, until: int, beam: int, tail_s: float = TAIL_S) -> Window:
        """The window up to a place in the turn, in samples."""
        samples = self._audio[0] if len(self._audio) == 1 else np.concatenate(self._audio or [np.zeros(0, np.int16)])
        self._audio = [samples]
        return Window(
            samples[: until - self._from_ms * _PER_MS],
            self._from_ms,
            self._language,
            self._hearing.hotwords,
            beam,
            self._hearing.full_windows,
            tail_s,
        )

    def _trim(self, to_ms: int) -> None:
        """Forget the audio before a time of the turn."""
        n = (to_ms - self._from_ms) * _PER_MS
        if n > 0:
            samples = np.concatenate(self._audio)
            n = min(n, len(samples))
            self._audio = [samples[n:].copy()]
            self._n -= n
            self._from_ms += n // _PER_MS

    # --- passes ---------------------------------------------------------------------------------

    async def _interim(self) -> Transcript | None:
        """What is said so far; None where it says nothing new, or somebody waits for more than that."""
        until = 0

        def make() -> Window:
            nonlocal until
            until = min(self._position, (self._from_ms + LONGEST_MS) * _PER_MS)
            self._said_more = False
            return self._window(until, 1, INTERIM_TAIL_S)

        asking = asyncio.ensure_future(self._ask(Urgency.INTERIM, make))
        try:
            while not asking.done():
                if self._ended or self._pause_at is not None:
                    return None
                self._news.clear()
                waking = asyncio.ensure_future(self._news.wait())
                try:
                    await asyncio.wait({asking, waking}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waking.cancel()
            hypothesis = asking.result()
        finally:
            asking.cancel()  # what has not begun is not done
        late = max(1.0, (until - self._heard_until) / (self._wait_ms * _PER_MS))
        self.wanted_s += hypothesis.cost_s * (late - 1)
        self._heard_until = until
        window_s = (until / _PER_MS - self._from_ms) / 1000 + INTERIM_TAIL_S
        pace_ms = 0.0 if self._hearing.full_windows else PACE_MS * window_s**0.5
        self._wait_ms = max(self._hearing.every_ms, pace_ms, hypothesis.cost_s * 1000 / DUTY)
        self._take(hypothesis)
        until_ms = until // _PER_MS
        words = self._agreement.update(hypothesis.words, self._from_ms, until_ms)
        if until_ms - self._from_ms >= LONGEST_MS:
            self._settle_front(hypothesis.words, until_ms)
        elif until_ms - self._from_ms > TRIM_MS:
            self._trim(self._agreement.kept_until_ms)
        kept = len(_text(self._agreement.kept))
        text = _text(words)
        if (text, kept) == self._shown:
            return None
        self._shown = (text, kept)
        return self._transcript(words, kept, hypothesis)

    def _answer(self, at: int) -> Transcript | None:
        """The last settled transcript, where only silence has come since."""
        if self._answered_at is None or at - self._answered_at > AFTER_PAUSE_MS * _PER_MS:
            return None
        return self._answered

    async def _settle(self, at: int) -> Transcript:
        """What was said before a pause; nothing is kept, as more may follow."""
        hypothesis, words = await self._pass_to(at)
        transcript = self._transcript(words, len(_text(self._agreement.kept)), hypothesis, settled=True)
        self._answered_at, self._answered = at, transcript
        return transcript

    async def _final(self) -> Transcript:
        answered = self._answer(self._position)
        if answered is not None:
            return replace(answered, stable=len(answered.text), is_final=True, settled=False)
        hypothesis, words = await self._pass_to(self._position)
        return self._transcript(words, len(_text(words)), hypothesis, final=True)

    async def _pass_to(self, at: int) -> tuple[Hypothesis, list[TimedWord]]:
        """Hear all that has not settled, up to a place in the turn; of a replay, one window after another."""
        while at // _PER_MS - self._from_ms > LONGEST_MS:
            until_ms = self._from_ms + LONGEST_MS
            hypothesis = await self._pass(until_ms * _PER_MS)
            self._settle_front(hypothesis.words, until_ms)
        hypothesis = await self._pass(at)
        self._heard_until = at
        return hypothesis, self._agreement.preview(hypothesis.words, self._from_ms)

    async def _pass(self, until: int) -> Hypothesis:
        urgency = Urgency.FINAL if self._hearing.live else Urgency.FILE
        hypothesis = await self._ask(urgency, lambda: self._window(until, self._hearing.final_beam))
        self._take(hypothesis)
        return hypothesis

    def _settle_front(self, words: Sequence[TimedWord], until_ms: int) -> None:
        """Keep all words of a window but those at its end, and cut it behind them."""
        limit_ms = until_ms - SETTLE_BACK_MS
        self._agreement.settle([word for word in words if word.end_ms <= limit_ms], self._from_ms)
        kept_ms = self._agreement.kept_until_ms
        self._trim(kept_ms if kept_ms > self._from_ms + SETTLE_BACK_MS else limit_ms)

    def _take(self, hypothesis: Hypothesis) -> None:
        """Count what a pass has cost, and learn the language from it."""
        self.busy_s += hypothesis.cost_s
        self.wanted_s += hypothesis.cost_s
        sure = hypothesis.language_confidence >= SURE_LANGUAGE and self._position >= SURE_LANGUAGE_MS * _PER_MS
        if not self._language and sure:
            self._language = hypothesis.language

    def _transcript(
        self,
        words: Sequence[TimedWord],
        stable: int,
        hypothesis: Hypothesis,
        *,
        settled: bool = False,
        final: bool = False,
    ) -> Transcript:
        return Transcript(
            _text(words),
            stable,
            final,
            settled,
            tuple(Word(each.text.strip(), each.start_ms, each.end_ms, each.confidence) for each in words),
            round(sum(each.confidence for each in words) / len(words), 3) if words else 0.0,
            hypothesis.language,
        )


def _text(words: Sequence[TimedWord]) -> str:
    return "".join(word.text for word in words).strip()


def hearing_of(options: SttOptions, languages: Sequence[str], hotwords: str, final_beam: int, full: bool) -> Hearing:
    """How a stream with these options is heard.

    Raises:
        ValueError: the model does not know the language.
    """
    code = options.language.partition("-")[0].lower()
    if code == "auto":
        code = "" if len(languages) > 1 else languages[0]
    elif code not in languages:
        raise ValueError(f"language: {options.language[:64]!r} is not one of the model's: {', '.join(languages)}")
    terms = ", ".join(filter(None, (hotwords, *options.keyterms)))
    every_ms = max(options.interim_every_ms, FULL_EVERY_MS if full else EVERY_MS)
    return Hearing(code, terms, final_beam, full, options.interim and options.live, every_ms, options.live)
