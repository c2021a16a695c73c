"""One connection's input: bytes in, the audio of turns out. Pure but for the detector it is given.

    bytes -> InputDecoder -> 16 kHz samples -> Framer -> VadStream -> Endpointer -> events

All of a message's audio is worked on at once, in the caller's task, without a queue: the detector
costs less than a hop to another thread would. Positions are samples at 16 kHz that were heard since
the connection began, and survive a resume.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from voicesrv.audio.encodings import SAMPLE_BYTES
from voicesrv.audio.framing import Framer
from voicesrv.audio.pcm import INPUT_RATE, Samples, ms_to_samples, samples_to_ms
from voicesrv.audio.stream import InputDecoder
from voicesrv.conversation.endpointing import (
    Endpointer,
    SpeechEnded,
    SpeechLikelyEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from voicesrv.engines.base import Vad
from voicesrv.events import EndCause
from voicesrv.options import Options

PRE_ROLL_MS = 300
"""Audio from before the speech that a turn begins with: a detector opens late on soft onsets."""
PAUSE_SHARE = 0.6
PAUSE_MS = 250
"""Where words decide how long a silence may be, they are asked for after this share of the shortest wait, and no later:
at 300 ms of it that leaves a recogniser 128 ms, which its final text would have taken anyway after the end."""
KEPT_MS = 1500
"""Audio that is kept while nobody speaks: the pre-roll, and all that a start may lie back."""
BLOCK_SAMPLES = INPUT_RATE // 100
"""Audio is kept and handed on in blocks of 10 ms at least: messages of one sample must not cost an array each."""


@dataclass(frozen=True, slots=True)
class Started:
    """A turn begins."""

    start_ms: int
    """When its speech began."""
    audio_from_ms: int
    """When its audio begins, pre-roll included."""


@dataclass(frozen=True, slots=True)
class Heard:
    """More audio of the open turn."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Paused:
    """The turn may have ended: what was said so far is worth knowing."""


@dataclass(frozen=True, slots=True)
class LikelyEnded:
    """The turn has likely ended; a ``Paused`` came before it."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """It had not."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over: its last speech, and when that was decided."""

    speech_end_ms: int
    at_ms: int
    cause: EndCause


Noticed = Started | Heard | Paused | LikelyEnded | Resumed | Ended


