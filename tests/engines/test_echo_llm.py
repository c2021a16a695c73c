from __future__ import annotations

import pytest

from voicesrv.engines.base import AgentItem, Item, LlmOptions, TextDelta, ToolResult, UserItem
from voicesrv.engines.echo_llm import EchoLlm, EchoOptions

pytestmark = pytest.mark.anyio
EXPLANATION = EchoOptions().explanation


async def deltas(*items: Item, max_tokens: int = 2000) -> list[str]:
    async with EchoLlm() as llm:
        events = [event async for event in llm.reply(items, LlmOptions(max_tokens=max_tokens))]
    assert all(isinstance(event, TextDelta) for event in events)
    return [event.text for event in events if isinstance(event, TextDelta)]


async def said(*items: Item) -> str:
    return "".join(await deltas(*items))


async def test_the_first_reply_explains_what_it_is() -> None:
    assert await said(UserItem("hello there")) == f"I heard: hello there. {EXPLANATION}"


async def test_later_replies_are_shorter() -> None:
    assert await said(UserItem("hello"), AgentItem("I heard"), UserItem("What now?")) == "I heard: What now?"


async def test_the_reply_comes_word_by_word() -> None:
    assert (await deltas(UserItem("hello you"), AgentItem("x"), UserItem("one  two")))[1:] == [
        " heard:",
        " one",
        "  two.",
    ]


async def test_a_tools_result_is_said_back() -> None:
    assert await said(AgentItem(""), UserItem("weather"), ToolResult("1", "weather", "sunny")) == "I heard: sunny."


async def test_nothing_heard() -> None:
    assert await said(UserItem(" ")) == f"I heard nothing. {EXPLANATION}"


async def test_long_speech_is_cut() -> None:
    reply = await said(AgentItem("x"), UserItem("word " * 500))
    assert reply == f"I heard: {'word ' * EchoOptions().max_words}…"


async def test_max_tokens() -> None:
    assert len(await deltas(UserItem("hello"), max_tokens=2)) == 2


async def test_it_has_room_for_all() -> None:
    assert EchoLlm().room() is None
