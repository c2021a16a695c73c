"""The vocabulary: commands and events are values that nobody changes on the way."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, get_args

import pytest

from voicesrv import events
from voicesrv.events import VISEMES, Command, Event

KINDS: list[Any] = [*get_args(Command), *get_args(Event)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_is_frozen_and_small(kind: Any) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind)
    assert kind.__doc__ and not kind.__doc__.startswith(kind.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_none_holds_what_could_be_changed_behind_its_back(kind: Any) -> None:
    """Events go to many connections and into the record; lists in them would be shared."""
    for name, hint in typing.get_type_hints(kind).items():
        origin = typing.get_origin(hint) or hint
        assert origin not in (list, dict, set, bytearray), name


def test_every_kind_of_the_module_is_a_command_or_an_event_or_a_part_of_one() -> None:
    defined = {each.__name__ for each in vars(events).values() if dataclasses.is_dataclass(each)}
    parts = {"Word", "SpokenWord", "Viseme", "Tool", "ToolCall", "AudioSince"}
    assert defined == {kind.__name__ for kind in KINDS} | parts
    assert not set(get_args(Command)) & set(get_args(Event))


def test_mouth_shapes_are_the_fifteen() -> None:
    assert len(set(VISEMES)) == len(VISEMES) == 15
