"""What keeps conversations while no process holds them."""

from __future__ import annotations

from typing import Any, Protocol


class ConversationStore(Protocol):
    """Snapshots of conversations by id, each for a limited time; calls may block for a file's time.

    A snapshot is a JSON object. It holds what was said, so a store keeps it where only its owner can
    read it, and not longer than asked.
    """

    def put(self, id: str, snapshot: dict[str, Any], keep_s: float) -> None:
        """Keep a snapshot, in place of one of the same id.

        Raises:
            OSError: it cannot be written.
        """
        ...

    def get(self, id: str) -> dict[str, Any] | None:
        """Return a snapshot; None where there is none, it cannot be read, or its time is over."""
        ...

    def drop(self, id: str) -> None:
        """Forget a snapshot, if there is one."""
        ...

    def sweep(self) -> None:
        """Forget all whose time is over."""
        ...
