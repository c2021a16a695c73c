"""What was told, and when -> what that was worth. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import jiwer

from voicesrv.engines.base import Transcript

from .hearing import HeardRecording, HeardTurn, Load, Offline
from .recordings import Recording, normalised
from .tables import NOTHING, share, spread

ALL = "all speech"
"""Beside the categories: all recordings in which somebody speaks."""


@dataclass(slots=True)
class Figures:
    """Of a group of recordings under one load. Times are in ms, and real: they hold where audio came in real time."""

    recordings: int = 0
    seconds: float = 0.0
    """Of audio in all recordings."""
    lost: int = 0
    """Turns that the engine had no room for, or died in; no other figure has them."""
    wrong: int = 0
    """Words (or characters) that were replaced, left out or put in."""
    expected: int = 0
    """Words (or characters) that were spoken."""
    wrong_offline: int | None = None
    """Wrong ones where the same turns are heard in one go."""
    first_ms: list[float] = field(default_factory=list)
    """From the end of each turn's first word to its first text."""
    settled_ms: list[float] = field(default_factory=list)
    """From the end of each word that was stable before the final transcript to when it was."""
    final_words: int = 0
    """Words of all final transcripts whose end is known."""
    changed: int = 0
    """Characters of interim text that were changed later."""
    final_characters: int = 0
    broken: int = 0
    """Characters that were called stable and changed."""
    final_ms: list[float] = field(default_factory=list)
    """From the end of each turn to its final transcript."""
    offline_s: float | None = None
    """How long the engine takes for the same turns in one go, one after another."""

    @property
    def error_rate(self) -> float:
        """0 to 1 and more."""
        return self.wrong / self.expected if self.expected else 0.0

    @property
    def rows(self) -> dict[str, str]:
        """Each figure by its name, as text."""
        points = None if self.wrong_offline is None or not self.expected else self.wrong - self.wrong_offline
        rate = share(self.wrong, self.expected) if self.expected else f"{self.wrong} words, none spoken"
        return {
            "recordings": str(self.recordings),
            "seconds": f"{self.seconds:.0f}",
            "turns refused or lost": str(self.lost or NOTHING),
            "word error rate": rate,
            "the same against offline, points": NOTHING if points is None else f"{100 * points / self.expected:+.1f}",
            "first word's end → first text, p50 / p95 ms": spread(self.first_ms),
            "word's end → stable, p50 / p95 ms": spread(self.settled_ms),
            "words stable before the final": share(len(self.settled_ms), self.final_words, 0),
            "changed characters of interim text, per final character": (
                f"{self.changed / self.final_characters:.2f}" if self.final_characters else NOTHING
            ),
            "stable characters that changed": str(self.broken),
            "end of turn → final, p50 / p95 ms": spread(self.final_ms),
            "real-time factor, offline": NOTHING if self.offline_s is None else f"{self.offline_s / self.seconds:.3f}",
        }


def by_category(load: Load, offline: Mapping[str, Offline]) -> dict[str, Figures]:
    """The figures of each category, in the order in which they came, and where there are several, of all speech."""
    names = dict.fromkeys(heard.recording.category for heard in load.heard)
    groups = {name: [heard for heard in load.heard if heard.recording.category == name] for name in names}
    if len(groups) > 1:
        groups[ALL] = [heard for heard in load.heard if heard.recording.text]
    return {name: _measured(group, load, offline) for name, group in groups.items() if group}


def whole(groups: Mapping[str, Figures]) -> Figures:
    """The figures of all speech among those of the categories."""
    return groups[ALL] if ALL in groups else next(iter(groups.values()))


def costs(load: Load, offline: Mapping[str, Offline]) -> dict[str, str]:
    """What the load took, speech or not: CPU time, and the model's work against that for the same turns in one go."""
    seconds = sum(heard.recording.seconds for heard in load.heard)
    known = [reference.busy_s for heard in load.heard if (reference := offline.get(heard.recording.name))]
    once = sum(busy_s or 0 for busy_s in known) if len(known) == len(load.heard) else 0
    return {
        "CPU-s a second of audio": NOTHING if load.cpu_s is None else f"{load.cpu_s / seconds:.3f}",
        "all passes against one offline pass": (
            f"{load.busy_s / once:.2f} ×" if load.busy_s is not None and once else NOTHING
        ),
    }


