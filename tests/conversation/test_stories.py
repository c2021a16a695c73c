"""Conversations that nobody would think of: two connections do whatever they like, at any pace of the engines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conversation.stage import Player, Stage, stage
from tests.conversation.virtual_time import VirtualTimeLoop
from voicesrv.conversation.journal import Entry
from voicesrv.conversation.seat import Join
from voicesrv.engines.base import TextDelta
from voicesrv.errors import ClientError, Code, EngineError
from voicesrv.events import (
    AudioStarted,
    Cancel,
    Close,
    Finalize,
    Flush,
    Flushed,
    Playback,
    Ready,
    ReplyEnded,
    ReplyStarted,
    SendText,
    Speak,
    ToolCall,
    ToolOutput,
    TurnEnded,
    TurnStarted,
)
from voicesrv.options import Options, changed

COMMANDS = {
    "text": SendText("typed"),
    "say": Speak("Read this out."),
    "gather": Speak("some more words ", flush=False),
    "cancel": Cancel(),
    "finalize": Finalize(),
    "played": Playback(1, 300),
    "tool": ToolOutput("c", "rain"),
    "close": Close(),
}
CHANGES = (
    {"mode": "listen"},
    {"mode": "speak"},
    {"mode": "converse"},
    {"interrupt": "false"},
    {"eager_ms": 100},
    {"endpointing_ms": 0},
    {"endpointing_ms": 300},
    {"words": True},
)
STEP = st.one_of(
    st.tuples(st.just("speak"), st.sampled_from([40, 200, 600])),
    st.tuples(st.just("quiet"), st.sampled_from([120, 400])),
    st.tuples(st.just("wait"), st.sampled_from([0, 0.001, 0.05, 0.3, 2])),
    st.tuples(st.just("configure"), st.sampled_from(CHANGES)),
    st.tuples(st.just("lose"), st.sampled_from(["stt", "llm", "tts", "tts for good"])),
    st.tuples(st.sampled_from([*COMMANDS, "flush", "drop", "back", "leave", "join"]), st.none()),
)
STORIES = st.lists(st.tuples(st.integers(0, 1), STEP), min_size=5, max_size=50)


def slowed(stream: Callable[..., Any], first_s: float, each_s: float) -> Callable[..., Any]:
    """An engine's method that takes its time."""

    async def slowly(*args: Any) -> AsyncGenerator[Any, None]:
        await asyncio.sleep(first_s)
        async for each in stream(*args):
            await asyncio.sleep(each_s)
            yield each

    return slowly


async def _fails(*args: Any) -> AsyncGenerator[Any, None]:
    raise EngineError("not any more")
    yield


class Story:
    """Two seats in one conversation, either of which may be empty."""

    def __init__(self, it: Stage, first: Player, second: Player) -> None:
        self.it = it
        self.conversation = first.seat.conversation
        self.seats: list[Player | None] = [first, second]
        self.sockets = [first.out, second.out]
        self.flushes = 0

    async def step(self, who: int, name: str, what: Any) -> None:
        player = self.seats[who]
        match name:
            case "wait":
                await asyncio.sleep(what)
            case "lose":
                self._lose(what)
            case "join" if player is None and not self.conversation.over:
                self._sit(who, await self.it.join(self.conversation.id))
            case "back" if player is not None and player.seat.participant.outbox is None:
                last = max(seq for seq, _ in player.out.told)
                token = player.out.of(Ready)[-1].resume
                self._sit(
                    who, Player(await self.it.hub.join(Join("local", Options(), self.conversation.id, token, last)))
                )
            case "leave" if player is not None:
                player.seat.leave(player.out, for_good=True)
                self.seats[who] = None
            case _ if player is not None and player.seat.participant.outbox is not None:
                await self._act(player, name, what)
            case _:
                pass

    async def end(self) -> None:
        """Everybody who is still there falls silent."""
        self.it.tts.synthesize = self.it.tts_speaks  # type: ignore[attr-defined, method-assign]
        for who, player in enumerate(self.seats):
            if player is not None and player.seat.participant.outbox is None:
                await self.step(who, "leave", None)
        for who in (0, 1):
            await self.step(who, "finalize", None)
            await self.step(who, "flush", None)
        await asyncio.sleep(100)

    def _sit(self, who: int, player: Player) -> None:
        self.seats[who] = player
        self.sockets.append(player.out)

    def _lose(self, engine: str) -> None:
        match engine:
            case "stt":
                self.it.stt.die_after = 3000
            case "llm":
                self.it.llm.failures = [EngineError("once")]
            case "tts":
                self.it.tts.die_after = 1
            case _:
                self.it.tts.synthesize = _fails  # type: ignore[method-assign]

    async def _act(self, player: Player, name: str, what: Any) -> None:
        match name:
            case "speak":
                player.speak(what)
            case "quiet":
                player.pause(what)
            case "drop":
                player.seat.leave(player.out, for_good=False)
            case "configure":
                await player.seat.reconfigure(player.out, changed(player.seat.participant.options, what))
            case "flush":
                self.flushes += 1
                player.say(Flush(self.flushes))
            case _ if name in COMMANDS:
                player.say(COMMANDS[name])


