"""Where a detector and a wait make turns end: false cuts, joined utterances, and how long it takes.

A policy tells, from what was said until a pause, how much silence ends the turn. Recordings are run through the
server's own ``Endpointer``, which asks the policy where the server would. What was said comes from ``Oracle``, the
reference texts, or from ``Recogniser``, an engine that hears the audio up to the pause.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voicesrv.audio.framing import Framer
from voicesrv.audio.pcm import INPUT_RATE, ms_to_samples
from voicesrv.conversation import turn_end
from voicesrv.conversation.endpointing import Endpointer, SpeechEnded, SpeechPaused, SpeechStarted
from voicesrv.conversation.listener import PAUSE_MS, PAUSE_SHARE, PRE_ROLL_MS
from voicesrv.engines.base import Stt, SttOptions, Vad
from voicesrv.errors import EngineError
from voicesrv.events import EndCause

from .hearing import final_text
from .recordings import Recording, Span, normalised
from .tables import NOTHING, share, spread

TRAILING_S = 4
"""Silence after each recording, so that its last turn can end whatever the wait."""
TOLERANCE_S = 0.2
"""An utterance that is ended this long before its labelled end was cut. The labels are good to 0.1 s."""


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """A recording and what the detector makes of it."""

    recording: Recording
    frame_samples: int
    probabilities: NDArray[np.float32]
    """Of speech, for each frame of the recording and ``TRAILING_S`` of silence."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How much silence ends a turn, for what was said until then."""

    name: str
    shortest_ms: int
    """The wait before anything is known."""
    wait_ms: Callable[[str, str], int]
    """Text and its BCP-47 tag -> ms."""
    pause_ms: int = 0
    """Silence after which ``wait_ms`` is asked; 0: never."""


def fixed(ms: int) -> Policy:
    """Wait so long whatever is said."""
    return Policy(str(ms), ms, lambda text, language: ms)


def adaptive(shortest_ms: int, longest_ms: int, *, punctuated: bool) -> Policy:
    """Wait as the server does.

    Args:
        shortest_ms: after a finished sentence.
        longest_ms: after what is plainly unfinished.
        punctuated: whether the text has full stops.
    """

    def wait_ms(text: str, language: str) -> int:
        return turn_end.wait_ms(text, language, shortest_ms, longest_ms, punctuated=punctuated)

    return Policy(f"{shortest_ms}–{longest_ms}", shortest_ms, wait_ms, min(round(shortest_ms * PAUSE_SHARE), PAUSE_MS))


TextSoFar = Callable[[Recording, int, int, int], Awaitable[str]]
"""What was said in a recording from a turn's start to its last speech, asked at some time after that; in samples."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """Tells what was really said.

    Args:
        plain: without punctuation, as some recognisers write.
    """

    plain: bool = False

    @staticmethod
    def knows(recording: Recording) -> bool:
        """Whether it is known what is said when: each word's times, or the text of every utterance."""
        return bool(recording.words) or bool(recording.spans and all(span.text for span in recording.spans))

    async def __call__(self, recording: Recording, start: int, last_speech: int, at: int) -> str:
        """The words of which more than half was heard; within an utterance they are taken to be equally long."""
        start_s, end_s = start / INPUT_RATE, last_speech / INPUT_RATE
        if recording.words:
            timed = [(word.text, (word.start_ms + word.end_ms) / 2000) for word in recording.words]
        else:
            timed = [word for span in recording.spans for word in _spread(span)]
        text = " ".join(text for text, middle_s in timed if start_s <= middle_s <= end_s)
        return normalised(text) if self.plain else text


def _spread(span: Span) -> list[tuple[str, float]]:
    """Words and their middles in seconds."""
    words = span.text.split()
    length_s = (span.end - span.start) / len(words)
    return [(word, span.start + (i + 0.5) * length_s) for i, word in enumerate(words)]


