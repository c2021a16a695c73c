"""One reply: what it says in which order, and what of it was heard, whatever happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest

from voicesrv import metrics
from voicesrv.conversation.reply import Reply, ReplyCallbacks, TurnTiming
from voicesrv.conversation.thinking import Dictation, Source, Thinking
from voicesrv.conversation.voicing import AHEAD_MS, ATTEMPTS
from voicesrv.engines.base import AgentItem, LlmOptions, Speech, TtsCapabilities, TtsOptions, UserItem
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import (
    AudioEnded,
    AudioStarted,
    Cleared,
    Event,
    Failed,
    Latency,
    ReplyAudio,
    ReplyCause,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ReplyVisemes,
    ReplyWords,
    SpokenWord,
)
from voicesrv.testing import FakeLlm, FakeTts

pytestmark = pytest.mark.anyio

LEAD_MS = 2000
FOUR = "one two three four."  # 400 ms on the fake voice


class Bench:
    """Holds one reply and writes down what it tells."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.tasks = tasks
        self.events: list[Event] = []
        self.calls: list[str] = []
        self.tts = FakeTts()
        self.reply: Reply

    def make(self, source: Source, *, held: bool = False, turn: int | None = 7, **options: object) -> Reply:
        callbacks = ReplyCallbacks(
            self.events.append,
            lambda reply: self.calls.append("heard"),
            lambda reply: self.calls.append("sent"),
            lambda reply: self.calls.append("over"),
        )
        wants = {"wants_words": True, "wants_visemes": False} | options
        voice = wants.pop("voice", TtsOptions())
        self.reply = Reply(3, turn, source, self.tts, voice, LEAD_MS, callbacks, held=held, **wants)  # type: ignore[arg-type]
        self.reply.start(self.tasks)
        return self.reply

    def dictate(self, text: str, **options: object) -> Reply:
        source = Dictation()
        source.feed(text)
        source.finish()
        return self.make(source, turn=None, **options)  # type: ignore[arg-type]

    def think(self, *said: str | Exception, **options: object) -> Reply:
        """A model that says these pieces, and fails where one is an exception."""

        class Script(FakeLlm):
            async def reply(self, items, options):  # type: ignore[no-untyped-def]
                from voicesrv.engines.base import TextDelta

                for each in said:
                    if isinstance(each, Exception):
                        raise each
                    yield TextDelta(each)

        event = asyncio.Event()
        event.set()
        source = Thinking(Script(), LlmOptions(), [UserItem("hi")], lambda call: None, event)
        return self.make(source, **options)  # type: ignore[arg-type]

    def of(self, kind: type) -> list:  # type: ignore[type-arg]
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def names(self) -> list[str]:
        """Kinds of events, audio run together."""
        names: list[str] = []
        for event in self.events:
            name = type(event).__name__
            if not (name == "ReplyAudio" and names and names[-1] == name):
                names.append(name)
        return names

    @property
    def audio(self) -> bytes:
        return b"".join(event.pcm for event in self.of(ReplyAudio))


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async with asyncio.TaskGroup() as tasks:
        it = Bench(tasks)
        yield it
        it.reply.discard()