def _measured(group: Sequence[HeardRecording], load: Load, offline: Mapping[str, Offline]) -> Figures:
    figures = Figures()
    for heard in group:
        figures.recordings += 1
        figures.seconds += heard.recording.seconds
        turns = [turn for turn in heard.turns if not turn.lost]
        figures.lost += len(heard.turns) - len(turns)
        if len(turns) < len(heard.turns):
            continue
        wrong, expected = errors(heard.recording, " ".join(turn.text for turn in turns))
        figures.wrong += wrong
        figures.expected += expected
        reference = offline.get(heard.recording.name)
        if reference is not None:
            wrong, _ = errors(heard.recording, " ".join(reference.texts))
            figures.wrong_offline = wrong + (figures.wrong_offline or 0)
            figures.offline_s = reference.wall_s + (figures.offline_s or 0)
        for turn, ends in zip(turns, word_ends(heard.recording, turns), strict=True):
            _add(figures, turn, ends, load.in_real_time)
    return figures


def _add(figures: Figures, heard: HeardTurn, ends: Sequence[float | None], in_real_time: bool) -> None:
    transcripts = [told.transcript for told in heard.told]
    figures.changed += changed([transcript.text for transcript in transcripts])
    figures.broken += broken(transcripts)
    figures.final_characters += len(heard.text)
    if not in_real_time:
        return
    figures.final_ms.append(heard.told[-1].at_ms - heard.turn.end_ms)
    first = next((told.at_ms for told in heard.told if told.transcript.text), None)
    if first is not None and ends and ends[0] is not None:
        figures.first_ms.append(first - ends[0])
    for end, at_ms in zip(ends, settled_at(heard), strict=True):
        if end is not None:
            figures.final_words += 1
            if at_ms is not None:
                figures.settled_ms.append(at_ms - end)


def errors(recording: Recording, said: str) -> tuple[int, int]:
    """Wrong words (put in ones too), and words that were spoken; characters where the recording counts these."""
    expected, heard = (_tokens(text, recording.by_characters) for text in (recording.text, normalised(said)))
    if not expected:
        return len(heard), 0
    out = jiwer.process_words(" ".join(expected), " ".join(heard))
    return out.substitutions + out.deletions + out.insertions, len(expected)


def _tokens(text: str, by_characters: bool) -> list[str]:
    return list("".join(text.split())) if by_characters else text.split()


def changed(texts: Sequence[str]) -> int:
    """Characters that a later text took back: all behind the first that differs.

    Divided by those of the final text this is the normalised erasure of Arivazhagan and others 2020
    (https://arxiv.org/abs/2004.03643), in characters.
    """
    return sum(_lost(before, after) for before, after in pairwise(texts))


def broken(transcripts: Sequence[Transcript]) -> int:
    """Characters that had been called stable and that a later transcript changed."""
    stable, n = "", 0
    for transcript in transcripts:
        n += _lost(stable, transcript.text)
        stable = transcript.text[: transcript.stable]
    return n


def _lost(before: str, after: str) -> int:
    """Characters from the first on that differs, or that the later text has not."""
    same = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    return len(before) - same


def settled_at(heard: HeardTurn) -> list[float | None]:
    """When each word of the final text was first called stable; None where that was not before the end."""
    times: list[float | None] = [None] * len(heard.text.split())
    n_stable = 0
    for told in heard.told[:-1]:
        n = min(len(told.transcript.text[: told.transcript.stable].split()), len(times))
        times[n_stable:n] = [told.at_ms] * (n - n_stable)
        n_stable = max(n_stable, n)
    return times


def word_ends(recording: Recording, turns: Sequence[HeardTurn]) -> list[list[float | None]]:
    """When each word of each turn's final text ends, in ms from the recording's start; None where nobody knows.

    Where the recording knows the times of its words these count, and words that were not understood have none. Else the
    engine's own times count.
    """
    if recording.words:
        ends = iter(_true_ends(recording, [word for turn in turns for word in turn.text.split()]))
        return [[next(ends) for _ in turn.text.split()] for turn in turns]
    own: list[list[float | None]] = []
    for turn in turns:
        n = len(turn.text.split())
        timed = turn.told[-1].transcript.words
        own.append([turn.turn.from_ms + word.end_ms for word in timed] if len(timed) == n else [None] * n)
    return own


def _true_ends(recording: Recording, said: Sequence[str]) -> list[float | None]:
    """When each word that was understood was really over; None for those that were not understood."""
    expected = [(token, word.end_ms) for word in recording.words for token in normalised(word.text).split()]
    heard = [(token, i) for i, word in enumerate(said) for token in normalised(word).split()]
    ends: list[float | None] = [None] * len(said)
    if not expected or not heard:
        return ends
    out = jiwer.process_words(*(" ".join(token for token, _ in tokens) for tokens in (expected, heard)))
    for chunk in out.alignments[0]:
        if chunk.type == "equal":
            for at in range(chunk.ref_end_idx - chunk.ref_start_idx):
                ends[heard[chunk.hyp_start_idx + at][1]] = expected[chunk.ref_start_idx + at][1]
    return ends
