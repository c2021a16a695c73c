"""Engines that stand in for one another: who works, who rests, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

import numpy as np
import pytest

from voicesrv import metrics
from voicesrv.audio.pcm import OUTPUT_RATE
from voicesrv.conversation.user_turn import UserTurn
from voicesrv.engines import failover
from voicesrv.engines.base import Pause, Samples, Speech, SttCapabilities, SttOptions, Transcript, TtsOptions
from voicesrv.engines.failover import REST_S, SttFailover, TtsFailover
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.testing import FakeStt, FakeTts

pytestmark = pytest.mark.anyio

SECOND = np.zeros(16_000, np.int16)


class Recogniser(FakeStt):
    def __init__(self, name: str, languages: Sequence[str] = ("en",)) -> None:
        super().__init__([name])
        self.name = name
        self.capabilities = SttCapabilities(languages=tuple(languages))


class Synthesiser(FakeTts):
    def __init__(
        self, name: str, rate: int = OUTPUT_RATE, voices: tuple[str, ...] = (), variants: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.name = name
        self.capabilities = replace(FakeTts.capabilities, sample_rate=rate, voices=voices, variants=variants)
        self.voices: list[str] = []

    async def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
        self.voices.append(options.voice)
        async for piece in super().synthesize(text, options):
            yield piece


class Shelf:
    """Gives engines by name, but for those that are out."""

    def __init__(self, *engines: Recogniser | Synthesiser) -> None:
        self.engines = {engine.name: engine for engine in engines}
        self.out: set[str] = set()

    async def stt(self, name: str) -> Recogniser:
        engine = self._get(name)
        assert isinstance(engine, Recogniser)
        return engine

    async def tts(self, name: str) -> Synthesiser:
        engine = self._get(name)
        assert isinstance(engine, Synthesiser)
        return engine

    def _get(self, name: str) -> Recogniser | Synthesiser:
        if name in self.out:
            raise EngineUnavailable(f"{name} is out")
        return self.engines[name]


async def audio(*blocks: Samples) -> AsyncIterator[Samples | Pause]:
    for block in blocks:
        yield block


async def heard(stt: SttFailover, language: str = "en") -> str:
    async with aclosing(stt.transcribe(audio(SECOND), SttOptions(language))) as transcripts:
        return [each.text async for each in transcripts][-1]


async def spoken(tts: TtsFailover, text: str = "one two", voice: str = "") -> list[Speech]:
    async with aclosing(tts.synthesize(text, TtsOptions(voice))) as pieces:
        return [piece async for piece in pieces]


async def test_the_first_that_can_be_had_works() -> None:
    shelf = Shelf(Recogniser("a"), Recogniser("b"))
    async with SttFailover(["a", "b"], shelf.stt) as stt:
        assert (stt.name, await heard(stt)) == ("a", "a")
        shelf.out = {"a"}
        assert (await heard(stt), stt.name) == ("b", "b")
        shelf.out = set()
        assert await heard(stt) == "b"  # what could not be had is not asked for each time anew


async def test_none_is_refused_with_all_that_is_wrong() -> None:
    shelf = Shelf(Recogniser("a"), Recogniser("b"))
    shelf.out = {"a", "b"}
    with pytest.raises(EngineUnavailable, match="a is out; b is out"):
        async with SttFailover(["a", "b"], shelf.stt):
            pass


async def test_one_that_was_lost_rests_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Recogniser("a")
    shelf = Shelf(first, Recogniser("b"))
    async with SttFailover(["a", "b"], shelf.stt) as stt:
        first.die_after = 1
        with pytest.raises(EngineUnavailable):
            await heard(stt)
        assert await heard(stt) == "b"
        loop = asyncio.get_running_loop()
        later = loop.time() + REST_S
        monkeypatch.setattr(loop, "time", lambda: later)
        assert await heard(stt) == "a"


async def test_one_that_takes_long_to_open_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "OPEN_WITHIN_S", 0.01)
    shelf = Shelf(Recogniser("a"), Recogniser("b"))
    shelf.out = {"a"}

    async def get(name: str) -> Recogniser:
        if name == "a" and not shelf.out:
            await asyncio.Event().wait()
        return await shelf.stt(name)

    async with SttFailover(["a", "b"], get) as stt:
        shelf.out = set()
        stt._rests_until["a"] = 0.0
        assert await heard(stt) == "b"
        assert stt._rests_until["a"] > 0


async def test_where_all_rest_the_one_works_that_was_lost_first() -> None:
    engines = [Recogniser("a"), Recogniser("b")]
    async with SttFailover(["a", "b"], Shelf(*engines).stt) as stt:
        for engine in engines:
            engine.die_after = 1
            with pytest.raises(EngineUnavailable):
                await heard(stt)
        assert await heard(stt) == "a"


async def test_a_turn_is_heard_whole_by_the_one_that_takes_over() -> None:
    first, second = Recogniser("a"), Recogniser("b")
    async with SttFailover(["a", "b"], Shelf(first, second).stt) as stt:
        first.die_after = 20_000
        turn = UserTurn(1, 0, 0, stt, SttOptions(), lambda turn, transcript: None)
        for _ in range(3):
            turn.audio.append(SECOND)
        turn.end()
        final = await turn.transcribe()
    assert (final.text, turn.failed) == ("b", False)
    assert (first.heard, second.heard) == ([], [48_000])


async def test_one_that_is_given_up_after_the_end_rests() -> None:
    """Whoever asked closes the stream when the final transcript is late."""

    class Hangs(Recogniser):
        async def transcribe(
            self, audio: AsyncIterator[Samples | Pause], options: SttOptions
        ) -> AsyncGenerator[Transcript, None]:
            async for _ in audio:
                pass
            await asyncio.Event().wait()
            yield Transcript("")

    async with SttFailover(["a", "b"], Shelf(Hangs("a"), Recogniser("b")).stt) as stt:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await heard(stt)
        assert await heard(stt) == "b"


async def test_one_that_is_left_in_mid_turn_does_not_rest() -> None:
    async with SttFailover(["a", "b"], Shelf(Recogniser("a"), Recogniser("b")).stt) as stt:
        async with aclosing(stt.transcribe(audio(SECOND, SECOND), SttOptions())) as transcripts:
            await anext(transcripts)
        assert await heard(stt) == "a"


async def test_what_any_of_them_can_do_may_be_asked_for() -> None:
    shelf = Shelf(Recogniser("a"), Recogniser("b", ["en", "de"]))
    async with SttFailover(["a", "b"], shelf.stt) as stt:
        assert [*stt.capabilities.languages] == ["*"]  # nobody knows yet what b can do
        await heard(stt, "de")
        assert [*stt.capabilities.languages] == ["en", "de"]
        await heard(stt, "en")
        assert [*stt.capabilities.languages] == ["en", "de"]
    shelf = Shelf(Synthesiser("a", voices=("amy",)), Synthesiser("b", voices=("en-us",)))
    shelf.out = {"a"}
    async with TtsFailover(["a", "b"], shelf.tts) as tts:
        assert [*tts.capabilities.voices] == []
        shelf.out = {"b"}
        tts._rests_until["a"] = 0.0
        await spoken(tts)
        assert [*tts.capabilities.voices] == ["en-us", "amy"]


async def test_one_that_does_not_know_the_language_is_passed_over() -> None:
    async with SttFailover(["a", "b"], Shelf(Recogniser("a"), Recogniser("b", ["en", "de"])).stt) as stt:
        assert await heard(stt, "de-AT") == "b"
        assert await heard(stt, "auto") == "a"
        with pytest.raises(EngineUnavailable, match="does not fit"):
            await heard(stt, "fr")


async def test_a_voice_that_is_lost_before_its_first_word_is_not_missed() -> None:
    first, second = Synthesiser("a"), Synthesiser("b")
    async with TtsFailover(["a", "b"], Shelf(first, second).tts) as tts:
        first.die_after = 0
        pieces = await spoken(tts)
        assert [word.text for piece in pieces for word in piece.words] == ["one", "two"]
        assert (first.spoken, second.spoken, tts.name) == (["one two"], ["one two"], "b")


async def test_a_loss_that_is_not_noticed_outside_is_counted_here() -> None:
    failures = [metrics.ENGINE_FAILURES.labels(name)._value for name in ("a", "b")]
    before = [each.get() for each in failures]
    engines = [Synthesiser("a"), Synthesiser("b")]
    async with TtsFailover(["a", "b"], Shelf(*engines).tts) as tts:
        engines[0].die_after = 0
        await spoken(tts)
        assert [each.get() for each in failures] == [before[0] + 1, before[1]]
        engines[1].die_after = 1
        with pytest.raises(EngineUnavailable):
            await spoken(tts)
    assert [each.get() for each in failures] == [before[0] + 1, before[1]]  # whoever asked for it counts this one


async def test_a_voice_that_is_lost_in_mid_sentence_is_told_and_rests() -> None:
    first = Synthesiser("a")
    async with TtsFailover(["a", "b"], Shelf(first, Synthesiser("b")).tts) as tts:
        first.die_after = 1
        with pytest.raises(EngineUnavailable):
            await spoken(tts)
        await spoken(tts)
        assert tts.name == "b"


async def test_the_last_that_is_lost_is_told() -> None:
    engines = [Synthesiser("a"), Synthesiser("b")]
    async with TtsFailover(["a", "b"], Shelf(*engines).tts) as tts:
        for engine in engines:
            engine.die_after = 0
        with pytest.raises(EngineUnavailable):
            await spoken(tts)


async def test_a_text_that_cannot_be_spoken_is_given_to_no_other() -> None:
    class Refuses(Synthesiser):
        async def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
            raise EngineError("it has no letters")
            yield

    second = Synthesiser("b")
    async with TtsFailover(["a", "b"], Shelf(Refuses("a"), second).tts) as tts:
        with pytest.raises(EngineError, match="no letters"):
            await spoken(tts)
    assert second.spoken == []


@pytest.mark.parametrize("rate", [16_000, 22_050, OUTPUT_RATE])
async def test_all_voices_have_one_rate(rate: int) -> None:
    async with TtsFailover(["a"], Shelf(Synthesiser("a", rate)).tts) as tts:
        pieces = await spoken(tts)
        assert tts.capabilities.sample_rate == OUTPUT_RATE
    made = 2 * 24 * FakeTts.WORD_MS  # samples, whatever the rate
    assert sum(len(piece.samples) for piece in pieces) == pytest.approx(made * OUTPUT_RATE / rate, abs=2)


async def test_a_voice_that_the_next_one_lacks_becomes_its_own() -> None:
    first, second = Synthesiser("a", voices=("amy",)), Synthesiser("b", voices=("en-us",), variants=("f3",))
    shelf = Shelf(first, second)
    async with TtsFailover(["a", "b"], shelf.tts) as tts:
        await spoken(tts, voice="amy")
        assert tts.capabilities.has("nobody")  # as the second may have it: it was never opened
        shelf.out = {"a"}
        await spoken(tts, voice="amy")
        await spoken(tts, voice="en-us+f3")
        await spoken(tts, voice="en-us+f4")
        assert all(tts.capabilities.has(voice) for voice in ("amy", "en-us", "en-us+f3"))
        assert not tts.capabilities.has("en-us+f4")
    assert (first.voices, second.voices) == (["amy"], ["", "en-us+f3", ""])
