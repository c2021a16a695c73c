"""Sources: how tables are laid over each other, and which variables set nothing. The rest is in test_settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.sources import environment, flat, masked, merged, unknown_variables

TABLES = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.text("ab", max_size=2), inner, max_size=3), max_leaves=8
)
TOP = st.dictionaries(st.text("ab", max_size=2), TABLES, max_size=3)


def test_values_of_tables_have_dotted_paths() -> None:
    assert list(flat({"a": 1, "b": {"c": 2, "d": {"e": 3}}, "f": {}})) == [
        ("a", 1),
        ("b.c", 2),
        ("b.d.e", 3),
        ("f", {}),
    ]


def test_tables_are_merged_and_all_else_is_replaced() -> None:
    below = {"a": 1, "b": {"c": 2, "d": 3}, "e": [1], "f": {"g": 1}}
    above = {"a": 9, "b": {"d": 9}, "e": [2], "f": 9}
    assert merged(below, above) == {"a": 9, "b": {"c": 2, "d": 9}, "e": [2], "f": 9}
    assert below["b"] == {"c": 2, "d": 3}


@given(TOP, TOP)
def test_what_lies_above_is_seen_whole(below: dict[str, object], above: dict[str, object]) -> None:
    result = dict(flat(merged(below, above)))
    assert all(result[path] == value for path, value in flat(above) if value != {})
    assert merged(below, {}) == below
    assert merged({}, above) == above


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("engines.pydantic.api_key", True),
        ("engines.other.TOKEN", True),
        ("engines.other.client_secret", True),
        ("engines.keyboard.workers", False),
        ("engines.pydantic.max_tokens", False),
    ],
)
def test_what_may_be_a_secret_is_hidden(path: str, hidden: bool) -> None:
    assert (masked(path, "value") != "value") is hidden


def test_variables_of_others_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOT_VOICESRV_X", "1")
    monkeypatch.setenv("VOICESRV_PORT", "1")
    monkeypatch.setenv("VOICESRV_ENGINES__NULL__X", "1")
    monkeypatch.setenv("VOICESRV_CONFIG", "x")
    assert list(unknown_variables(("port", "engines"))) == []
    assert environment()["VOICESRV_PORT"] == "1"
