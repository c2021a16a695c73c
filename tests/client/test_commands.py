from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv_client.commands import encode


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())))
def test_is_the_json_of_it(command: dict[str, Any]) -> None:
    assert json.loads(encode(command)) == command


def test_halves_of_surrogate_pairs_are_replaced_and_whole_ones_are_the_character() -> None:
    message = encode({"type": "text", "text": "caf\ud83d", "x": {"\udc00": ["\ud83d\ude00", "\ude00\ud83d!"]}})
    assert json.loads(message) == {
        "type": "text",
        "text": "caf\ufffd",
        "x": {"\ufffd": ["\U0001f600", "\ufffd\ufffd!"]},
    }
    assert message.encode()


def test_what_is_no_json_is_refused_by_its_name() -> None:
    with pytest.raises(TypeError, match=r"output: .*object"):
        encode({"type": "tool_result", "output": {"a": object()}})
    for number in (math.nan, math.inf):
        with pytest.raises(ValueError, match=r"output: .*JSON"):
            encode({"type": "tool_result", "output": [number]})
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="output: nested too deep"):
        encode({"type": "tool_result", "output": deep})
    while deep:  # else freeing it is as deep
        deep = deep.pop()
