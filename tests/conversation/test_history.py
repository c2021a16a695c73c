"""The history's bounds, and what it begins with whatever had to go."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from voicesrv.conversation.history import MAX_CHARACTERS, MAX_ITEMS, History
from voicesrv.engines.base import AgentItem, Item, ToolResult, UserItem
from voicesrv.events import ToolCall


def exchange(user: int, agent: int, output: int | None) -> list[Item]:
    """A user's item, perhaps a tool call with its result, an agent's item: with texts of these lengths."""
    items: list[Item] = [UserItem("u" * user)]
    if output is not None:
        items += [ToolCall("id", "name", {"x": "y"}), ToolResult("id", "name", "o" * output)]
    return items + ([AgentItem("a" * agent)] if agent else [])


def characters(items: tuple[Item, ...]) -> int:
    return sum(
        len(item.text)
        if isinstance(item, UserItem | AgentItem)
        else len(item.output)
        if isinstance(item, ToolResult)
        else len("y")
        for item in items
    )


LENGTHS = st.sampled_from([0, 1, 100, 3000, 20_000, MAX_CHARACTERS, MAX_CHARACTERS + 1, 90_000])


@settings(max_examples=60)
@given(st.lists(st.tuples(LENGTHS, LENGTHS, st.none() | LENGTHS), max_size=40), st.booleans())
def test_the_newest_items_stay_within_bounds(lengths: list[tuple[int, int, int | None]], one_by_one: bool) -> None:
    history = History()
    added: list[Item] = []
    for each in lengths:
        items = exchange(*each)
        added += items
        for part in [[item] for item in items] if one_by_one else [items]:
            history.add(part)
        kept = history.items
        assert kept == tuple(added[len(added) - len(kept) :])
        assert len(kept) <= MAX_ITEMS
        assert characters(kept) <= MAX_CHARACTERS or len(kept) == 1
        if kept:
            assert isinstance(kept[0], UserItem | AgentItem)  # never the result of a call that was forgotten


def test_nothing_goes_while_there_is_room() -> None:
    history = History()
    for _ in range(MAX_ITEMS // 2):
        history.add([UserItem("u"), AgentItem("a")])
    assert len(history.items) == MAX_ITEMS
    history.add([UserItem("the newest")])
    assert len(history.items) == MAX_ITEMS
    assert history.items[0] == AgentItem("a") and history.items[-1] == UserItem("the newest")


def test_a_call_goes_with_what_it_was_for() -> None:
    history = History()
    history.add(exchange(1, 1, 10))
    history.add([UserItem("u" * (MAX_CHARACTERS - 11))])
    assert [type(item) for item in history.items] == [AgentItem, UserItem]


def test_one_item_that_is_too_long_stays_until_there_is_another() -> None:
    history = History()
    history.add([UserItem("u" * (MAX_CHARACTERS + 1))])
    assert len(history.items) == 1
    history.add([AgentItem("a")])
    assert history.items == (AgentItem("a"),)
    history.add([ToolCall("id", "name", {}), ToolResult("id", "name", "o" * (MAX_CHARACTERS + 1))])
    assert not history.items  # what is left cannot stand without what was said before it


def test_an_empty_addition_changes_nothing() -> None:
    history = History()
    history.add([])
    assert history.items == ()
