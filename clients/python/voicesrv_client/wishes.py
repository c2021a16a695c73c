"""What a conversation is to be like: what is in force, and what was asked for and not answered yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voicesrv_client.events import Configured, ServerError, ServerEvent
from voicesrv_client.settings import NOT_IN_QUERY


class Wishes:
    """Settings over all connections of a client.

    Only what the server has agreed to is asked of the next conversation in its address, where a refusal would end it.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Args:
        settings: of the first conversation; None is as if left out.
        """
        self._kept = _after({}, settings)
        self._asked: dict[str, Mapping[str, Any]] = {}  # by the id of its ``configure``
        self._n_asked = 0

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that is wanted, answered or not."""
        wanted = self._kept
        for changes in self._asked.values():
            wanted = _after(wanted, changes)
        return wanted

    @property
    def query(self) -> Mapping[str, Any]:
        """What a new conversation is asked for in its address."""
        return {name: value for name, value in self._kept.items() if name not in NOT_IN_QUERY}

    def ask(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the command that asks for changes; it is one of ``unanswered`` from now on."""
        id = self._next_id()
        self._asked[id] = changes
        return _configure(id, changes)

    def begun(self) -> None:
        """A conversation stands as ``query`` asked for it; what no address can hold is yet to be asked for."""
        rest = {name: self._kept.pop(name) for name in NOT_IN_QUERY if name in self._kept}
        if rest:
            self._asked = {self._next_id(): rest, **self._asked}

    @property
    def unanswered(self) -> Sequence[Mapping[str, Any]]:
        """Commands for a new connection: one that broke may have swallowed them."""
        return [_configure(id, changes) for id, changes in self._asked.items()]

    def received(self, event: ServerEvent) -> None:
        """Keep what the server agrees to, and forget what it refuses.

        Answers come in order: what was asked before this one and has none was not obeyed, and never will be.
        """
        if not (isinstance(event, Configured | ServerError) and event.id in self._asked):
            return
        for id in list(self._asked):
            changes = self._asked.pop(id)
            if id == event.id:
                break
        if isinstance(event, Configured):
            self._kept = _after(self._kept, changes)

    def _next_id(self) -> str:
        self._n_asked += 1
        return f"configure-{self._n_asked}"


def _after(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    after = {**settings, **changes}
    if "endpointing_ms" in changes and "endpointing_max_ms" not in changes:
        after.pop("endpointing_max_ms", None)  # as on the server: alone, it stands for both
    return {name: value for name, value in after.items() if value is not None}


def _configure(id: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "configure", "id": id, **changes}