class Recogniser:
    """Tells what an engine makes of the audio up to a pause; each is heard once, whatever policies ask for it.

    Args:
        engine: entered.
    """

    def __init__(self, engine: Stt) -> None:
        self._engine = engine
        self._heard: dict[tuple[str, int, int], str] = {}

    async def __call__(self, recording: Recording, start: int, last_speech: int, at: int) -> str:
        """The text; empty where the engine does not know the language."""
        key = (recording.name, start, at)
        if key not in self._heard:
            audio = recording.samples[max(0, start - ms_to_samples(PRE_ROLL_MS, INPUT_RATE)) : at]
            self._heard[key] = ""
            with contextlib.suppress(EngineError):
                options = SttOptions(recording.language or "en", interim=False)
                self._heard[key] = await final_text(self._engine, audio, options) if len(audio) else ""
        return self._heard[key]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the endpointer found, in seconds."""

    start: float
    """Where the speech began."""
    started: float
    """When that was decided."""
    last_speech: float
    ended: float
    """When the end was decided."""


def detected(recording: Recording, vad: Vad) -> Detected:
    """Ask the detector about a recording, in one go."""
    padded = np.concatenate([recording.samples, np.zeros(TRAILING_S * INPUT_RATE, np.int16)])
    return Detected(recording, vad.frame_samples, vad.open().process(Framer(vad.frame_samples).feed(padded)))


async def turns_in(heard: Detected, policy: Policy, text_so_far: TextSoFar) -> list[Turn]:
    """The turns of a recording under the default thresholds; the text is there as soon as it is asked for."""
    endpointer = Endpointer(heard.frame_samples, endpointing_ms=policy.shortest_ms, pause_ms=policy.pause_ms)
    turns: list[Turn] = []
    started = SpeechStarted(0, 0)
    for frame in range(len(heard.probabilities)):
        events = [*endpointer.push(heard.probabilities[frame : frame + 1])]
        if frame == len(heard.probabilities) - 1 and (last := endpointer.end(EndCause.CLOSE)):
            events.append(last)
        for event in events:
            match event:
                case SpeechStarted():
                    started = event
                case SpeechPaused(last_speech=last_speech, at=at):
                    text = await text_so_far(heard.recording, started.start, last_speech, at)
                    endpointer.wait(policy.wait_ms(text, heard.recording.language))
                case SpeechEnded(last_speech=last_speech, at=at):
                    times = (started.start, started.at, last_speech, at)
                    turns.append(Turn(*(samples / INPUT_RATE for samples in times)))
    return turns


@dataclass(slots=True)
class Labelled:
    """How turns compare with where the utterances are known to be."""

    onsets: list[float] = field(default_factory=list)
    """From the beginning of an utterance to the turn that was begun for it, in ms."""
    delays: list[float] = field(default_factory=list)
    """From the end of an utterance to the end of its turn, in ms."""
    n_heard: int = 0
    n_cut: int = 0
    """Utterances whose turn ended before they did."""
    n_joined: int = 0
    """Utterances whose turn went on into the next one."""

    def compare(self, turns: Sequence[Turn], spans: Sequence[Span]) -> None:
        """Count the utterances of a recording."""
        ends_before = [float("-inf"), *(span.end for span in spans)]
        starts_after = [*(span.start for span in spans[1:]), float("inf")]
        for span, before, after in zip(spans, ends_before, starts_after, strict=False):
            heard = [turn for turn in turns if turn.start < span.end and turn.last_speech > span.start]
            if not heard:
                continue
            self.n_heard += 1
            if heard[0].start > before - TOLERANCE_S:
                self.onsets.append(1000 * (heard[0].started - span.start))
            self.n_cut += any(turn.last_speech < span.end - TOLERANCE_S for turn in heard)
            if heard[-1].last_speech < after:
                self.delays.append(1000 * (heard[-1].ended - span.end))
            else:
                self.n_joined += 1


@dataclass(frozen=True, slots=True)
class Clips:
    """What became of recordings that are one turn each, though nobody labelled when it ends."""

    n_heard: int
    """Those in which a turn began."""
    n_cut: int
    """Those of which it was not the only one."""
    waits: tuple[float, ...]
    """Silence that ended the last turn of each, in ms."""

    @classmethod
    def of(cls, clips: Sequence[Sequence[Turn]]) -> Clips:
        """Count the clips, given the turns of each."""
        heard = [turns for turns in clips if turns]
        waits = tuple(1000 * (turns[-1].ended - turns[-1].last_speech) for turns in heard)
        return cls(len(heard), sum(len(turns) > 1 for turns in heard), waits)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a policy was worth."""

    policy: Policy
    false_turns: int
    """Turns in recordings without speech."""
    false_s: float
    """Seconds of these that were taken for speech."""
    silent_s: float
    """Seconds of all recordings without speech."""
    n_missed: int
    """Recordings of speech in which no turn began."""
    n_speech: int
    labelled: Labelled
    """Of the recordings in category ``turns``."""
    sentences: Clips
    """Recordings of one sentence each."""
    pieces: Clips
    """Recordings of digits or letters, spoken one by one."""
    long_turns: int
    long_s: float

    @property
    def rows(self) -> dict[str, str]:
        """Each figure by its name, as text."""
        known = self.labelled
        return {
            "false starts a minute without speech": _per_minute(self.false_turns, self.silent_s),
            "share of that audio taken for speech": share(self.false_s, self.silent_s),
            "recordings of speech in which no turn began": f"{self.n_missed} of {self.n_speech}",
            "onset: speech begins → turn begins, p50 / p95 ms": spread(known.onsets),
            "end: speech ends → turn ends, p50 / p95 ms": spread(known.delays),
            "labelled utterances cut in two": _of(known.n_cut, known.n_heard),
            "labelled utterances joined with the next": _of(known.n_joined, known.n_heard),
            "one-sentence clips cut in two or more": _of(self.sentences.n_cut, self.sentences.n_heard),
            "silence that ended their last turn, p50 / p95 ms": spread(self.sentences.waits),
            "clips of digits and letters cut in two or more": _of(self.pieces.n_cut, self.pieces.n_heard),
            "turns a minute in long recordings": _per_minute(self.long_turns, self.long_s),
        }


