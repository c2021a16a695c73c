from __future__ import annotations

from voicesrv_client import events


def test_every_event_class_has_one_type() -> None:
    classes = {
        each for each in vars(events).values() if isinstance(each, type) and issubclass(each, events.ServerEvent)
    }
    assert set(events.TYPES.values()) == classes - {events.ServerEvent, events.Unknown}
    assert len(set(events.TYPES.values())) == len(events.TYPES)


def test_events_are_equal_by_what_they_say() -> None:
    assert events.Clear(1, raw={"type": "clear", "reply": 1}) == events.Clear(1)
    assert events.Clear(1, seq=2) != events.Clear(1, seq=3)
