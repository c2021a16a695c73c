"""JSON from strangers: the good is taken, all else is ``bad_message`` and nothing else."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicesrv.errors import ClientError, Code
from voicesrv.protocols.jsons import MAX_DEPTH, dump, parse_object


def nested(depth: int, opening: str = '{"a":', closing: str = "}", core: str = "1") -> str:
    return opening * depth + core + closing * depth


def number(text: str) -> str:
    return '{"a":' + text + "}"


def bad(said: str, *texts: str) -> list[tuple[str, str]]:
    return [(text, said) for text in texts]


GOOD: list[tuple[str, dict[str, Any]]] = [
    ("{}", {}),
    (' \n{"type": "text"}\t ', {"type": "text"}),
    ('{"a": [1, -2.5, 1e300, true, false, null]}', {"a": [1, -2.5, 1e300, True, False, None]}),
    ('{"a": "é💡\\u00e9\\ud83d\\ude00\\n"}', {"a": "é💡é😀\n"}),
    ('{"a": 1, "a": 2}', {"a": 2}),
    (number("9" * 4300), {"a": int("9" * 4300)}),
    (number("1e-999"), {"a": 0.0}),
    ('{"__proto__": {"$ne": 1}}', {"__proto__": {"$ne": 1}}),
    (nested(MAX_DEPTH), json.loads(nested(MAX_DEPTH))),
    (number(nested(MAX_DEPTH - 1, "[", "]")), json.loads(number(nested(MAX_DEPTH - 1, "[", "]")))),
]

# Rows 31 to 38 of the list of bad inputs, as far as the protocol speaks of them; and what the message says.
BAD: list[tuple[str, str]] = [
    *bad("not JSON", "", " ", "hello", '{"a": 1', '{"a": 1}}', '{"a": 1} x', "{'a': 1}", '{"a": 1,}', "{a: 1}", "\0"),
    *bad("not JSON", '{"a": "\n"}', '{"a": "\\x"}', '{"a": 01}', '{"a": +1}', '{"a": .5}', "\ufeff{}"),
    *bad("a JSON null", "null"),
    *bad("a JSON boolean", "true", "false"),
    *bad("a JSON number", "1", "1.5"),
    *bad("a JSON string", '"x"'),
    *bad("a JSON array", "[]", '[{"type": "ping"}]'),
    *bad("nested deeper than 32", nested(MAX_DEPTH + 1), number(nested(MAX_DEPTH, "[", "]"))),
    *bad("nested deeper than 32", nested(10_000, '{"a":[', "]}"), number("[" * 30_000 + "]" * 30_000)),
    *bad("NaN is not a JSON number", number("NaN")),
    *bad("Infinity is not a JSON number", number("Infinity"), number("[-Infinity]")),
    *bad("out of range", number("1e999"), number("[-1e999]"), number("9" * 400 + ".0")),
    *bad("not JSON", number("9" * 5000)),
    *bad("NUL or a lone surrogate", number('"\\ud800"'), number('"\\udc00\\ud800"'), number('["\\ud83dx"]')),
    *bad("NUL or a lone surrogate", number('"\\u0000"'), number('{"\\ud800": 1}')),
]


@pytest.mark.parametrize(("text", "value"), GOOD)
def test_objects_are_taken(text: str, value: dict[str, Any]) -> None:
    assert parse_object(text) == value


@pytest.mark.parametrize(("text", "said"), BAD, ids=lambda text: text[:40].encode("ascii", "replace").decode())
def test_all_else_is_a_bad_message(text: str, said: str) -> None:
    with pytest.raises(ClientError) as no:
        parse_object(text)
    assert no.value.code is Code.BAD_MESSAGE
    assert said in no.value.message and len(no.value.message) < 200


def test_twenty_thousand_keys_are_only_many() -> None:
    assert len(parse_object(json.dumps({str(n): n for n in range(20_000)}))) == 20_000


SCRAPS = st.text(st.sampled_from('{}[]":,0123456789eE.+-\\udtrnfalsNIiy \n\ud800é\0'), max_size=60)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def encodable(value: Any) -> bool:
    """Whether all of it can be sent and stored, and no number is other than finite."""
    match value:
        case str():
            return "\0" not in value and value.encode("utf-8", "replace").decode() == value
        case float():
            return math.isfinite(value)
        case list():
            return all(map(encodable, value))
        case dict():
            return all(encodable(key) and encodable(entry) for key, entry in value.items())
    return True


@given(SCRAPS | VALUES.map(json.dumps) | st.dictionaries(st.text(), VALUES).map(json.dumps))
@example('{"\\ud83d": "\\ude00"}')
def test_any_text_is_safe_or_refused(text: str) -> None:
    try:
        value = parse_object(text)
    except ClientError as no:
        assert no.code is Code.BAD_MESSAGE
        assert no.message.encode()  # and can itself be told
    else:
        assert isinstance(value, dict) and encodable(value)
        assert parse_object(dump(value)) == value


@given(st.dictionaries(st.text(max_size=5), VALUES, min_size=1), st.data())
def test_any_damage_to_an_object_is_safe_or_refused(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + data.draw(SCRAPS) + text[at + data.draw(st.integers(0, 5)) :]
    try:
        assert encodable(parse_object(text))
    except ClientError as no:
        assert no.code is Code.BAD_MESSAGE


def test_what_is_written_is_compact_and_readable() -> None:
    assert dump({"a": [1, "é💡"], "b": None}) == '{"a":[1,"é💡"],"b":null}'


@pytest.mark.parametrize("text", ["\ud83d", "a\udc00b", "\udc00\ud800"])
def test_what_is_written_can_always_be_sent(text: str) -> None:
    """Text of a model may hold half of a pair; the rest of the message is worth sending."""
    written = dump({"text": text, "é": 1})
    assert written.encode()
    assert parse_object(written) == {"text": "".join("\ufffd" if "\ud800" <= c < "\ue000" else c for c in text), "é": 1}


def test_numbers_that_are_none_are_our_fault() -> None:
    with pytest.raises(ValueError):
        dump({"confidence": math.nan})