class Voice(FakeTts):
    """Speaks at any rate, perhaps without times, perhaps failing at some word; the last stream says
    ``each`` words in one piece.
    """

    def __init__(self, rate: int = 24000, *, times: bool = True, fail_at: Sequence[int] = (), each: int = 1) -> None:
        super().__init__()
        self.capabilities = TtsCapabilities(sample_rate=rate)
        self.times = times
        self.fail_at = list(fail_at)
        self.each = each
        self.made_ms = 0.0
        self.open = 0

    async def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
        self.spoken.append(text)
        rate = self.capabilities.sample_rate
        fail_at = self.fail_at.pop(0) if self.fail_at else None
        words = text.split()
        each = 1 if fail_at is not None else self.each
        self.open += 1
        try:
            for number in range(0, len(words), each):
                if number == fail_at:
                    raise EngineUnavailable("the worker died")
                group = words[number : number + each]
                samples = (np.arange(len(group) * rate // 10) + number * rate // 10) % 997
                self.made_ms += len(group) * 100
                spoken = [SpokenWord(word, (number + n) * 100, (number + n + 1) * 100) for n, word in enumerate(group)]
                yield Speech(samples.astype(np.int16), tuple(spoken) if self.times else ())
                await asyncio.sleep(0)
        finally:
            self.open -= 1


# --- a whole reply ------------------------------------------------------------------------------


async def test_it_tells_itself_in_order() -> None:
    async with bench() as it:
        reply = it.dictate(FOUR, wants_visemes=True)
        await asyncio.sleep(5)
        assert it.names[0] == "ReplyStarted" and it.names[1] == "ReplyText"
        assert it.names[-2:] == ["AudioEnded", "ReplyEnded"]
        assert it.names.index("AudioStarted") < it.names.index("ReplyWords") < it.names.index("ReplyAudio")
        assert it.events[-2:] == [AudioEnded(3, 400), ReplyEnded(3, FOUR, FOUR, ReplyCause.COMPLETE)]
        assert it.of(ReplyStarted) == [ReplyStarted(3, None)] and it.of(AudioStarted) == [AudioStarted(3)]
        assert it.of(ReplyAudio)[0].start_ms == 0
        assert all(20 <= len(event.pcm) / 48 <= 100 for event in it.of(ReplyAudio))
        assert len(it.audio) == 400 * 48
        assert len(it.of(ReplyVisemes)) == 4
        assert it.calls == ["heard", "sent", "over"]
        assert reply.items() == [AgentItem(FOUR)]
        assert not it.of(Latency)  # nobody spoke before it


async def test_speaking_counts_as_a_stream_in_use() -> None:
    in_use = metrics.STREAMS.labels("tts")._value
    before = in_use.get()

    class Watched(Voice):
        async def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
            seen.append(in_use.get())
            async with aclosing(super().synthesize(text, options)) as pieces:
                async for piece in pieces:
                    yield piece

    seen: list[float] = []
    async with bench() as it:
        it.tts = Watched()
        it.dictate(FOUR)
        await asyncio.sleep(5)
    assert set(seen) == {before + 1} and in_use.get() == before


async def test_it_is_over_when_it_has_been_heard() -> None:
    async with bench() as it:
        it.dictate(FOUR)
        await asyncio.sleep(0.35)
        assert it.calls == ["heard", "sent"] and it.of(AudioEnded) and not it.of(ReplyEnded)
        await asyncio.sleep(0.1)
        assert it.calls[-1] == "over"


async def test_a_client_that_has_played_all_does_not_wait_for_the_clock() -> None:
    async with bench() as it:
        reply = it.dictate("word " * 15 + "end.")
        await asyncio.sleep(0.5)
        reply.report(1600)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert it.calls[-1] == "over"


async def test_latency_comes_right_after_the_first_audio_of_an_answer() -> None:
    async with bench() as it:
        reply = it.think("Well, ", "hello.")
        now = asyncio.get_running_loop().time()
        reply.timing = TurnTiming(endpoint_ms=300, decided_at=now - 0.5, final_at=now - 0.2)
        await asyncio.sleep(3)
        assert it.names[it.names.index("ReplyAudio") + 1] == "Latency"
        assert it.of(Latency) == [Latency(7, 3, 300, 300, 0, 0, 800)]


async def test_time_for_which_a_reply_was_held_is_nobodys_latency() -> None:
    async with bench() as it:
        await asyncio.sleep(1)  # no clock stands at 0 but a virtual one
        reply = it.think("Well, hello.", held=True)
        await asyncio.sleep(5)
        now = asyncio.get_running_loop().time()
        reply.timing = TurnTiming(endpoint_ms=300, decided_at=now, final_at=now)
        reply.release()
        await asyncio.sleep(1)
        assert it.of(Latency) == [Latency(7, 3, 300, 0, 0, 0, 300)]


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 48000])
async def test_voices_of_any_rate_last_as_long(rate: int) -> None:
    async with bench() as it:
        it.tts = Voice(rate)
        it.dictate("First sentence here. And then a second one that is longer. Third.")
        await asyncio.sleep(5)
        assert it.of(AudioEnded) == [AudioEnded(3, 1200)]
        assert len(it.audio) == pytest.approx(1200 * 48, abs=48)
        words = [word for event in it.of(ReplyWords) for word in event.items]
        assert [word.text for word in words][:3] == ["First", "sentence", "here."]
        expected = [n * 100 for n in range(12)]
        assert [word.start_ms for word in words] == pytest.approx(expected, abs=50)  # what a resampler holds back


