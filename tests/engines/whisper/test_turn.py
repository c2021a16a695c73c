"""A turn from audio to its final transcript, on a model that knows the words and their times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from itertools import pairwise

import numpy as np
import pytest

from voicesrv.engines.base import PAUSE, Pause, Samples, SttOptions, Transcript
from voicesrv.engines.whisper.agreement import TimedWord
from voicesrv.engines.whisper.model import MAX_WINDOW_S, Hypothesis, Window
from voicesrv.engines.whisper.scheduler import Urgency
from voicesrv.engines.whisper.turn import AFTER_PAUSE_MS, DUTY, LONGEST_MS, WhisperTurn, hearing_of

pytestmark = pytest.mark.anyio

WORD_MS = 400
EN = hearing_of(SttOptions(language="en"), ("en", "de"), "", 5, False)


class Model:
    """Hears word number n in the n-th 400 ms of a turn, where all of it lies in the window."""

    def __init__(self, cost_s: float = 0.01) -> None:
        self.windows: list[tuple[Urgency, Window]] = []
        self._cost_s = cost_s

    async def ask(self, urgency: Urgency, make: Callable[[], Window]) -> Hypothesis:
        await asyncio.sleep(0)
        window = make()
        self.windows.append((urgency, window))
        await asyncio.sleep(0)
        until_ms = window.from_ms + len(window.samples) // 16
        words = [
            TimedWord(f" w{n}", n * WORD_MS, (n + 1) * WORD_MS, 0.5)
            for n in range(-(-window.from_ms // WORD_MS), until_ms // WORD_MS)
        ]
        return Hypothesis(tuple(words), "de", 0.9, 0.0, 0.0, cost_s=self._cost_s)


def numbered(n: int) -> str:
    return " ".join(f"w{i}" for i in range(n))


def loud(ms: int, level: int = 1000) -> Samples:
    return np.full(ms * 16, level, np.int16)


async def speech(*parts: int | Pause, step_ms: int = 100) -> AsyncGenerator[Samples | Pause, None]:
    """So many ms of audio, as it is spoken; pauses between."""
    for part in parts:
        if isinstance(part, Pause):
            yield part
            continue
        for _ in range(part // step_ms):
            for _ in range(6):  # time for a pass
                await asyncio.sleep(0)
            yield loud(step_ms)


async def follow(turn: WhisperTurn, audio: AsyncIterator[Samples | Pause]) -> list[Transcript]:
    return [each async for each in turn.follow(audio)]


def check(told: list[Transcript]) -> None:
    """What was stable stays, and the last alone is final."""
    for before, after in pairwise(told):
        assert after.text.startswith(before.text[: before.stable])
    assert [each.is_final for each in told] == [False] * (len(told) - 1) + [True]
    assert told[-1].stable == len(told[-1].text)


async def test_interims_grow_and_settle_and_the_final_one_has_all() -> None:
    model = Model()
    turn = WhisperTurn(model.ask, EN)
    told = await follow(turn, speech(4000))
    check(told)
    assert told[-1].text == numbered(10)
    assert told[-1].words[3].text == "w3" and told[-1].words[3].start_ms == 1200
    assert told[-1].confidence == 0.5
    assert any(each.stable for each in told[:-1])
    assert model.windows[-1][0] is Urgency.FINAL and model.windows[-1][1].beam == 5
    assert turn.audio_s == 4.0 and turn.busy_s == pytest.approx(0.01 * len(model.windows), abs=0.011)


async def test_a_long_turn_is_heard_in_windows_that_stay_short() -> None:
    model = Model()
    told = await follow(WhisperTurn(model.ask, EN), speech(60_000))
    check(told)
    assert told[-1].text == numbered(150)
    longest = max(len(window.samples) for _, window in model.windows) / 16
    assert longest <= 8000


@pytest.mark.parametrize("interim", [True, False])
async def test_a_replay_is_heard_in_windows_that_fit_the_model(interim: bool) -> None:
    model = Model()
    hearing = hearing_of(SttOptions(language="en", interim=interim), ("en",), "", 1, False)
    told = await follow(WhisperTurn(model.ask, hearing), speech(60_000, step_ms=60_000))
    check(told)
    assert told[-1].text == numbered(150)
    assert max(len(window.samples) for _, window in model.windows) <= LONGEST_MS * 16 < MAX_WINDOW_S * 16000


async def test_a_pause_is_answered_and_the_end_after_it_needs_no_pass() -> None:
    model = Model()
    told = await follow(WhisperTurn(model.ask, EN), speech(2000, PAUSE, AFTER_PAUSE_MS))
    check(told)
    settled = [each for each in told if each.settled]
    assert [each.text for each in settled] == [numbered(5)] == [told[-1].text]
    assert sum(urgency is Urgency.FINAL for urgency, _ in model.windows) == 1


async def test_an_answer_that_comes_after_the_next_pause_is_left_out() -> None:
    """Whoever asked would take it for the answer to the newer one."""
    model, gate = Model(), asyncio.Event()
    begun = asyncio.Event()

    async def slow(urgency: Urgency, make: Callable[[], Window]) -> Hypothesis:
        hypothesis = await model.ask(urgency, make)
        if urgency is Urgency.FINAL and not begun.is_set():
            begun.set()
            await gate.wait()
        return hypothesis

    async def audio() -> AsyncGenerator[Samples | Pause, None]:
        yield loud(1200)
        yield PAUSE
        await begun.wait()
        yield loud(1200)
        yield PAUSE
        gate.set()
        while sum(urgency is Urgency.FINAL for urgency, _ in model.windows) < 2:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)

    told = await follow(WhisperTurn(slow, EN), audio())
    assert [each.text for each in told if each.settled] == [numbered(6)]
    assert told[-1].text == numbered(6)


async def test_speech_after_a_pause_is_heard() -> None:
    model = Model()
    told = await follow(WhisperTurn(model.ask, EN), speech(2000, PAUSE, 2000, PAUSE, 100))
    check(told)
    assert [each.text for each in told if each.settled] == [numbered(5), numbered(10)]


async def test_a_slow_model_gives_interims_more_rarely() -> None:
    fast, slow = Model(), Model(cost_s=2)
    for model in (fast, slow):
        check(await follow(WhisperTurn(model.ask, EN), speech(10_000)))
    assert len(slow.windows) <= 10_000 * DUTY / 2000 + 2 < len(fast.windows) / 2


async def test_without_interims_there_is_one_pass() -> None:
    model = Model()
    hearing = hearing_of(SttOptions(language="en-GB", interim=False), ("en",), "Bern", 3, True)
    told = await follow(WhisperTurn(model.ask, hearing), speech(4000))
    assert [each.text for each in told] == [numbered(10)] and told[0].is_final
    window = model.windows[0][1]
    assert (window.language, window.hotwords, window.beam, window.full) == ("en", "Bern", 3, True)


@pytest.mark.parametrize("parts", [(), (PAUSE,), (100,)])
async def test_a_turn_of_nothing_is_an_empty_text(parts: tuple[int | Pause, ...]) -> None:
    told = await follow(WhisperTurn(Model().ask, EN), speech(*parts))
    assert (told[-1].text, told[-1].is_final, told[-1].confidence) == ("", True, 0.0)


async def test_the_language_is_found_out_once() -> None:
    model = Model()
    hearing = hearing_of(SttOptions(language="auto"), ("en", "de"), "", 1, False)
    told = await follow(WhisperTurn(model.ask, hearing), speech(6000))
    languages = [window.language for _, window in model.windows]
    assert languages[0] == "" and languages[-1] == "de" == told[-1].language
    assert languages == sorted(languages)


async def test_audio_that_fails_fails_the_turn() -> None:
    async def broken() -> AsyncGenerator[Samples | Pause, None]:
        yield loud(1000)
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        await follow(WhisperTurn(Model().ask, EN), broken())


async def test_closing_it_early_stops_reading() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[Samples | Pause, None]:
        try:
            while True:
                await asyncio.sleep(0)
                yield loud(100)
        finally:
            closed.set()

    audio = endless()
    following = WhisperTurn(Model().ask, EN).follow(audio)
    await anext(following)
    await following.aclose()
    await audio.aclose()
    assert closed.is_set()


def test_a_language_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match=r"language: 'fr' is not one of the model's: en, de"):
        hearing_of(SttOptions(language="fr"), ("en", "de"), "", 1, False)
    assert hearing_of(SttOptions(language="auto"), ("en",), "", 1, False).language == "en"


async def test_silence_is_not_heard_again_and_again() -> None:
    """Nothing was said since the last pass: the next one waits until something is."""

    async def audio(*levels: int) -> AsyncGenerator[Samples | Pause, None]:
        for level in levels:
            for _ in range(20):
                for _ in range(6):
                    await asyncio.sleep(0)
                yield loud(100, level)

    passes = {}
    for levels in ((4000, 4000), (4000, 100), (30, 4000), (30, 30)):
        model = Model()
        check(await follow(WhisperTurn(model.ask, EN), audio(*levels)))
        passes[levels] = sum(urgency is Urgency.INTERIM for urgency, _ in model.windows)
    assert passes[4000, 100] < passes[4000, 4000]  # the first 2 s, and one look at their end
    assert passes[30, 4000] < passes[4000, 4000]
    assert passes[30, 30] == 0


async def test_a_recording_is_one_pass_that_lets_others_go_first() -> None:
    model = Model()
    hearing = hearing_of(SttOptions(language="en", live=False), ("en",), "", 5, False)
    told = await follow(WhisperTurn(model.ask, hearing), speech(4000))
    assert [each.text for each in told] == [numbered(10)]
    assert [urgency for urgency, _ in model.windows] == [Urgency.FILE]


async def test_interims_come_more_rarely_as_the_window_grows() -> None:
    """All passes of a turn together cost at most 3.2 passes over the whole of it, whatever its length."""
    for ms in (1500, 3000, 5000):
        model = Model()
        check(await follow(WhisperTurn(model.ask, EN), speech(ms)))
        interims = [window.size for urgency, window in model.windows if urgency is Urgency.INTERIM]
        gaps = np.diff(interims[:-1])  # the end may come while the last is under way
        assert sorted(gaps) == list(gaps)
        assert sum(interims) <= 2.2 * model.windows[-1][1].size


async def test_interims_that_come_late_count_as_those_that_were_wanted() -> None:
    """A model that is behind makes fewer passes, and must not seem to have time to spare because of it."""

    class Busy(Model):
        async def ask(self, urgency: Urgency, make: Callable[[], Window]) -> Hypothesis:
            if urgency is Urgency.INTERIM:
                for _ in range(150):
                    await asyncio.sleep(0)
            return await super().ask(urgency, make)

    free, busy = Model(), Busy()
    turns = {model: WhisperTurn(model.ask, EN) for model in (free, busy)}
    for turn in turns.values():
        check(await follow(turn, speech(10_000)))
    assert len(busy.windows) < len(free.windows) / 2
    assert turns[busy].busy_s < turns[free].busy_s / 2
    assert turns[busy].wanted_s > 0.7 * turns[free].wanted_s
    assert turns[free].wanted_s == pytest.approx(turns[free].busy_s, rel=0.3)
