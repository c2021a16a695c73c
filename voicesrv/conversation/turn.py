"""Whose turn it is: the one table that decides it.

A conversation has one floor. Users' turns open and close on it, replies are prepared, started,
heard and stopped on it. ``step`` is the whole of that behaviour: pure, total, without clock or
task; ``Conversation`` tells it what happened and carries its actions out.

    ====================  =============================================================
    IDLE                  nobody speaks, nothing is owed
    LISTENING             at least one user's turn is open
    PREPARING             the open turn has likely ended; a reply is made ready, and held
    THINKING              a reply was started or released; nothing of it is heard yet
    SPEAKING              a reply is being heard
    ====================  =============================================================

A user who speaks while the agent does, without being allowed to interrupt, does not take the
floor: the turn is answered when the reply is over (``Enqueue``).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from voicesrv.events import ReplyCause


class Phase(enum.Enum):
    """Whose turn it is."""

    IDLE = "idle"
    LISTENING = "listening"
    PREPARING = "preparing"
    THINKING = "thinking"
    SPEAKING = "speaking"


# --- what happened ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnOpened:
    """A user began to speak."""

    interrupts: bool
    """Whether this speech may stop a reply."""


@dataclass(frozen=True, slots=True)
class TurnPaused:
    """The turn has likely ended, and its text so far is known."""


@dataclass(frozen=True, slots=True)
class TurnWentOn:
    """The user went on after a ``TurnPaused``."""


@dataclass(frozen=True, slots=True)
class TurnClosed:
    """A turn's final text is known."""

    answer: bool
    """Whether something is to be answered (this turn, or one before it that was not)."""
    as_prepared: bool = False
    """Whether the prepared reply answers exactly this text."""
    others_open: bool = False
    """Whether another turn is still open: then the answer waits for that one."""
    more: bool = False
    """Whether something waits in line to be said."""


@dataclass(frozen=True, slots=True)
class TurnTyped:
    """A user typed a turn; it is whole at once."""

    interrupts: bool
    """Whether it may stop a reply."""


@dataclass(frozen=True, slots=True)
class SpeechWanted:
    """A client put text in line to be spoken as it is; it never stops a reply."""


@dataclass(frozen=True, slots=True)
class ReplyHeard:
    """The first audio of the reply was sent."""


@dataclass(frozen=True, slots=True)
class ReplyOver:
    """The reply came to its own end, or failed."""

    more: bool
    """Whether another waits in line."""
    turn_open: bool = False
    """Whether a user's turn is open that did not interrupt."""


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The client asked for silence; what waited in line goes too."""

    turn_open: bool = False


FloorEvent = (
    TurnOpened | TurnPaused | TurnWentOn | TurnClosed | TurnTyped | SpeechWanted | ReplyHeard | ReplyOver | CancelAsked
)

# --- what to do ---------------------------------------------------------------------------------


class Action(enum.Enum):
    """What ``Conversation`` is to carry out, in order."""

    PREPARE = "prepare"
    """Begin a reply to the text so far, and hold all that it says."""
    DISCARD = "discard"
    """Throw the prepared reply away; it leaves no trace."""
    RELEASE = "release"
    """Let the prepared reply be heard."""
    ANSWER = "answer"
    """Start a reply to what has not been answered."""
    ENQUEUE = "enqueue"
    """Put an answer to this turn in line behind the reply under way."""
    NEXT = "next"
    """Start the reply that waits first in line."""
    INTERRUPT = "interrupt"
    """Stop the reply, and drop what waits in line, because the user took the floor."""
    CANCEL = "cancel"
    """Stop the reply, and drop what waits in line, because the client asked."""


CAUSE_OF_STOP = {Action.INTERRUPT: ReplyCause.INTERRUPTED, Action.CANCEL: ReplyCause.CANCELLED}
"""What ``reply.end`` gives as its cause."""

Step = tuple[Phase, tuple[Action, ...]]


def step(phase: Phase, event: FloorEvent) -> Step:
    """Advance the floor by one event. Every pair has an answer; most leave all as it is."""
    match phase, event:
        # A user speaks.
        case ((Phase.IDLE | Phase.LISTENING), TurnOpened()):
            return Phase.LISTENING, ()
        case Phase.PREPARING, TurnOpened():
            return Phase.LISTENING, (Action.DISCARD,)
        case ((Phase.THINKING | Phase.SPEAKING), TurnOpened(interrupts=True)):
            return Phase.LISTENING, (Action.INTERRUPT,)

        # The user may have finished, or not.
        case Phase.LISTENING, TurnPaused():
            return Phase.PREPARING, (Action.PREPARE,)
        case Phase.PREPARING, TurnWentOn():
            return Phase.LISTENING, (Action.DISCARD,)

        # The user has finished.
        case Phase.PREPARING, TurnClosed(answer=True, as_prepared=True, others_open=False):
            return Phase.THINKING, (Action.RELEASE,)
        case Phase.PREPARING, TurnClosed(answer=True, others_open=False):
            return Phase.THINKING, (Action.DISCARD, Action.ANSWER)
        case Phase.PREPARING, TurnClosed(others_open=others, more=more):
            after, actions = _after(more, others)
            return after, (Action.DISCARD, *actions)
        case ((Phase.IDLE | Phase.LISTENING), TurnClosed(answer=True, others_open=False)):
            return Phase.THINKING, (Action.ANSWER,)
        case ((Phase.IDLE | Phase.LISTENING), TurnClosed(others_open=others, more=more)):
            return _after(more, others)
        case ((Phase.THINKING | Phase.SPEAKING), TurnClosed(answer=True, others_open=False)):
            return phase, (Action.ENQUEUE,)

        # A user typed; a client wants something said.
        case ((Phase.IDLE | Phase.LISTENING), TurnTyped()):
            return Phase.THINKING, (Action.ANSWER,)
        case Phase.PREPARING, TurnTyped():
            return Phase.THINKING, (Action.DISCARD, Action.ANSWER)
        case ((Phase.THINKING | Phase.SPEAKING), TurnTyped(interrupts=True)):
            return Phase.THINKING, (Action.INTERRUPT, Action.ANSWER)
        case ((Phase.THINKING | Phase.SPEAKING), TurnTyped()):
            return phase, (Action.ENQUEUE,)
        case Phase.IDLE, SpeechWanted():
            return Phase.THINKING, (Action.NEXT,)

        # The reply goes its way.
        case Phase.THINKING, ReplyHeard():
            return Phase.SPEAKING, ()
        case ((Phase.THINKING | Phase.SPEAKING), ReplyOver(more=more, turn_open=turn_open)):
            return _after(more, turn_open)
        case ((Phase.THINKING | Phase.SPEAKING), CancelAsked(turn_open=turn_open)):
            return (Phase.LISTENING if turn_open else Phase.IDLE), (Action.CANCEL,)
        case Phase.PREPARING, CancelAsked():
            return Phase.LISTENING, (Action.DISCARD,)

        case _:
            return phase, ()  # the other events do not change whose turn it is


def _after(more: bool, turn_open: bool) -> Step:
    """Where the floor goes when it becomes free: an open turn first, then what waits in line."""
    if turn_open:
        return Phase.LISTENING, ()
    if more:
        return Phase.THINKING, (Action.NEXT,)
    return Phase.IDLE, ()
