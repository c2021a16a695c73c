"""A conversation as a JSON object and back, so that it outlives the process that held it.

Kept are the history, the numbered events, and of each connection its options, its token and how much
of its audio was received. Audio is not: what was being said is ended before (``Hub.drain``).
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from pydantic import TypeAdapter, ValidationError

from voicesrv import events
from voicesrv.conversation.journal import Entry
from voicesrv.engines.base import AgentItem, Item, ToolResult, UserItem
from voicesrv.errors import VoicesrvError
from voicesrv.events import ToolCall
from voicesrv.options import Options

VERSION = 2


class SnapshotError(VoicesrvError):
    """A snapshot is from another version, or damaged."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seated:
    """What is kept of a connection."""

    id: str
    options: Options
    token: str
    received_ms: int
    received_messages: int
    joined_at: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is kept of a conversation."""

    id: str
    owner: str
    last_seq: int
    n_turns: int
    n_replies: int
    owed: bool
    """Whether something was said to the agent that it has not answered."""
    items: tuple[Item, ...]
    told: tuple[Entry, ...]
    seated: tuple[Seated, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "version": VERSION,
            "id": self.id,
            "owner": self.owner,
            "last_seq": self.last_seq,
            "n_turns": self.n_turns,
            "n_replies": self.n_replies,
            "owed": self.owed,
            "items": [_tagged(item) for item in self.items],
            "told": [[told.seq, told.only_for, _tagged(told.event)] for told in self.told],
            "seated": [_SEATED.dump_python(seated, mode="json") for seated in self.seated],
        }

    @staticmethod
    def from_json(value: dict[str, Any]) -> Snapshot:
        """Read what ``to_json`` made.

        Raises:
            SnapshotError: it is not that.
        """
        if value.get("version") != VERSION:
            raise SnapshotError(f"version {value.get('version')!r} is not {VERSION}")
        try:
            return Snapshot(
                id=str(value["id"]),
                owner=str(value["owner"]),
                last_seq=int(value["last_seq"]),
                n_turns=int(value["n_turns"]),
                n_replies=int(value["n_replies"]),
                owed=bool(value["owed"]),
                items=tuple(_untagged(_ITEMS, each) for each in value["items"]),
                told=tuple(
                    Entry(int(seq), _untagged(_EVENTS, event), only_for) for seq, only_for, event in value["told"]
                ),
                seated=tuple(_SEATED.validate_python(each) for each in value["seated"]),
            )
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise SnapshotError(f"damaged: {type(error).__name__}") from error


_SEATED = TypeAdapter(Seated)
_ITEMS = {kind.__name__: TypeAdapter(kind) for kind in (UserItem, AgentItem, ToolCall, ToolResult)}
_EVENTS = {kind.__name__: TypeAdapter(kind) for kind in typing.get_args(events.Event) if kind is not events.ReplyAudio}


def _tagged(value: Any) -> list[Any]:
    kind = type(value)
    adapter: TypeAdapter[Any] = (_EVENTS | _ITEMS)[kind.__name__]
    return [kind.__name__, adapter.dump_python(value, mode="json")]


def _untagged(adapters: dict[str, Any], tagged: Any) -> Any:
    name, value = tagged
    return adapters[name].validate_python(value)