class Listener:
    """Hears one connection's audio and tells when turns begin, pause and end."""

    def __init__(self, vad: Vad, options: Options, received_ms: int = 0) -> None:
        """Args:
        vad: the detector.
        options: encoding, rate, channels and waits.
        received_ms: audio that was received before by another process; times go on from there.
        """
        self._stream = vad.open()
        self._framer = Framer(vad.frame_samples)
        self._endpointer = Endpointer(
            vad.frame_samples,
            endpointing_ms=options.endpointing_ms,
            eager_ms=options.eager_ms,
            pause_ms=_pause_ms(options),
        )
        self._recent: deque[tuple[int, Samples]] = deque()  # (position of the first sample, samples)
        self._position = 0  # samples decoded
        self._given = 0  # samples that turns have been given
        self._options = options
        self._decoder = InputDecoder(options.encoding, options.sample_rate, options.channels)
        self._bytes = 0
        self._bytes_per_s = _bytes_per_s(options.encoding, options.sample_rate, options.channels)
        # In formats that were in force earlier; exact, as floats lose the ms that parts of one add up to.
        self._received_before_ms = Fraction(received_ms)
        self._unheard = ms_to_samples(received_ms, INPUT_RATE)  # samples that came before those of the positions

    @property
    def received_ms(self) -> int:
        """Length of all input audio so far."""
        return int(self._received_exact_ms)

    @property
    def _received_exact_ms(self) -> Fraction:
        return self._received_before_ms + Fraction(self._bytes * 1000, self._bytes_per_s)

    def length_ms(self, n_bytes: int) -> float:
        """How long so many bytes of input last in the format in force."""
        return n_bytes * 1000 / self._bytes_per_s

    @property
    def speaking(self) -> bool:
        """Whether a turn is open."""
        return self._endpointer.speaking

    def configure(self, options: Options) -> Sequence[Noticed]:
        """Take other options from here on; an open turn goes on. Return what the old ones still gave."""
        before = self._options
        old = (before.encoding, before.sample_rate, before.channels)
        new = (options.encoding, options.sample_rate, options.channels)
        noticed: Sequence[Noticed] = ()
        if old != new:
            noticed = self._hear(self._decoder.flush())
            self._received_before_ms = self._received_exact_ms
            self._bytes = 0
            self._bytes_per_s = _bytes_per_s(*new)
            self._decoder = InputDecoder(*new)
        self._options = options
        self._endpointer.set_waits(options.endpointing_ms, options.eager_ms, _pause_ms(options))
        return noticed

    def wait(self, silence_ms: int) -> None:
        """Have so much silence end the open turn, until told otherwise."""
        self._endpointer.wait(silence_ms)

    def rejoin(self) -> None:
        """The client comes back and sends on from ``received_ms``: half a sample that it sent before is dropped."""
        options = self._options
        half = self._bytes % (SAMPLE_BYTES[options.encoding] * options.channels)
        if half:
            self._bytes -= half
            self._decoder.reset()

    def feed(self, data: bytes) -> Sequence[Noticed]:
        """Take the next input audio, split anywhere; return what is noticed in it, in order."""
        self._bytes += len(data)
        return self._hear(self._decoder.feed(data))

    def skip(self, data: bytes) -> None:
        """Count input audio that is not to be heard, while no turn is open; times go on behind it."""
        self._bytes += len(data)
        self._unheard += len(self._decoder.feed(data))

    def end(self, cause: EndCause) -> Sequence[Noticed]:
        """End the open turn now, if there is one."""
        noticed: list[Noticed] = []
        if self._endpointer.speaking:
            noticed.extend(self._hear(self._decoder.flush()))
        event = self._endpointer.end(cause)
        if event is not None:
            self._give(noticed, self._position)
            self._end(noticed, event)
        return noticed

    def _ms(self, position: int) -> int:
        return samples_to_ms(self._unheard + position, INPUT_RATE)

    def _hear(self, samples: Samples) -> Sequence[Noticed]:
        if len(samples) == 0:
            return ()
        self._keep(samples)
        noticed: list[Noticed] = []
        frames = self._framer.feed(samples)
        if len(frames):
            for event in self._endpointer.push(self._stream.process(frames)):
                match event:
                    case SpeechStarted(start=start):
                        self._given = max(self._given, start - ms_to_samples(PRE_ROLL_MS, INPUT_RATE), 0)
                        noticed.append(Started(self._ms(start), self._ms(self._given)))
                    case SpeechPaused(at=at):
                        self._give(noticed, at)
                        noticed.append(Paused())
                    case SpeechLikelyEnded(at=at):
                        noticed.append(LikelyEnded(self._ms(at)))
                    case SpeechResumed(at=at):
                        noticed.append(Resumed(self._ms(at)))
                    case SpeechEnded():
                        self._end(noticed, event)
        if self._endpointer.speaking and self._position - self._given >= BLOCK_SAMPLES:
            self._give(noticed, self._position)
        self._forget()
        return noticed

    def _end(self, noticed: list[Noticed], event: SpeechEnded) -> None:
        self._give(noticed, event.at)
        noticed.append(Ended(self._ms(event.last_speech), self._ms(event.at), event.cause))

    def _give(self, noticed: list[Noticed], until: int) -> None:
        """Hand the audio from where the turn has it up to ``until``."""
        if until <= self._given:
            return
        parts: list[Samples] = []
        for start, samples in reversed(self._recent):
            if start + len(samples) <= self._given:
                break
            if start < until:
                parts.append(samples[max(0, self._given - start) : until - start])
        self._given = until
        if parts:
            noticed.append(Heard(parts[0] if len(parts) == 1 else np.concatenate(parts[::-1])))

    def _keep(self, samples: Samples) -> None:
        start = self._position
        self._position += len(samples)
        if self._recent and len(self._recent[-1][1]) < BLOCK_SAMPLES:
            start, before = self._recent.pop()
            samples = np.concatenate((before, samples))
        self._recent.append((start, samples))

    def _forget(self) -> None:
        keep_from = self._position - ms_to_samples(KEPT_MS, INPUT_RATE)
        while self._recent[0][0] + len(self._recent[0][1]) <= keep_from:
            self._recent.popleft()


def _pause_ms(options: Options) -> int:
    """When the text so far is asked for, so that it is there before the shortest wait is over."""
    if not 0 < options.endpointing_ms < options.endpointing_max_ms:
        return 0
    return min(round(options.endpointing_ms * PAUSE_SHARE), PAUSE_MS)


def _bytes_per_s(encoding: str, sample_rate: int, channels: int) -> int:
    return SAMPLE_BYTES[encoding] * channels * sample_rate
