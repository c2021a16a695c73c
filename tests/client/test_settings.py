from __future__ import annotations

from typing import get_args, get_type_hints

from voicesrv import options
from voicesrv_client.settings import NOT_IN_QUERY, Settings


def test_they_are_the_servers() -> None:
    assert set(Settings.__annotations__) == set(options.names())
    assert set(NOT_IN_QUERY) <= set(options.names())


def test_choices_are_the_servers() -> None:
    def choices(name: str) -> set[object]:
        literal, none = get_args(get_type_hints(Settings)[name])
        assert none is type(None)
        return set(get_args(literal))

    assert choices("mode") == set(options.MODES)
    assert choices("encoding") == set(options.INPUT_ENCODINGS)
    assert choices("output_encoding") == set(options.OUTPUT_ENCODINGS)
