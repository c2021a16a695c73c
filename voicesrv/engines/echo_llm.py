"""The stand-in for a language model: it says back what it understood.

It is what ``auto`` comes to where no model is set up, so that somebody who has just installed the
server hears at once that their speech was understood, and what to do next.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from voicesrv.engines.base import AgentItem, Item, LlmEvent, LlmOptions, TextDelta, ToolResult, UserItem


@dataclass(frozen=True, slots=True)
class EchoOptions:
    """What the echo says around what it heard."""

    prefix: str = "I heard: "
    explanation: str = "I am only an echo until a language model is set up."
    """Said in the first reply of a conversation."""
    max_words: int = 60
    """Of what was heard; nobody listens to a minute of their own words."""


_DEFAULTS = EchoOptions()


class EchoLlm:
    """Says back the last thing said to it, word by word and without delay."""

    name = "echo"
    Options = EchoOptions

    def __init__(self, model: str = "", options: EchoOptions = _DEFAULTS) -> None:
        self._options = options

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def room(self) -> int | None:
        """There is no bound."""
        return None

    async def reply(self, items: Sequence[Item], options: LlmOptions) -> AsyncGenerator[LlmEvent, None]:
        """Yield the echo; see ``Llm.reply``. It never fails."""
        text = self._reply(items)
        for n, delta in enumerate(_words(text)):
            if n == options.max_tokens:
                return
            yield TextDelta(delta)

    def _reply(self, items: Sequence[Item]) -> str:
        heard = _heard(items)
        words = heard.split()
        if len(words) > self._options.max_words:
            heard = f"{' '.join(words[: self._options.max_words])} …"
        said = f"{self._options.prefix}{heard}" if heard else "I heard nothing."
        if not said.endswith((".", "!", "?", "…")):
            said += "."
        if any(isinstance(item, AgentItem) for item in items):
            return said
        return f"{said} {self._options.explanation}"


def _heard(items: Sequence[Item]) -> str:
    for item in reversed(items):
        if isinstance(item, UserItem):
            return item.text.strip()
        if isinstance(item, ToolResult):
            return item.output.strip()
    return ""


def _words(text: str) -> Iterator[str]:
    """Split as a model's deltas are: white space in front of each word."""
    return (match[0] for match in re.finditer(r"\s*+\S++", text))