async def play(steps: list[tuple[int, tuple[str, Any]]], pace: int) -> Story:
    async with stage() as it:
        call = ToolCall("c", "weather", {})
        it.llm.replies = ["one two three. four five six seven eight.", [TextDelta("Let me see. "), call], "ok."]
        it.stt.texts = ["hello there", "", "and you"]
        if pace & 1:
            it.llm.reply = slowed(it.llm.reply, 0.7, 0.05)  # type: ignore[method-assign]
        if pace & 2:
            it.stt.transcribe = slowed(it.stt.transcribe, 0, 0.4)  # type: ignore[method-assign]
        if pace & 4:
            it.tts.synthesize = slowed(it.tts.synthesize, 0, 0.12)  # type: ignore[method-assign]
        it.tts_speaks = it.tts.synthesize  # type: ignore[attr-defined]
        first = await it.join()
        tools = {"tools": [{"name": "weather"}]}
        await first.seat.reconfigure(first.out, changed(first.seat.participant.options, tools))
        story = Story(it, first, await it.join(first.seat.conversation.id))
        for who, (name, what) in steps:
            try:
                await story.step(who, name, what)
            except ClientError as error:
                assert error.code is not Code.INTERNAL
        await story.end()
        check(story)
        return story


def check(story: Story) -> None:
    """What must be so however the story went."""
    conversation = story.conversation
    entries = conversation.journal.entries()
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert not any(Code.INTERNAL in out.closed for out in story.sockets)  # no fault of ours
    replying = check_replies(entries)
    check_turns(entries)
    flushed = [entry.event.id for entry in entries if isinstance(entry.event, Flushed)]
    assert len(flushed) == len(set(flushed))
    if not conversation.over:
        assert conversation.floor.idle and replying is None  # nothing hangs
        assert not any(participant.turns for participant in conversation.everybody())
        assert sorted(flushed, key=str) == sorted(range(1, story.flushes + 1), key=str)


def check_replies(entries: tuple[Entry, ...]) -> int | None:
    """Each reply begins and ends once, one after the other; return the one that is under way."""
    under_way: int | None = None
    begun: set[int] = set()
    for entry in entries:
        match entry.event:
            case ReplyStarted(reply=reply):
                assert under_way is None and reply not in begun
                under_way = reply
                begun.add(reply)
            case ReplyEnded(reply=reply, text=text, heard=heard):
                assert reply == under_way and text.startswith(heard)
                under_way = None
            case AudioStarted() if entry.only_for is not None:
                pass  # for somebody who joined in the middle
            case event if hasattr(event, "reply"):
                assert event.reply == under_way
    return under_way


def check_turns(entries: tuple[Entry, ...]) -> None:
    """Each turn begins at most once and ends at most once, and is not spoken of after that."""
    started: set[int] = set()
    ended: set[int] = set()
    for entry in entries:
        match entry.event:
            case TurnStarted(turn=turn):
                assert turn not in started | ended
                started.add(turn)
            case TurnEnded(turn=turn):
                assert turn not in ended
                ended.add(turn)
            case event if (
                hasattr(event, "turn") and not isinstance(event, ReplyStarted) and not hasattr(event, "reply")
            ):
                assert event.turn in started - ended


@contextmanager
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(STORIES, st.integers(0, 7))
def test_whatever_two_connections_do_replies_and_turns_keep_their_order(
    steps: list[tuple[int, tuple[str, Any]]], pace: int
) -> None:
    with quiet(), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play(steps, pace))


@pytest.mark.parametrize("pace", range(8))
def test_an_ordinary_story_has_all_its_parts(pace: int) -> None:
    """The stories above are about something: replies are heard, tools asked for, turns answered."""
    script = "speak 600, quiet 400, wait 4, text, wait 2, tool, wait 2, say, flush, wait 2"
    steps: list[tuple[int, tuple[str, Any]]] = []
    for line in script.split(", "):
        name, _, what = line.partition(" ")
        steps.append((0, (name, int(what) if what else None)))
    with quiet(), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        story = runner.run(play(steps, pace))
    kinds = {type(entry.event).__name__ for entry in story.conversation.journal.entries()}
    assert kinds >= {"TurnEnded", "ToolCalled", "AudioEnded", "Latency", "ReplyEnded", "Flushed", "TurnUpdated"}