async def measured(heard: Sequence[Detected], policy: Policy, text_so_far: TextSoFar) -> Figures:
    """Run a policy over all recordings."""
    turns = {id(each): await turns_in(each, policy, text_so_far) for each in heard}
    by_kind = _by_kind(heard)
    false_turns = [turn for each in by_kind["negative"] for turn in turns[id(each)]]
    speech = [each for kind, group in by_kind.items() if kind != "negative" for each in group]
    labelled = Labelled()
    for each in by_kind["turns"]:
        labelled.compare(turns[id(each)], each.recording.spans)
    return Figures(
        policy,
        len(false_turns),
        sum(turn.last_speech - turn.start for turn in false_turns),
        sum(each.recording.seconds for each in by_kind["negative"]),
        sum(not turns[id(each)] for each in speech),
        len(speech),
        labelled,
        Clips.of([turns[id(each)] for each in by_kind["sentences"]]),
        Clips.of([turns[id(each)] for each in by_kind["pieces"]]),
        sum(len(turns[id(each)]) for each in by_kind["long"]),
        sum(each.recording.seconds for each in by_kind["long"]),
    )


def _by_kind(heard: Sequence[Detected]) -> Mapping[str, list[Detected]]:
    """Recordings by what can be told of them."""
    kinds: dict[str, list[Detected]] = {kind: [] for kind in ("negative", "turns", "long", "sentences", "pieces")}
    for each in heard:
        kind = each.recording.category
        if kind not in ("negative", "turns", "long"):
            kind = "pieces" if each.recording.spans else "sentences"
        kinds[kind].append(each)
    return kinds


def _per_minute(count: int, seconds: float) -> str:
    return f"{60 * count / seconds:.1f}" if seconds else NOTHING


def _of(count: int, whole: int) -> str:
    return f"{count} of {whole}" if whole else NOTHING
