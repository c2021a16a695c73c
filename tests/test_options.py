"""Options: every field from a URL and from JSON, good and bad, and what is said of a bad one."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.errors import ClientError, Code
from voicesrv.events import Tool
from voicesrv.options import (
    MAX_INSTRUCTIONS,
    MAX_KEYTERM,
    MAX_KEYTERMS,
    MAX_TOOLS,
    Options,
    bad_parameter,
    changed,
    names,
    to_int,
)

WEATHER = {"name": "weather", "description": "Tells it.", "parameters": {"type": "object", "properties": {}}}

FLAGS = ("interim", "interrupt", "words", "visemes")
WAITS = ("endpointing_ms", "endpointing_max_ms", "eager_ms")
MANY = "9" * 5000
"""More digits than Python turns into a number."""


def same(name: str, *values: Any) -> list[tuple[str, Any, Any]]:
    """Values that are in force as they are given."""
    return [(name, value, value) for value in values]


def bad(names: str | tuple[str, ...], said: str, *values: Any) -> list[tuple[str, Any, str]]:
    """Values that are refused with these words."""
    return [(name, value, said) for name in ([names] if isinstance(names, str) else names) for value in values]


# name, what is given, what is in force then; a query string gives text
GOOD: list[tuple[str, Any, Any]] = [
    *same("mode", "converse", "listen", "speak"),
    *same("encoding", "linear16", "mulaw", "alaw", "float32"),
    *same("output_encoding", "linear16", "mulaw", "alaw"),
    *same("sample_rate", 8000, 48000, 44101),
    *(("sample_rate", str(rate), rate) for rate in (8000, 48000)),
    *same("channels", 1, 2),
    ("channels", "2", 2),
    *same("output_sample_rate", 8000, 16000, 22050, 24000, 44100, 48000),
    ("output_sample_rate", "22050", 22050),
    *same("agent", "default", "a-1_B", "x" * 64),
    *same("language", "en", "pt-BR", "zh-Hant-TW", "auto", "de-CH-1996"),
    ("keyterms", [], ()),
    ("keyterms", "", ()),
    ("keyterms", "Anna, voicesrv ,,São Paulo", ("Anna", "voicesrv", "São Paulo")),
    ("keyterms", ["Smith, John", " x "], ("Smith, John", "x")),
    ("keyterms", ["x" * MAX_KEYTERM] * MAX_KEYTERMS, ("x" * MAX_KEYTERM,) * MAX_KEYTERMS),
    *same("stt", "auto", "whisper:base.en", "a/b@c+d", "x" * 128),
    *same("llm", "openai:gpt-4o"),
    *same("tts", "espeak"),
    *same("voice", "", "en-gb+f3"),
    *((name, given, True) for name in FLAGS for given in (True, "true", "1")),
    *((name, given, False) for name in FLAGS for given in (False, "false", "0")),
    *((name, given, int(given)) for name in WAITS for given in (0, 30, 10_000, "0", "300")),
    *same("instructions", "", "Be brief.\n💡", "x" * MAX_INSTRUCTIONS),
    ("tools", [], ()),
    ("tools", [WEATHER], (Tool("weather", "Tells it.", {"type": "object", "properties": {}}),)),
    ("tools", [{"type": "function", "function": {"name": "f"}}], (Tool("f"),)),
    ("tools", [{"name": "f", "parameters": {"required": ["x"]}}], (Tool("f", "", {"required": ["x"]}),)),
]

RATES = "8000, 16000, 22050, 24000, 44100, 48000"
# name, what is given, words that the message must have
BAD: list[tuple[str, Any, str]] = [
    *bad("mode", "not one of converse, listen, speak", "", "Converse", "listen ", 1, None, [], {}, True),
    *bad("encoding", "linear16, mulaw, alaw, float32", "opus", "LINEAR16", 16, None),
    *bad("output_encoding", "linear16, mulaw, alaw", "float32", "pcm", None),
    *bad("sample_rate", "8000–48000", 0, -1, 7999, 48001, 10**9, 10**30, "7999", "-1", "99999999"),
    *bad(
        "sample_rate", "not a whole number", "", "abc", " 8000", "8e3", "8000.0", "٨٠٠٠", MANY, 16000.5, True, None, []
    ),
    *bad("channels", "1–2", 0, 3, "0", "1000000", -1),
    *bad(
        "output_sample_rate", RATES, 0, 11025, 16000.5, "11025", "", "abc", MANY, "²", "२४०००", "-8000", True, None, []
    ),
    *bad("agent", "1–64 letters, digits, _ or -", "", "a b", "../x", "x" * 65, "é", "a\n", 1, None),
    *bad("language", "BCP-47", "", "e", "en_US", "english11", "en-", "en\n", "x" * 99, 1, None),
    *bad("keyterms", f"a list of at most {MAX_KEYTERMS} terms", None, 1, {}, True, ["x"] * (MAX_KEYTERMS + 1)),
    *bad(
        "keyterms",
        "keyterms[1]: ",
        ["x", 1],
        ["x", None],
        ["x", "y" * (MAX_KEYTERM + 1)],
        ["x", "a\nb"],
        ["a", "b\x00"],
    ),
    *bad(("stt", "llm", "tts"), "1–128 letters, digits or", "", "-x", "/etc/passwd", "a b", "x" * 129, "é", 1, None),
    *bad("voice", "1–128 letters, digits or", "-x", " ", "../../x", "x" * 129, None),
    *bad(FLAGS, "not one of true, false", "", "yes", "True", 1, 0, None, [], 1.0),
    *bad(WAITS, "30–10000", 1, 29, "29"),
    *bad(WAITS, "0–10000", -1, 10_001, "-1", "99999"),
    *bad(WAITS, "not a whole number", "", "300ms", 300.5, True, None),
    *bad("instructions", f"32001 characters are over the {MAX_INSTRUCTIONS} allowed", "x" * (MAX_INSTRUCTIONS + 1)),
    *bad("instructions", "not text", None, 1, [], {}),
    *bad("tools", f"a list of at most {MAX_TOOLS} functions", None, "x", {}, [WEATHER] * (MAX_TOOLS + 1)),
    *bad("tools", "tools[0]: ", [None], ["x"], [[]]),
    *bad("tools", "tools[1].name: null is not a name", [WEATHER, {}]),
    *bad("tools", "tools[0].name: 'a b' is not a name of 1–64", [{"name": "a b"}]),
    *bad("tools", "tools[0].function: 1 is not an object", [{"function": 1}]),
    *bad("tools", "tools[0].parameters", [{"name": "f", "parameters": None}], [{"name": "f", "parameters": []}]),
    *bad("tools", "tools[0].parameters", [{"name": "f", "parameters": {"type": "string"}}]),
    *bad("tools", "tools[0].description: 1 is not text", [{"name": "f", "description": 1}]),
]


@pytest.mark.parametrize(("name", "given", "in_force"), GOOD)
def test_good_values_are_in_force(name: str, given: Any, in_force: Any) -> None:
    before = Options()
    after = changed(before, {name: given})
    assert getattr(after, name) == in_force and type(getattr(after, name)) is type(in_force)
    if name == "endpointing_ms":
        after = dataclasses.replace(after, endpointing_max_ms=before.endpointing_max_ms)  # the test below
    assert dataclasses.replace(after, **{name: getattr(before, name)}) == before  # and nothing else has changed


@pytest.mark.parametrize(("name", "given", "said"), BAD)
def test_bad_values_are_named_with_what_is_allowed(name: str, given: Any, said: str) -> None:
    with pytest.raises(ClientError) as no:
        changed(Options(), {name: given})
    assert no.value.code is Code.BAD_PARAMETER
    message = no.value.message
    assert message.startswith(name) and said in message
    assert len(message) < 250
    if isinstance(given, str | int) and not isinstance(given, bool) and name != "instructions" and len(str(given)) < 60:
        assert str(given).strip() in message or repr(given) in message


def test_every_option_is_tried() -> None:
    assert {name for name, _, _ in GOOD} == {name for name, _, _ in BAD} == set(names())
    assert [field.name for field in dataclasses.fields(Options)] == list(names())


def test_who_names_one_wait_gets_one_wait() -> None:
    assert changed(Options(), {"endpointing_ms": 500}).endpointing_max_ms == 0
    assert changed(Options(), {"endpointing_max_ms": 2000}).endpointing_ms == 300
    both = changed(Options(), {"endpointing_ms": 500, "endpointing_max_ms": 2000})
    assert (both.endpointing_ms, both.endpointing_max_ms) == (500, 2000)


def test_none_brings_back_the_default_where_there_are_any() -> None:
    defaults = Options(language="fr", endpointing_ms=400, endpointing_max_ms=1000)
    options = changed(defaults, {"language": "de", "voice": "x", "endpointing_ms": 500})
    back = changed(options, {"language": None, "voice": None, "eager_ms": 100}, defaults)
    assert back == dataclasses.replace(defaults, endpointing_ms=500, endpointing_max_ms=0, eager_ms=100)
    # With one wait go both, as they came.
    assert changed(options, {"endpointing_ms": None}, defaults).endpointing_max_ms == 1000
    assert changed(options, {"endpointing_ms": None, "endpointing_max_ms": 0}, defaults).endpointing_max_ms == 0
    with pytest.raises(ClientError, match="language: null is not"):
        changed(options, {"language": None})


def test_one_bad_value_changes_nothing() -> None:
    before = Options()
    with pytest.raises(ClientError):
        changed(before, {"mode": "listen", "channels": 3})
    assert before == Options()


def test_what_is_no_option_is_ignored() -> None:
    assert changed(Options(), {"nonsense": 1, "conversation": "x", "token": "x", "type": "configure"}) == Options()
    assert changed(Options(), {}) == Options()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
TOOL_LIKE = st.dictionaries(st.sampled_from(["name", "description", "parameters", "function", "type"]), ANYTHING)


@given(st.dictionaries(st.sampled_from(names()), ANYTHING | st.lists(TOOL_LIKE, max_size=2), min_size=1, max_size=4))
def test_whatever_comes_is_taken_or_refused(changes: dict[str, Any]) -> None:
    """Nothing but ``ClientError`` is raised, and what is taken can be shown and given again."""
    try:
        after = changed(Options(), changes)
    except ClientError as no:
        assert no.code is Code.BAD_PARAMETER
    else:
        assert changed(Options(), after.public()) == after


def test_public_shows_all_of_it_as_json() -> None:
    options = changed(Options(), {"tools": [WEATHER], "instructions": "Be brief."})
    shown = options.public()
    assert list(shown) == list(names())
    assert json.loads(json.dumps(shown)) == shown
    assert shown["tools"] == [WEATHER]
    assert changed(Options(), shown) == options


def test_long_values_are_cut_in_messages() -> None:
    assert bad_parameter("x", "y" * 1000, "bad").message == f"x: {'y'.rjust(2, chr(39)) + 'y' * 59}... is bad"
    assert bad_parameter("x", 7, "bad").message == "x: 7 is bad"


@pytest.mark.parametrize("value", [0, 5, "0", "5", "-0", "000000005"])
def test_whole_numbers_within_bounds(value: Any) -> None:
    assert to_int("n", value, 0, 5) == int(value)
