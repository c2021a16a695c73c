from __future__ import annotations

import json
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicesrv.conversation.endpointing import (
    Endpointer,
    EndpointingOptions,
    SpeechEnded,
    SpeechEvent,
    SpeechLikelyEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from voicesrv.engines.silero_vad import SileroVad
from voicesrv.events import EndCause

SPEECH = Path(__file__).parents[1] / "data" / "speech"
FRAME = 160  # 10 ms, so that a character below is 10 ms
OPTIONS = EndpointingOptions(min_speech_ms=50, resume_ms=30, max_gap_ms=20, max_turn_ms=1000)
LEVELS = {".": 0.0, "-": 0.3, "#": 1.0}
"""Silence, what lies between the two thresholds, speech."""


def ms(event: SpeechEvent) -> tuple[Any, ...]:
    """An event with its samples as ms."""
    match event:
        case SpeechStarted(start, at):
            return "started", start // 16, at // 16
        case SpeechPaused(last_speech, at):
            return "paused", last_speech // 16, at // 16
        case SpeechLikelyEnded(last_speech, at):
            return "likely", last_speech // 16, at // 16
        case SpeechResumed(at):
            return "resumed", at // 16
        case SpeechEnded(last_speech, at, cause):
            return str(cause), last_speech // 16, at // 16


def levels(pattern: str) -> NDArray[np.float32]:
    return np.array([LEVELS[character] for character in pattern], np.float32)


def heard(pattern: str, *, endpointing_ms: int = 100, eager_ms: int = 0, pause_ms: int = 0) -> list[tuple[Any, ...]]:
    endpointer = Endpointer(FRAME, OPTIONS, endpointing_ms=endpointing_ms, eager_ms=eager_ms, pause_ms=pause_ms)
    return [ms(event) for event in endpointer.push(levels(pattern))]


# --- start --------------------------------------------------------------------------------------


def test_speech_starts_at_its_first_frame_once_there_is_enough_of_it() -> None:
    assert heard("...####") == []
    assert heard("...#####") == [("started", 30, 80)]


@pytest.mark.parametrize("pattern", ["#", "####", "..####......", "#...#...#...#...#...#", "-----------"])
def test_clicks_coughs_and_murmurs_start_nothing(pattern: str) -> None:
    assert heard(pattern + "." * 50) == []


def test_brief_gaps_do_not_set_the_count_back() -> None:
    assert heard("##..##..#") == [("started", 0, 90)]
    assert heard("##...#####") == [("started", 50, 100)]


# --- end ----------------------------------------------------------------------------------------


def test_silence_ends_the_turn_where_the_speech_ended() -> None:
    assert heard("#####.........") == [("started", 0, 50)]
    assert heard("#####..........") == [("started", 0, 50), ("silence", 50, 150)]


def test_waits_are_rounded_up_to_whole_frames() -> None:
    assert heard("#####..........", endpointing_ms=91)[1:] == [("silence", 50, 150)]
    assert heard("#####..........", endpointing_ms=90)[1:] == [("silence", 50, 140)]


def test_what_lies_between_the_thresholds_goes_on_as_it_was() -> None:
    assert heard("#####---...........")[1:] == [("silence", 80, 180)]
    assert heard("#####.---.---.---..")[1:] == [("silence", 50, 150)]


def test_a_click_neither_holds_the_turn_open_nor_counts_as_its_end() -> None:
    assert heard("#####...##..............")[1:] == [("silence", 50, 150)]


def test_a_click_at_the_last_moment_is_waited_for() -> None:
    assert heard("#####.........#.........")[1:] == [("silence", 50, 180)]
    # Had it gone on, the turn would have gone on.
    assert heard("#####.........###.......")[1:] == []


def test_speech_goes_on_after_a_short_silence() -> None:
    assert heard("#####........#####..........")[1:] == [("silence", 180, 280)]


def test_turns_follow_each_other() -> None:
    assert heard("#####..........#####..........") == [
        ("started", 0, 50),
        ("silence", 50, 150),
        ("started", 150, 200),
        ("silence", 200, 300),
    ]


# --- eager --------------------------------------------------------------------------------------


def test_a_pause_comes_before_the_end() -> None:
    events = [("paused", 50, 90), ("likely", 50, 90), ("silence", 50, 150)]
    assert heard("#####..........", eager_ms=40)[1:] == events


def test_words_may_be_asked_for_before_the_end_is_likely_and_never_later() -> None:
    def after(**waits: int) -> list[tuple[Any, ...]]:
        return heard("#####..........", **waits)[1:-1]

    assert after(pause_ms=40) == [("paused", 50, 90)]
    assert after(pause_ms=40, eager_ms=70) == [("paused", 50, 90), ("likely", 50, 120)]
    assert after(pause_ms=90, eager_ms=40) == [("paused", 50, 90), ("likely", 50, 90)]
    assert after(pause_ms=100) == []


def test_speech_after_a_pause_resumes() -> None:
    assert heard("#####......####....", eager_ms=40)[1:] == [
        *(("paused", 50, 90), ("likely", 50, 90), ("resumed", 140)),
        *(("paused", 150, 190), ("likely", 150, 190)),
    ]


def test_a_click_after_a_pause_resumes_nothing() -> None:
    events = [("paused", 50, 90), ("likely", 50, 90), ("silence", 50, 150)]
    assert heard("#####......#....", eager_ms=40)[1:] == events


def test_speech_before_the_pause_needs_no_resuming() -> None:
    assert heard("#####...#####", eager_ms=40)[1:] == []


@pytest.mark.parametrize("eager_ms", [0, 100, 200])
def test_no_pause_without_time_for_it(eager_ms: int) -> None:
    assert heard("#####..........", eager_ms=eager_ms)[1:] == [("silence", 50, 150)]


def test_push_to_talk_pauses_but_does_not_end() -> None:
    assert heard("#####" + "." * 90, endpointing_ms=0, pause_ms=40)[1:] == [("paused", 50, 90)]


# --- cutting ------------------------------------------------------------------------------------


def test_a_turn_is_cut_at_its_limit_and_goes_on_without_a_gap() -> None:
    assert heard("..." + "#" * 250) == [
        ("started", 30, 80),
        ("timeout", 1030, 1030),
        ("started", 1030, 1030),
        ("timeout", 2030, 2030),
        ("started", 2030, 2030),
    ]


def test_a_turn_that_is_cut_in_silence_does_not_go_on() -> None:
    assert heard("#####" + "." * 200, endpointing_ms=0) == [("started", 0, 50), ("timeout", 50, 1000)]


# --- from outside -------------------------------------------------------------------------------


def test_end_ends_an_open_turn_now() -> None:
    endpointer = Endpointer(FRAME, OPTIONS, endpointing_ms=100)
    endpointer.push(levels("#####..."))
    assert endpointer.speaking
    ended = endpointer.end(EndCause.FINALIZE)
    assert ended == SpeechEnded(50 * 16, 80 * 16, EndCause.FINALIZE)
    assert not endpointer.speaking
    assert endpointer.end(EndCause.CLOSE) is None
    assert endpointer.push(levels("." * 50)) == ()


def test_end_without_a_turn_is_nothing_and_forgets_the_start_of_one() -> None:
    endpointer = Endpointer(FRAME, OPTIONS)
    endpointer.push(levels("####"))
    assert endpointer.end(EndCause.FINALIZE) is None
    assert endpointer.push(levels("####")) == ()


def test_speech_that_goes_on_after_end_is_a_new_turn() -> None:
    endpointer = Endpointer(FRAME, OPTIONS)
    endpointer.push(levels("########"))
    endpointer.end(EndCause.FINALIZE)
    assert [ms(event) for event in endpointer.push(levels("#####"))] == [("started", 80, 130)]


def test_waits_can_change_in_an_open_turn() -> None:
    endpointer = Endpointer(FRAME, OPTIONS, endpointing_ms=0)
    endpointer.push(levels("#####" + "." * 20))
    endpointer.set_waits(300, 230)
    assert [ms(event) for event in endpointer.push(levels("." * 10))] == [
        *(("paused", 50, 280), ("likely", 50, 280), ("silence", 50, 350))
    ]


def test_waits_that_shrink_below_the_silence_so_far_end_the_turn_once() -> None:
    endpointer = Endpointer(FRAME, OPTIONS, endpointing_ms=300)
    endpointer.push(levels("#####" + "." * 20 + "#"))
    endpointer.set_waits(100, 0)
    assert [ms(event) for event in endpointer.push(levels("#####"))] == [("silence", 50, 270)]
    assert [ms(event) for event in endpointer.push(levels("#"))] == [("started", 270, 320)]


def test_an_open_turn_may_be_given_a_wait_of_its_own() -> None:
    endpointer = Endpointer(FRAME, OPTIONS, endpointing_ms=100)
    endpointer.push(levels("#####" + "." * 8))
    endpointer.wait(200)
    assert [ms(event) for event in endpointer.push(levels("." * 12))] == [("silence", 50, 250)]
    endpointer.wait(200)  # no turn is open: nothing to hold
    assert [ms(event) for event in endpointer.push(levels("#####" + "." * 10))] == [
        *(("started", 250, 300), ("silence", 300, 400))
    ]


def test_a_wait_that_is_over_already_ends_the_turn_at_once() -> None:
    endpointer = Endpointer(FRAME, OPTIONS, endpointing_ms=200)
    endpointer.push(levels("#####" + "." * 12))
    endpointer.wait(100)
    assert [ms(event) for event in endpointer.push(levels("."))] == [("silence", 50, 180)]


def test_a_wait_ends_no_turn_that_only_finalize_ends() -> None:
    endpointer = Endpointer(FRAME, OPTIONS, endpointing_ms=0)
    endpointer.push(levels("#####"))
    endpointer.wait(50)
    assert endpointer.push(levels("." * 20)) == ()


def test_heard_counts_every_frame() -> None:
    endpointer = Endpointer(FRAME, OPTIONS)
    assert endpointer.heard == 0
    endpointer.push(levels("..##.-#####"))
    assert endpointer.heard == 11 * FRAME


def test_nothing_is_the_same_nothing_every_time() -> None:
    endpointer = Endpointer(FRAME, OPTIONS)
    assert endpointer.push(levels("...")) is endpointer.push(levels("."))


# --- any stream ---------------------------------------------------------------------------------

STREAMS = st.text(alphabet="..--####", max_size=400)
WAITS = st.tuples(*map(st.sampled_from, ([0, 50, 100, 200], [0, 20, 60, 150], [0, 20, 80])))


@given(STREAMS, WAITS, st.lists(st.integers(0, 40), max_size=12))
def test_any_split_gives_the_same_events(pattern: str, waits: tuple[int, int, int], sizes: list[int]) -> None:
    stream = levels(pattern)
    whole = Endpointer(FRAME, OPTIONS, endpointing_ms=waits[0], eager_ms=waits[1], pause_ms=waits[2])
    pieces = Endpointer(FRAME, OPTIONS, endpointing_ms=waits[0], eager_ms=waits[1], pause_ms=waits[2])
    events = [event for part in np.split(stream, np.cumsum(sizes)) for event in pieces.push(part)]
    assert events == list(whole.push(stream))
    assert pieces.heard == whole.heard == len(pattern) * FRAME
    assert pieces.speaking == whole.speaking


@given(STREAMS, WAITS)
def test_events_of_any_stream_make_sense(pattern: str, waits: tuple[int, int, int]) -> None:
    endpointer = Endpointer(FRAME, OPTIONS, endpointing_ms=waits[0], eager_ms=waits[1], pause_ms=waits[2])
    events: Sequence[SpeechEvent] = endpointer.push(levels(pattern))
    if ended := endpointer.end(EndCause.CLOSE):
        events = [*events, ended]
    open_since, paused, likely, last_at, last_end = -1, False, False, 0, 0
    for event in events:
        assert event.at >= last_at
        last_at = event.at
        match event:
            case SpeechStarted(start, at):
                assert open_since < 0
                assert last_end <= start <= at
                assert start == last_end or pattern[start // FRAME] == "#"
                open_since = start
            case SpeechPaused(last_speech, at):
                assert open_since <= last_speech < at
                assert not paused
                paused = True
            case SpeechLikelyEnded(last_speech, at):
                assert open_since <= last_speech < at
                assert paused and not likely
                likely = True
            case SpeechResumed():
                assert paused
                paused = likely = False
            case SpeechEnded(last_speech, at, cause):
                assert 0 <= open_since <= last_speech <= at
                assert at - open_since <= OPTIONS.max_turn_ms * 16
                assert cause is not EndCause.SILENCE or at - last_speech >= waits[0] * 16
                open_since, paused, likely, last_end = -1, False, False, at
    assert open_since < 0


# --- real speech --------------------------------------------------------------------------------

MANIFEST: list[dict[str, Any]] = json.loads((SPEECH / "manifest.json").read_text())


async def events_of(entry: dict[str, Any], endpointing_ms: int) -> list[SpeechEvent]:
    """What the default detector and thresholds find in a recording and a second of silence."""
    with wave.open(str(SPEECH / entry["file"])) as reader:
        samples = np.frombuffer(reader.readframes(reader.getnframes()) + bytes(32_000), "<i2")
    frames = samples[: samples.size // 512 * 512].reshape(-1, 512).astype(np.int16)
    endpointer = Endpointer(512, endpointing_ms=endpointing_ms)
    async with SileroVad() as vad:
        return list(endpointer.push(vad.open().process(frames)))


@pytest.mark.anyio
@pytest.mark.parametrize("entry", [e for e in MANIFEST if e["category"] == "negative"], ids=lambda e: str(e["id"]))
async def test_sounds_that_are_no_speech_start_no_turn(entry: dict[str, Any]) -> None:
    assert await events_of(entry, 300) == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "n_turns"),
    [
        ("en_austen_0880", 1),
        ("en_libri_251_testing", 1),
        ("en_go_forward", 1),
        ("en_jfk_inaugural", 3),  # he pauses for over a second, twice
    ],
)
async def test_every_utterance_is_a_turn(name: str, n_turns: int) -> None:
    events = await events_of(next(e for e in MANIFEST if e["id"] == name), 800)
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded] * n_turns


@pytest.mark.anyio
async def test_turns_begin_and_end_where_they_were_spoken() -> None:
    entry = next(e for e in MANIFEST if e["category"] == "turns")
    events = await events_of(entry, 300)
    spans = entry["segments"]["spans"]
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded] * len(spans)
    for span, started, ended in zip(spans, events[::2], events[1::2], strict=True):
        assert isinstance(started, SpeechStarted)
        assert isinstance(ended, SpeechEnded)
        assert started.start / 16_000 == pytest.approx(span["start"], abs=0.15)
        assert ended.last_speech / 16_000 == pytest.approx(span["end"], abs=0.2)
        assert started.at / 16_000 < span["start"] + 0.25
        assert ended.at / 16_000 < span["end"] + 0.45
