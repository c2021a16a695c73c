"""What a run measured, made of its samples; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAX_LATE_MS = 40.0
"""A reply chunk later than this is heard: a common jitter buffer holds two messages of 20 ms."""
MAX_SLOWDOWN = 2.0
"""A load holds while the p95 of voice-to-voice stays under this many times that of one conversation."""
MAX_GENERATOR_LATE_MS = 10.0
"""p99 of the generator's own lateness. Half a message: beyond it, it measures itself."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a measure is spread; all 0 where nothing was measured."""

    n: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """Take the percentiles of samples in any order."""
        ordered = sorted(samples)
        if not ordered:
            return cls()
        return cls(len(ordered), percentile(ordered, 50), percentile(ordered, 95), percentile(ordered, 99), ordered[-1])


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value at or under which ``percent`` of the samples lie, between two of them in proportion.

    Args:
        ordered: at least one sample, ascending.
        percent: 0 to 100.
    """
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


@dataclass(frozen=True, slots=True)
class Result:
    """One load: N conversations for some time. Times are in ms."""

    conversations: int
    duration_s: float
    turns: int
    voice_to_voice: Spread
    """From sending the last sample of speech to the reply's first audio."""
    transcript: Spread
    """From sending the last sample of speech to ``turn.end``."""
    late: Spread
    """Of reply chunks, against when they are played if the first is played on arrival; early is 0."""
    lost: int
    """Reply samples missing or out of order, counted in breaks, and events missing or out of order."""
    failed: int
    """Turns without a transcript or a reply, errors, and connections that closed."""
    clear: Spread
    """Of barge-ins: from sending the first sample of speech to ``clear``."""
    generator_late: Spread
    """Of the generator's own messages against their schedule."""
    cpu_per_stream: float | None = None
    """CPU-seconds of the server's processes per second of one conversation; None where not known."""
    cpu_cores: float | None = None
    """Cores that the server's processes kept busy."""
    kb_per_conversation: float | None = None
    """Memory over that of the idle server, in KiB."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """What was lost or failed, counted by kind."""

    @property
    def name(self) -> str:
        """What it is called in a report."""
        return f"N = {self.conversations}"

    @property
    def valid(self) -> bool:
        """Whether the generator kept its schedule, so that the figures are the server's."""
        return self.turns + self.failed > 0 and self.generator_late.p99 <= MAX_GENERATOR_LATE_MS

    def holds(self, single: Spread) -> bool:
        """Whether the server kept up.

        Args:
            single: voice-to-voice of the smallest load.
        """
        return (
            self.turns > 0
            and self.lost == 0
            and self.failed == 0
            and self.late.max <= MAX_LATE_MS
            and self.voice_to_voice.p95 < MAX_SLOWDOWN * single.p95
        )


@dataclass(frozen=True, slots=True)
class IdleResult:
    """Connections that only ping."""

    connections: int
    duration_s: float
    failed: int
    pong: Spread
    """From ``ping`` to ``pong``, in ms."""
    kb_per_connection: float | None = None
    """Memory over that of the server without them, in KiB."""
    cpu_percent: float | None = None
    """Of one core."""
    faults: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called in a report."""
        return f"{self.connections} idle"


def largest_held(results: Sequence[Result]) -> int | None:
    """The largest N that held with no smaller one failing; None where none did."""
    held = None
    ordered = sorted(results, key=lambda result: result.conversations)
    for result in ordered:
        if not result.valid or not result.holds(ordered[0].voice_to_voice):
            break
        held = result.conversations
    return held
