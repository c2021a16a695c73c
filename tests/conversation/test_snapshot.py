"""A snapshot is the same after a way through JSON, and a damaged one is refused."""

from __future__ import annotations

import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv import events
from voicesrv.conversation.journal import Entry
from voicesrv.conversation.snapshot import Seated, Snapshot, SnapshotError
from voicesrv.engines.base import AgentItem, ToolResult, UserItem
from voicesrv.events import EndCause, Ready, ReplyAudio, SpokenWord, Tool, ToolCall, TurnEnded, Word
from voicesrv.options import Options

EVENTS = [kind for kind in typing.get_args(events.Event) if kind is not ReplyAudio]


def a_snapshot(*told: Entry) -> Snapshot:
    return Snapshot(
        id="cv_1",
        owner="alice",
        last_seq=7,
        n_turns=2,
        n_replies=3,
        owed=True,
        items=(
            UserItem("wie spät?"),
            ToolCall("c", "clock", {"zone": ["CET", 1, None]}),
            ToolResult("c", "clock", "12:00"),
            AgentItem("Zwölf", interrupted=True),
        ),
        told=told,
        seated=(
            Seated("cn_1", Options(mode="listen", tools=(Tool("clock", "tells", {"type": "object"}),)), "t", 1234, 56),
        ),
    )


def through_json(snapshot: Snapshot) -> Snapshot:
    return Snapshot.from_json(json.loads(json.dumps(snapshot.to_json())))


def test_goes_through_json() -> None:
    turn = TurnEnded(1, "hé", 0, 900, 0.5, "fr", EndCause.CLOSE, (Word("hé", 0, 900, 0.25),))
    words = events.ReplyWords(1, (SpokenWord("a", 1, 2),))
    ready = Ready("cv", "cn", "t", {"a": [1]}, {"vad": "x"}, 2000, 0, 0, {"x": 1.5})
    snapshot = a_snapshot(Entry(5, turn, None), Entry(6, words, None), Entry(7, ready, "cn_1"))
    assert through_json(snapshot) == snapshot


VALUES = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=2)
CONFIDENCE = st.floats(0, 1)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "settings": VALUES,
    "limits": VALUES,
    "engines": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    "call": st.builds(ToolCall, arguments=VALUES),
    "confidence": CONFIDENCE,
    "words": st.lists(st.builds(Word, confidence=CONFIDENCE), max_size=2).map(tuple),
}


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_goes_through_json(kind: type[Any], data: st.DataObject) -> None:
    fields = {name: strategy for name, strategy in FIELDS.items() if name in kind.__dataclass_fields__}
    snapshot = a_snapshot(Entry(1, data.draw(st.builds(kind, **fields)), None))
    assert through_json(snapshot) == snapshot


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 1},
        {"items": [["UserItem", {}]]},
        {"items": [["Event", {}]]},
        {"told": [[1, None, ["ReplyAudio", {"reply": 1, "pcm": "", "start_ms": 0}]]]},
        {"seated": None},
        {"n_turns": "x"},
        {"told": [[1]]},
    ],
)
def test_a_damaged_one_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(SnapshotError):
        Snapshot.from_json(a_snapshot().to_json() | damage)
