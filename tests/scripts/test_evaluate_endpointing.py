"""Where turns end, for a policy that is a function of what was said."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from evaluating import endpointing
from evaluating.endpointing import Clips, Detected, Labelled, Oracle, Policy, Recogniser, Turn
from evaluating.recordings import Recording, Span

from voicesrv.audio.pcm import INPUT_RATE, Samples
from voicesrv.engines.base import Pause, SttOptions, Transcript
from voicesrv.errors import EngineError
from voicesrv.events import SpokenWord
from voicesrv.testing import FakeStt, FakeVad

pytestmark = pytest.mark.anyio

WORDS = (
    SpokenWord("Turn", 500, 800),
    SpokenWord("on", 800, 1000),
    SpokenWord("and", 1000, 1300),  # 700 ms of thinking
    SpokenWord("off.", 2000, 2400),  # 600 ms of silence
    SpokenWord("Yes.", 3000, 3500),
)


def recording(*spans: Span, category: str = "turns", words: tuple[SpokenWord, ...] = WORDS) -> Recording:
    """Loud where words are."""
    samples = np.zeros(4 * INPUT_RATE, np.int16)
    for word in words:
        samples[word.start_ms * 16 : word.end_ms * 16] = 8000
    return Recording("one", category, "en", samples, "turn on and off yes", spans=spans, words=words)


SPANS = (Span(0.5, 2.4, "Turn on and off."), Span(3.0, 3.5, "Yes."))


async def ends(policy: Policy, of: Recording | None = None) -> list[float]:
    heard = endpointing.detected(of or recording(), FakeVad())
    return [turn.ended for turn in await endpointing.turns_in(heard, policy, Oracle())]


async def test_one_wait_whatever_is_said() -> None:
    assert await ends(endpointing.fixed(300)) == pytest.approx([1.6, 2.7, 3.8])
    assert await ends(endpointing.fixed(650)) == pytest.approx([1.96, 4.16])  # whole frames of 20 ms
    assert await ends(endpointing.fixed(800)) == pytest.approx([4.3])


async def test_a_policy_is_asked_with_the_text_so_far_at_each_pause() -> None:
    asked: list[tuple[str, str]] = []

    def wait_ms(text: str, language: str) -> int:
        asked.append((text, language))
        return 900 if text.endswith("and") else 300

    assert await ends(Policy("mine", 300, wait_ms, pause_ms=180)) == pytest.approx([2.7, 3.8])
    assert asked == [("Turn on and", "en"), ("Turn on and off.", "en"), ("Yes.", "en")]


async def test_a_policy_that_waits_the_same_is_as_one_wait() -> None:
    for ms in (300, 650, 800):
        same = Policy("same", ms, lambda text, language, ms=ms: ms, pause_ms=180)  # type: ignore[misc]
        assert await ends(same) == await ends(endpointing.fixed(ms))


async def test_the_servers_own_policy() -> None:
    policy = endpointing.adaptive(300, 1000, punctuated=True)
    assert policy.name == "300–1000"
    assert 0 < policy.pause_ms < 300
    assert policy.wait_ms("Turn on and", "en") == 1000
    assert policy.wait_ms("Turn on and off.", "en") == 300
    assert await ends(policy) == pytest.approx([2.7, 3.8])


async def test_the_oracle_knows_words_by_their_times_or_by_their_utterance() -> None:
    second = INPUT_RATE
    assert await Oracle()(recording(), second // 2, round(0.95 * second), second) == "Turn on"
    spread = recording(*SPANS, words=())
    assert await Oracle()(spread, second // 2, round(1.5 * second), 2 * second) == "Turn on"
    assert await Oracle()(spread, round(2.9 * second), 4 * second, 4 * second) == "Yes."
    assert Oracle.knows(recording())
    assert Oracle.knows(spread)
    assert not Oracle.knows(recording(*SPANS, Span(3.6, 3.7), words=()))
    assert not Oracle.knows(recording(words=()))


class Deaf(FakeStt):
    """Knows no language."""

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        raise EngineError("not in that language")
        yield


async def test_a_recogniser_hears_each_pause_once_and_from_before_the_turn() -> None:
    engine = FakeStt(["turn on and", "never"])
    text_so_far = Recogniser(engine)
    for _ in range(2):
        assert await text_so_far(recording(), INPUT_RATE, 2 * INPUT_RATE, 3 * INPUT_RATE) == "turn on and"
    assert engine.heard == [round(2.3 * INPUT_RATE)]
    assert await Recogniser(Deaf())(recording(), 0, 1, INPUT_RATE) == ""


def test_utterances_are_cut_joined_or_heard_with_a_delay() -> None:
    def labelled(*turns: Turn) -> Labelled:
        known = Labelled()
        known.compare(turns, SPANS)
        return known

    right = labelled(Turn(0.5, 0.6, 2.4, 2.7), Turn(3.0, 3.1, 3.5, 3.8))
    assert (right.n_heard, right.n_cut, right.n_joined) == (2, 0, 0)
    assert right.delays == pytest.approx([300, 300])
    assert right.onsets == pytest.approx([100, 100])
    cut = labelled(Turn(0.5, 0.6, 1.3, 1.6), Turn(2.0, 2.1, 2.4, 2.7), Turn(3.0, 3.1, 3.5, 3.8))
    assert (cut.n_heard, cut.n_cut, cut.n_joined) == (2, 1, 0)
    joined = labelled(Turn(0.5, 0.6, 3.5, 3.8))
    assert (joined.n_heard, joined.n_cut, joined.n_joined) == (2, 0, 1)
    assert joined.onsets == pytest.approx([100])
    assert labelled().n_heard == 0


def test_clips_are_cut_where_they_have_more_than_one_turn() -> None:
    one, two = Turn(0.5, 0.6, 1.3, 1.6), Turn(2.0, 2.1, 2.4, 3.0)
    clips = Clips.of([[one], [one, two], []])
    assert (clips.n_heard, clips.n_cut) == (2, 1)
    assert clips.waits == pytest.approx((300, 600))


async def test_the_figures_of_a_policy() -> None:
    def made(category: str, *spans: Span) -> Detected:
        return endpointing.detected(recording(*spans, category=category), FakeVad())

    silent = endpointing.detected(recording(words=(), category="long"), FakeVad())
    heard = [made("turns", *SPANS), made("negative"), made("clips"), made("clips", *SPANS), made("long"), silent]
    rows = (await endpointing.measured(heard, endpointing.fixed(300), Oracle())).rows
    assert rows["false starts a minute without speech"] == "45.0"  # three turns in four seconds
    assert rows["share of that audio taken for speech"] == "42.5 %"
    assert rows["recordings of speech in which no turn began"] == "1 of 5"
    assert rows["labelled utterances cut in two"] == "1 of 2"
    assert rows["labelled utterances joined with the next"] == "0 of 2"
    assert rows["one-sentence clips cut in two or more"] == "1 of 1"
    assert rows["silence that ended their last turn, p50 / p95 ms"] == "300 / 300"
    assert rows["clips of digits and letters cut in two or more"] == "1 of 1"
    assert rows["turns a minute in long recordings"] == "22.5"
