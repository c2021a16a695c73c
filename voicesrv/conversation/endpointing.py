"""Speech probability, frame by frame -> speech started, paused, likely ended, resumed, ended.

Pure: the clock is the count of samples pushed, at 16 kHz, so the same audio gives the same events
however it was cut into messages.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicesrv.audio.pcm import INPUT_RATE, ms_to_samples
from voicesrv.events import EndCause


@dataclass(frozen=True, slots=True)
class EndpointingOptions:
    """When probabilities become speech; ``docs/accuracy.md`` has the measurements behind the defaults."""

    start_threshold: float = 0.5
    """A frame at least this likely is speech where there was silence."""
    end_threshold: float = 0.15
    """A frame less likely than this is silence where there was speech; at most ``start_threshold``. Silero's usual 0.35
    cut our one-sentence clips 44 times at 300 ms and ended turns after 321 ms (p50); 0.15 cut them 33 times
    and took 344 ms; 0.35 with one frame more of waiting cut them 36 times and took 353 ms."""
    min_speech_ms: int = 96
    """Speech that it takes to start a turn: three frames of Silero's, which reject one of its three false starts;
    five reject no more. It is also how long a barge-in takes."""
    resume_ms: int = 64
    """Speech that it takes to go on after a silence within a turn: a click of one frame does not."""
    max_gap_ms: int = 96
    """Silence forgiven within speech that is still too short to count."""
    max_turn_ms: int = 60_000
    """A turn is cut when it has lasted this long; it goes on as a new one."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """A turn began. Times are samples from the start of the stream."""

    start: int
    """Where its first speech frame begins; never before the ``at`` of the ``SpeechEnded`` before it."""
    at: int
    """What had been heard when that was decided."""


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """``pause_ms`` of silence, or ``eager_ms`` if that is less: what was said so far is worth knowing."""

    last_speech: int
    """Where its last speech frame ends."""
    at: int


@dataclass(frozen=True, slots=True)
class SpeechLikelyEnded:
    """``eager_ms`` of silence: the turn has likely ended. A ``SpeechPaused`` came before it."""

    last_speech: int
    """Where its last speech frame ends."""
    at: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The speech went on after ``SpeechPaused``."""

    at: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The turn is over."""

    last_speech: int
    """Where its last speech frame ends."""
    at: int
    cause: EndCause
    """``SILENCE`` or ``TIMEOUT``, or what ``Endpointer.end`` was given."""


SpeechEvent = SpeechStarted | SpeechPaused | SpeechLikelyEnded | SpeechResumed | SpeechEnded

_NOTHING: tuple[SpeechEvent, ...] = ()


class _Phase(enum.Enum):
    SILENT = enum.auto()
    """No turn is open."""
    SPEAKING = enum.auto()
    """In a turn, and the last frame was speech."""
    SILENCE = enum.auto()
    """In a turn, and silent since ``last_speech``."""
    PAUSED = enum.auto()
    """The same, and ``SpeechPaused`` has been said."""
    LIKELY_ENDED = enum.auto()
    """The same, and ``SpeechLikelyEnded`` has been said."""


class Endpointer:
    """Finds the turns in one stream of audio.

    Two thresholds keep speech from flickering. Where there is silence, frames of at least
    ``start_threshold`` gather in a *run* that forgives gaps of ``max_gap_ms``; a run with
    ``min_speech_ms`` of speech starts a turn at the run's first frame, one with ``resume_ms`` takes an
    open turn on. So neither a click nor a cough starts a turn, holds one open or throws away a reply
    that is being prepared. A silence is not counted on while a run is growing in it.

    Args:
        frame_samples: samples behind each probability.
        options: thresholds and times that are set once.
        endpointing_ms: silence that ends a turn, unless ``wait`` says otherwise; 0 leaves it to ``end``.
        eager_ms: silence that makes the end likely; 0 never does, nor does more than what ends the turn.
        pause_ms: silence after which the text so far is wanted; 0: not before the end is likely.

    Waits are rounded up to whole frames.
    """

    def __init__(
        self,
        frame_samples: int,
        options: EndpointingOptions = EndpointingOptions(),
        *,
        endpointing_ms: int = 300,
        eager_ms: int = 0,
        pause_ms: int = 0,
    ) -> None:
        self.heard = 0
        """Samples pushed so far."""
        self._frame = frame_samples
        self._start_threshold = options.start_threshold
        self._end_threshold = options.end_threshold
        self._min_speech = ms_to_samples(options.min_speech_ms, INPUT_RATE)
        self._resume = ms_to_samples(options.resume_ms, INPUT_RATE)
        self._max_gap = ms_to_samples(options.max_gap_ms, INPUT_RATE)
        self._max_turn = ms_to_samples(options.max_turn_ms, INPUT_RATE)
        self._phase = _Phase.SILENT
        self._turn_start = 0
        self._last_speech = 0
        self._run_start = -1
        """Where the run began that may become speech; -1 while there is none."""
        self._run_speech = 0
        self._run_end = 0
        self.set_waits(endpointing_ms, eager_ms, pause_ms)

    @property
    def speaking(self) -> bool:
        """Whether a turn is open."""
        return self._phase is not _Phase.SILENT

    def set_waits(self, endpointing_ms: int, eager_ms: int, pause_ms: int = 0) -> None:
        """Change the waits from the next frame on, in an open turn too; 0 is never."""
        self._endpointing = self._wait = ms_to_samples(endpointing_ms, INPUT_RATE)
        self._eager = ms_to_samples(eager_ms, INPUT_RATE)
        self._pause = ms_to_samples(min(pause_ms or eager_ms, eager_ms or pause_ms), INPUT_RATE)

    def wait(self, silence_ms: int) -> None:
        """Have so much silence end the open turn, until told otherwise; nothing where ``end`` alone ends turns."""
        if self._endpointing:
            self._wait = ms_to_samples(silence_ms, INPUT_RATE)

    def push(self, probabilities: NDArray[np.float32]) -> Sequence[SpeechEvent]:
        """Take the next frames, all those of a message at once.

        Args:
            probabilities: of speech, shape ``(n_frames,)``, each in [0, 1].

        Returns:
            What was decided, in order; most often nothing.
        """
        events: list[SpeechEvent] | None = None
        # A plain loop: a message has one to five frames, for which numpy's calls cost more than they save.
        for probability in probabilities.tolist():
            self.heard += self._frame
            if self._phase is _Phase.SPEAKING and probability >= self._end_threshold:
                self._last_speech = self.heard
                if self.heard - self._turn_start < self._max_turn:
                    continue
            elif self._phase is _Phase.SILENT and self._run_start < 0 and probability < self._start_threshold:
                continue
            events = [] if events is None else events
            self._step(probability, events)
        return events or _NOTHING

    def end(self, cause: EndCause) -> SpeechEnded | None:
        """End the open turn at what has been heard; None where none is open.

        A run that has not become speech is forgotten as well.
        """
        if self._phase is _Phase.SILENT:
            self._run_start = -1
            return None
        return self._ended(cause)

    def _step(self, probability: float, events: list[SpeechEvent]) -> None:
        """Take the frame that ends at ``heard``."""
        if self._phase is _Phase.SPEAKING:
            if probability < self._end_threshold:
                self._phase = _Phase.SILENCE
        elif self._run(probability):
            self._begin_speech(events)
        if self._phase is not _Phase.SILENT:
            self._check_waits(events)

    def _run(self, probability: float) -> bool:
        """Count the frame towards a run; True when that has grown into speech."""
        if probability >= self._start_threshold:
            if self._run_start < 0:
                self._run_start, self._run_speech = self.heard - self._frame, 0
            self._run_speech += self._frame
            self._run_end = self.heard
            return self._run_speech >= (self._min_speech if self._phase is _Phase.SILENT else self._resume)
        if self._run_start >= 0 and self.heard - self._run_end > self._max_gap:
            self._run_start = -1
        return False

    def _begin_speech(self, events: list[SpeechEvent]) -> None:
        if self._phase is _Phase.SILENT:
            self._turn_start = self._run_start
            self._wait = self._endpointing
            events.append(SpeechStarted(self._run_start, self.heard))
        elif self._phase in (_Phase.PAUSED, _Phase.LIKELY_ENDED):
            events.append(SpeechResumed(self.heard))
        self._phase = _Phase.SPEAKING
        self._last_speech = self.heard
        self._run_start = -1

    def _check_waits(self, events: list[SpeechEvent]) -> None:
        """End or pause the open turn where it is time."""
        if self.heard - self._turn_start >= self._max_turn:
            was_speaking = self._phase is _Phase.SPEAKING
            events.append(self._ended(EndCause.TIMEOUT))
            if was_speaking:
                self._run_start = self.heard
                self._begin_speech(events)
        elif self._phase is not _Phase.SPEAKING:
            silence = (self.heard if self._run_start < 0 else self._run_start) - self._last_speech
            if self._wait and silence >= self._wait:
                events.append(self._ended(EndCause.SILENCE))
                return
            if self._phase is _Phase.SILENCE and self._pause and silence >= self._pause:
                self._phase = _Phase.PAUSED
                events.append(SpeechPaused(self._last_speech, self.heard))
            if self._phase is _Phase.PAUSED and self._eager and silence >= self._eager:
                self._phase = _Phase.LIKELY_ENDED
                events.append(SpeechLikelyEnded(self._last_speech, self.heard))

    def _ended(self, cause: EndCause) -> SpeechEnded:
        """Close the turn; a run within it was heard as part of it."""
        self._phase = _Phase.SILENT
        self._run_start = -1
        return SpeechEnded(self._last_speech, self.heard, cause)
