"""Recordings are cut as the server cuts them, and given to an engine by many streams."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from evaluating import hearing
from evaluating.recordings import Recording

from voicesrv.audio.pcm import INPUT_RATE, Samples
from voicesrv.engines.base import PAUSE, Pause, SttOptions, Transcript
from voicesrv.errors import EngineUnavailable
from voicesrv.testing import FakeStt, FakeVad

pytestmark = pytest.mark.anyio


def sounds(*parts_ms: int) -> Samples:
    """Silence and tone by turns, silence first."""
    parts = [np.full(ms * 16, 8000 * (i % 2), np.int16) for i, ms in enumerate(parts_ms)]
    return np.concatenate(parts)


def recording(samples: Samples, name: str = "one", text: str = "hello there", language: str = "en") -> Recording:
    return Recording(name, "clips", language, samples, text)


def test_a_whole_recording_is_one_turn_of_blocks_that_end_when_they_were_spoken() -> None:
    samples = np.arange(INPUT_RATE // 4, dtype=np.int16)
    prepared = hearing.whole(recording(samples))
    (turn,) = prepared.turns
    assert [at_ms for at_ms, _ in turn.blocks] == [100, 200, 250]
    assert np.array_equal(turn.samples, samples)
    assert (turn.from_ms, turn.end_ms, turn.seconds) == (0, 250, 0.25)


def test_a_detector_cuts_as_the_server_does() -> None:
    prepared = hearing.cut(recording(sounds(500, 1000, 240, 500, 1000, 700)), FakeVad(), endpointing_ms=300)
    first, second = prepared.turns
    # The pre-roll goes before the speech, the wait behind it; a pause of 240 ms is marked, and ends nothing.
    assert (first.from_ms, first.end_ms) == (200, 2540)
    assert (second.from_ms, second.end_ms) == (2940, 4240)
    for turn in (first, second):
        assert turn.seconds * 1000 == turn.end_ms - turn.from_ms
        times = [at_ms for at_ms, _ in turn.blocks]
        assert times == sorted(times)
        assert times[-1] <= turn.end_ms
    pauses = [at_ms for at_ms, block in first.blocks if block is PAUSE]
    assert pauses == [1680, 2420]  # 180 ms into each silence


def test_speech_up_to_the_end_of_a_recording_has_silence_behind_it() -> None:
    (turn,) = hearing.cut(recording(sounds(100, 1000)), FakeVad(), endpointing_ms=500).turns
    assert turn.end_ms == 1600


def test_silence_has_no_turns() -> None:
    assert hearing.cut(recording(sounds(1000)), FakeVad(), endpointing_ms=300).turns == ()


async def test_every_recording_is_heard_once_whatever_the_number_of_streams() -> None:
    prepared = [hearing.whole(recording(sounds(0, 300), name)) for name in "abcde"]
    shown: list[hearing.HeardRecording] = []
    load = await hearing.load(FakeStt(), prepared, 2, SttOptions(), in_real_time=False, on_heard=shown.append)
    assert sorted(heard.recording.name for heard in load.heard) == list("abcde")
    assert shown == list(load.heard)
    for heard in load.heard:
        assert [told.transcript.text for told in heard.turns[0].told] == ["hello"] * 3 + ["hello there"]
        assert heard.turns[0].text == "hello there"
    assert load.busy_s is None, "it does not tell"


async def test_the_time_is_over_before_the_first() -> None:
    prepared = [hearing.whole(recording(sounds(0, 300)))]
    load = await hearing.load(FakeStt(), prepared, 2, SttOptions(), in_real_time=False, seconds=0)
    assert load.heard == ()


class Busy(FakeStt):
    """Tells that each block took 10 ms; full for ``full`` streams."""

    full = 0

    def __init__(self) -> None:
        super().__init__()
        self.busy_s = 0.0
        self.asked: list[SttOptions] = []

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        self.asked.append(options)
        if self.full:
            self.full -= 1
            raise EngineUnavailable("full")
        async for transcript in super().transcribe(audio, options):
            self.busy_s += 0.01
            yield transcript


async def test_passes_are_added_up_where_the_engine_tells() -> None:
    engine = Busy()
    prepared = [hearing.whole(recording(sounds(0, 300), name)) for name in "ab"]
    offline = await hearing.offline(engine, prepared, SttOptions())
    assert [each.busy_s for each in offline.values()] == pytest.approx([0.02, 0.02])  # a block and the end
    assert offline["a"].texts == ("hello there",)
    load = await hearing.load(engine, prepared, 1, SttOptions(), in_real_time=False)
    assert load.busy_s == pytest.approx(0.08)
    assert [options.interim for options in engine.asked] == [False, False, True, True]


async def test_a_turn_without_room_is_lost_and_the_others_go_on() -> None:
    engine = Busy()
    engine.full = 1
    prepared = [hearing.whole(recording(sounds(0, 300), name)) for name in "ab"]
    load = await hearing.load(engine, prepared, 1, SttOptions(), in_real_time=False)
    assert [(heard.turns[0].lost, heard.turns[0].text) for heard in load.heard] == [(True, ""), (False, "hello there")]


@pytest.mark.parametrize(
    ("asked", "text", "given"), [("en", "ja", "en"), ("auto", "ja", "auto"), ("each", "ja", "de"), ("each", "", "auto")]
)
async def test_languages(asked: str, text: str, given: str) -> None:
    of = recording(sounds(0, 300), text=text, language="de" if text else "none")
    assert hearing.options_for(of, SttOptions(asked)).language == given
