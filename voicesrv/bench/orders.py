"""What the processes of a run are told to do; ``processes.Worker`` brings it to them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Serving:
    """What ``voicesrv.bench.server`` is to serve, and where to run."""

    null: bool
    """Whether with null engines; else with those that the settings name."""
    conversations: int
    """That must be let in."""
    core: int | None = None
    """The only one to run on; None for any."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one process of ``voicesrv.bench.load`` is to do."""

    url: str
    """``ws://host:port/ws?…``, with all parameters."""
    callers: int
    duration_s: float
    """Of the measuring, after everybody has joined."""
    message_ms: int = 20
    speech: str | None = None
    """A file of 16 kHz linear16 to say; None for a tone."""
    counted: bool = False
    """Whether reply audio carries a count, as the null voice's does."""
    barge_in: bool = False
    idle: bool = False
    """Whether callers say nothing and only ping."""
    share: tuple[int, int] = (0, 1)
    """The first caller's place among all processes' callers, and how many there are in all."""
    core: int | None = None
    """The only one to run on; None for any."""
    result: str = ""
    """The file that the samples are written to."""
    token: str | None = field(default=None, repr=False)