async def test_a_voice_without_times_gets_them_by_length() -> None:
    async with bench() as it:
        it.tts = Voice(times=False)
        it.dictate(FOUR)
        await asyncio.sleep(0.25)
        items = it.reply.stop(ReplyCause.INTERRUPTED)
        words = [word for event in it.of(ReplyWords) for word in event.items]
        assert [word.text for word in words] == FOUR.split() and words[-1].end_ms == 400
        assert items == [AgentItem("one two three", interrupted=True)]


async def test_nobody_who_wants_no_words_is_told_any() -> None:
    for times in (True, False):
        async with bench() as it:
            it.tts = Voice(times=times)
            it.dictate(FOUR, wants_words=False)
            await asyncio.sleep(0.25)
            assert it.reply.stop(ReplyCause.CANCELLED) == [AgentItem("one two three", interrupted=True)]
            assert not it.of(ReplyWords)


async def test_what_cannot_be_spoken_is_told_and_not_spoken() -> None:
    async with bench() as it:
        it.dictate("!? …")
        await asyncio.sleep(1)
        assert it.names == ["ReplyStarted", "ReplyText", "ReplyEnded"]
        assert it.calls == ["sent", "over"] and not it.tts.spoken


async def test_symbols_are_read_in_the_language_of_the_voice() -> None:
    for language, spoken in (("en-GB", "It is 50 percent."), ("de-AT", "It is 50 %.")):
        async with bench() as it:
            it.dictate("It is 50 %.", voice=TtsOptions(language=language))
            await asyncio.sleep(1)
            assert it.tts.spoken == [spoken]


# --- bounds -------------------------------------------------------------------------------------


async def test_a_voice_is_never_far_ahead_of_what_is_heard() -> None:
    async with bench() as it:
        it.tts = voice = Voice()
        it.dictate(" ".join(f"Sentence number {n} has exactly eight words here." for n in range(40)))  # 32 s
        for second in range(20):
            await asyncio.sleep(1)
            assert voice.made_ms <= (second + 1) * 1000 + LEAD_MS + AHEAD_MS + 200
        assert len(it.audio) / 48 <= 20_000 + LEAD_MS + 1
        assert voice.open == 1


async def test_while_nobody_listens_nothing_is_sent_or_heard() -> None:
    async with bench() as it:
        reply = it.dictate(" ".join(["word"] * 40) + ".")
        await asyncio.sleep(0.5)
        reply.hold_playout()
        sent = len(it.audio)
        await asyncio.sleep(60)
        assert len(it.audio) == sent
        reply.release_playout()
        await asyncio.sleep(5)
        assert it.of(AudioEnded) == [AudioEnded(3, 4000)]


# --- held ---------------------------------------------------------------------------------------


async def test_what_is_held_is_made_ready_and_tells_nothing() -> None:
    async with bench() as it:
        reply = it.think("First sentence is here. ", "Second sentence is there.", held=True)
        await asyncio.sleep(30)
        assert it.events == [] and it.calls == []
        assert it.tts.spoken == ["First sentence is here."]  # no more than is needed to begin
        reply.release()
        assert it.names[:2] == ["ReplyStarted", "ReplyText"]
        await asyncio.sleep(5)
        assert it.events[-1] == ReplyEnded(
            3, "First sentence is here. Second sentence is there.", "First sentence is here. Second sentence is there.",
            ReplyCause.COMPLETE,
        )  # fmt: skip


