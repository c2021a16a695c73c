"""What the model is shown: the items that were said and heard, oldest first, bounded."""

from __future__ import annotations

from collections.abc import Sequence

from voicesrv.engines.base import AgentItem, Item, ToolResult, UserItem

MAX_ITEMS = 200
MAX_CHARACTERS = 60_000
"""About 15,000 tokens: the history stays a small part of any current model's window."""


class History:
    """The committed items of a conversation.

    Beyond its bounds the oldest items go, tool calls with what they were made for: the history
    always begins with a user's item or an agent's, never with the result of a call that was forgotten.
    """

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._characters = 0

    @property
    def items(self) -> tuple[Item, ...]:
        """All items, oldest first."""
        return tuple(self._items)

    def add(self, items: Sequence[Item]) -> None:
        """Append items; the oldest make room."""
        self._items.extend(items)
        self._characters += sum(map(_length, items))
        drop = 0
        while drop < len(self._items):
            left = len(self._items) - drop
            too_much = left > MAX_ITEMS or (left > 1 and self._characters > MAX_CHARACTERS)
            if isinstance(self._items[drop], UserItem | AgentItem) and not too_much:
                break
            self._characters -= _length(self._items[drop])
            drop += 1
        del self._items[:drop]


def _length(item: Item) -> int:
    if isinstance(item, UserItem | AgentItem):
        return len(item.text)
    if isinstance(item, ToolResult):
        return len(item.output)
    return sum(len(str(value)) for value in item.arguments.values())
