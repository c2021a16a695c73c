"""The turn table: every pair of phase and event has an answer, and the ones that matter are right."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.conversation.turn import (
    Action,
    CancelAsked,
    FloorEvent,
    Phase,
    ReplyHeard,
    ReplyOver,
    SpeechWanted,
    TurnClosed,
    TurnOpened,
    TurnPaused,
    TurnTyped,
    TurnWentOn,
    step,
)

BOOLS = (False, True)
EVENTS: list[FloorEvent] = [
    *(TurnOpened(i) for i in BOOLS),
    TurnPaused(),
    TurnWentOn(),
    *(TurnClosed(a, p, o, m) for a, p, o, m in itertools.product(BOOLS, repeat=4)),
    *(TurnTyped(i) for i in BOOLS),
    SpeechWanted(),
    ReplyHeard(),
    *(ReplyOver(m, t) for m, t in itertools.product(BOOLS, repeat=2)),
    *(CancelAsked(t) for t in BOOLS),
]

# phase, event, next phase, actions
TABLE = [
    (Phase.IDLE, TurnOpened(True), Phase.LISTENING, ()),
    (Phase.LISTENING, TurnClosed(answer=True), Phase.THINKING, (Action.ANSWER,)),
    (Phase.LISTENING, TurnClosed(answer=False), Phase.IDLE, ()),
    (Phase.LISTENING, TurnClosed(answer=True, others_open=True), Phase.LISTENING, ()),
    (Phase.LISTENING, TurnClosed(answer=False, more=True), Phase.THINKING, (Action.NEXT,)),
    (Phase.THINKING, ReplyHeard(), Phase.SPEAKING, ()),
    (Phase.SPEAKING, ReplyOver(more=False), Phase.IDLE, ()),
    (Phase.SPEAKING, ReplyOver(more=True), Phase.THINKING, (Action.NEXT,)),
    (Phase.SPEAKING, ReplyOver(more=True, turn_open=True), Phase.LISTENING, ()),
    # barge-in
    (Phase.SPEAKING, TurnOpened(True), Phase.LISTENING, (Action.INTERRUPT,)),
    (Phase.THINKING, TurnOpened(True), Phase.LISTENING, (Action.INTERRUPT,)),
    (Phase.SPEAKING, TurnOpened(False), Phase.SPEAKING, ()),
    (Phase.SPEAKING, TurnClosed(answer=True), Phase.SPEAKING, (Action.ENQUEUE,)),
    # prepared early, committed late
    (Phase.LISTENING, TurnPaused(), Phase.PREPARING, (Action.PREPARE,)),
    (Phase.PREPARING, TurnWentOn(), Phase.LISTENING, (Action.DISCARD,)),
    (Phase.PREPARING, TurnClosed(answer=True, as_prepared=True), Phase.THINKING, (Action.RELEASE,)),
    (Phase.PREPARING, TurnClosed(answer=True), Phase.THINKING, (Action.DISCARD, Action.ANSWER)),
    (Phase.PREPARING, TurnClosed(answer=False), Phase.IDLE, (Action.DISCARD,)),
    (Phase.PREPARING, TurnOpened(True), Phase.LISTENING, (Action.DISCARD,)),
    (Phase.PREPARING, CancelAsked(), Phase.LISTENING, (Action.DISCARD,)),
    # typed and dictated
    (Phase.IDLE, TurnTyped(True), Phase.THINKING, (Action.ANSWER,)),
    (Phase.SPEAKING, TurnTyped(True), Phase.THINKING, (Action.INTERRUPT, Action.ANSWER)),
    (Phase.SPEAKING, TurnTyped(False), Phase.SPEAKING, (Action.ENQUEUE,)),
    (Phase.IDLE, SpeechWanted(), Phase.THINKING, (Action.NEXT,)),
    (Phase.LISTENING, SpeechWanted(), Phase.LISTENING, ()),
    (Phase.SPEAKING, SpeechWanted(), Phase.SPEAKING, ()),
    (Phase.SPEAKING, CancelAsked(), Phase.IDLE, (Action.CANCEL,)),
    (Phase.SPEAKING, CancelAsked(turn_open=True), Phase.LISTENING, (Action.CANCEL,)),
    (Phase.IDLE, CancelAsked(), Phase.IDLE, ()),
]


@pytest.mark.parametrize(("phase", "event", "after", "actions"), TABLE)
def test_table(phase: Phase, event: FloorEvent, after: Phase, actions: tuple[Action, ...]) -> None:
    assert step(phase, event) == (after, actions)


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_any_sequence_of_events_keeps_replies_in_order(events: list[FloorEvent]) -> None:
    """Whatever happens: at most one reply under way, at most one prepared, none stopped that is not there."""
    phase = Phase.IDLE
    replying = prepared = False
    for event in events:
        if isinstance(event, ReplyOver):
            replying = False
        phase, actions = step(phase, event)
        for action in actions:
            match action:
                case Action.PREPARE:
                    assert not prepared and not replying
                    prepared = True
                case Action.DISCARD:
                    assert prepared
                    prepared = False
                case Action.RELEASE:
                    assert prepared and not replying
                    prepared, replying = False, True
                case Action.ANSWER | Action.NEXT:
                    assert not replying and not prepared
                    replying = True
                case Action.INTERRUPT | Action.CANCEL:
                    assert replying
                    replying = False
                case Action.ENQUEUE:
                    assert replying
        assert replying == (phase in (Phase.THINKING, Phase.SPEAKING))
        assert prepared == (phase is Phase.PREPARING)