@pytest.mark.parametrize("after_s", [0, 0.01, 5])
async def test_what_is_thrown_away_leaves_no_trace(after_s: float) -> None:
    async with bench() as it:
        it.tts = voice = Voice()
        reply = it.think("First sentence is here.", held=True)
        if after_s:
            await asyncio.sleep(after_s)
        reply.discard()
        await asyncio.sleep(5)
        assert it.events == [] and it.calls == [] and voice.open == 0


async def test_a_fault_while_it_is_held_is_told_once_it_is_wanted() -> None:
    async with bench() as it:
        reply = it.think(EngineError("no"), held=True)
        await asyncio.sleep(5)
        assert it.events == []
        reply.release()
        await asyncio.sleep(5)
        assert it.names == ["ReplyStarted", "Failed", "ReplyEnded"]
        assert it.of(ReplyEnded)[0].cause is ReplyCause.FAILED and it.calls[-1] == "over"


async def test_an_error_is_counted_when_it_is_told() -> None:
    told = metrics.ERRORS.labels("engine_failed")._value
    before = told.get()
    async with bench() as it:
        reply = it.think(EngineError("no"), held=True)
        await asyncio.sleep(5)
        assert told.get() == before
        reply.release()
        await asyncio.sleep(5)
        assert it.names.count("Failed") == 1 and told.get() == before + 1
    async with bench() as it:
        reply = it.think(EngineError("no"), held=True)
        await asyncio.sleep(5)
        reply.discard()
        assert told.get() == before + 1


# --- stopped ------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_ms", [0, 1, 40, 49, 51, 149, 151, 380, 399])
async def test_it_is_cut_at_the_word_that_was_heard_and_says_no_more(after_ms: int) -> None:
    async with bench() as it:
        it.tts = voice = Voice()
        reply = it.dictate(FOUR)
        if after_ms:
            await asyncio.sleep(0)
            await asyncio.sleep(after_ms / 1000)
        items = reply.stop(ReplyCause.INTERRUPTED)
        told = len(it.events)
        n_heard = (after_ms + 50) // 100
        heard = ["", "one", "one two", "one two three", FOUR][n_heard]
        text = FOUR if after_ms else ""
        assert it.events[-2:] == [Cleared(3), ReplyEnded(3, text, heard, ReplyCause.INTERRUPTED)]
        assert it.events[0] == ReplyStarted(3, None)
        assert items == ([AgentItem(heard, interrupted=True)] if heard else [])
        await asyncio.sleep(5)
        assert len(it.events) == told and "over" not in it.calls and voice.open == 0


async def test_reports_decide_what_was_heard() -> None:
    async with bench() as it:
        reply = it.dictate(FOUR)
        await asyncio.sleep(0.3)
        reply.report(120)
        await asyncio.sleep(0.05)
        assert reply.stop(ReplyCause.INTERRUPTED) == [AgentItem("one", interrupted=True)]


async def test_a_reply_that_was_said_but_not_heard_is_none() -> None:
    async with bench() as it:
        reply = it.dictate(FOUR)
        await asyncio.sleep(0.2)
        reply.report(0)
        assert reply.stop(ReplyCause.INTERRUPTED) == []
        assert it.of(ReplyEnded)[0].heard == ""


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fail_at", [[0], [2], [2, 1], [3, 2]])
@pytest.mark.parametrize("each", [1, 3])
async def test_a_lost_voice_goes_on_without_repeating_or_missing_anything(fail_at: list[int], each: int) -> None:
    text = "one two three four five six."
    async with bench() as calm:
        calm.tts = Voice()
        calm.dictate(text)
        await asyncio.sleep(5)
    async with bench() as it:
        it.tts = voice = Voice(fail_at=fail_at, each=each)
        it.dictate(text)
        await asyncio.sleep(5)
        assert it.audio == calm.audio
        assert [word for event in it.of(ReplyWords) for word in event.items] == [
            word for event in calm.of(ReplyWords) for word in event.items
        ]
        assert it.events[-1] == calm.events[-1] and not it.of(Failed)
        assert voice.open == 0


async def test_a_voice_that_cannot_be_had_any_more_costs_only_what_it_did_not_say() -> None:
    async with bench() as it:
        it.tts = voice = Voice(fail_at=[99] + [2] * ATTEMPTS)
        said = " ".join(["word"] * 20) + "."
        reply = it.dictate(said + " These two words are said. And this is never even begun.")
        await asyncio.sleep(1)
        assert it.names.count("Failed") == 1 and not it.of(ReplyEnded)
        await asyncio.sleep(9)
        assert it.names[-2:] == ["AudioEnded", "ReplyEnded"] and it.calls == ["heard", "sent", "over"]
        assert it.of(AudioEnded)[0].duration_ms == len(it.audio) // 48 == 2200
        ended = it.of(ReplyEnded)[0]
        assert (ended.heard, ended.cause) == (said + " These two", ReplyCause.FAILED)
        assert reply.items() == [AgentItem(said + " These two", interrupted=True)]
        assert len(voice.spoken) == 1 + ATTEMPTS and voice.open == 0


async def test_a_text_that_cannot_be_spoken_is_tried_once_and_counts() -> None:
    class Refuses(Voice):
        async def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
            self.spoken.append(text)
            raise EngineError("no such voice")
            yield

    failures, told = metrics.ENGINE_FAILURES.labels("fake")._value, metrics.ERRORS.labels("engine_failed")._value
    before = (failures.get(), told.get())
    async with bench() as it:
        it.tts = Refuses()
        it.dictate(FOUR)
        await asyncio.sleep(5)
        assert it.tts.spoken == [FOUR] and it.of(ReplyEnded)[0].cause is ReplyCause.FAILED
        assert (failures.get(), told.get()) == (before[0] + 1, before[1] + 1)


async def test_each_loss_of_a_voice_counts() -> None:
    failures = metrics.ENGINE_FAILURES.labels("fake")._value
    before = failures.get()
    async with bench() as it:
        it.tts = Voice(fail_at=[1])
        it.dictate(FOUR)
        await asyncio.sleep(5)
        assert it.of(ReplyEnded)[0].cause is ReplyCause.COMPLETE
        assert failures.get() == before + 1


async def test_a_model_is_not_listened_to_when_the_voice_has_failed() -> None:
    async with bench() as it:
        it.tts = Voice(fail_at=[0] * ATTEMPTS)
        source = Dictation()
        source.feed("This is a sentence. ")
        it.make(source)
        await asyncio.sleep(5)
        assert it.of(ReplyEnded)[0].cause is ReplyCause.FAILED  # though more text might have come


async def test_what_a_model_said_before_it_failed_is_spoken() -> None:
    async with bench() as it:
        reply = it.think("This was said. ", "And thi", EngineUnavailable("gone"))
        await asyncio.sleep(5)
        assert it.tts.spoken == ["This was said.", "And thi"]
        assert it.of(AudioEnded) == [AudioEnded(3, 500)]
        ended = it.of(ReplyEnded)[0]
        assert (ended.heard, ended.cause) == ("This was said. And thi", ReplyCause.FAILED)
        assert reply.items() == [AgentItem("This was said. And thi", interrupted=True)]
        assert len(it.of(Failed)) == 1


async def test_a_model_that_failed_at_once_said_nothing() -> None:
    async with bench() as it:
        reply = it.think(EngineError("refused"))
        await asyncio.sleep(5)
        assert it.names == ["ReplyStarted", "Failed", "ReplyEnded"]
        assert reply.items() == [] and it.of(ReplyText) == []
