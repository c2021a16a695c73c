"""The listener: the same bytes give the same turns, however they were cut into messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voicesrv.audio.encodings import alaw_encode, mulaw_encode
from voicesrv.audio.pcm import Samples, to_float32
from voicesrv.conversation.listener import (
    KEPT_MS,
    PRE_ROLL_MS,
    Ended,
    Heard,
    LikelyEnded,
    Listener,
    Noticed,
    Paused,
    Resumed,
    Started,
)
from voicesrv.events import EndCause
from voicesrv.options import Options, changed
from voicesrv.testing import FakeVad


def listener(received_ms: int = 0, **options: Any) -> Listener:
    return Listener(FakeVad(), changed(Options(), options), received_ms)


def sound(*parts: int, rate: int = 16000) -> Samples:
    """Loud for the positive numbers of ms, silent for the negative ones; no two samples near each other are equal."""
    pieces = []
    at = 0
    for ms in parts:
        n = abs(ms) * rate // 1000
        ramp = np.arange(at, at + n) % 251
        pieces.append(ramp + 8000 if ms > 0 else ramp - 125)
        at += n
    return np.concatenate(pieces).astype(np.int16)


@dataclass
class Turn:
    """What was noticed of one turn."""

    started: Started
    samples: list[int] = field(default_factory=list)
    pauses: list[tuple[int, int]] = field(default_factory=list)  # at_ms, and the audio given before it
    n_asked: int = 0
    resumes: list[int] = field(default_factory=list)
    ended: Ended | None = None


def turns_of(noticed: Sequence[Noticed]) -> list[Turn]:
    """Put together what belongs to one turn; anything out of order fails."""
    turns: list[Turn] = []
    for each in noticed:
        if isinstance(each, Started):
            assert not turns or turns[-1].ended
            turns.append(Turn(each))
            continue
        turn = turns[-1]
        assert turn.ended is None
        match each:
            case Heard(samples=samples):
                assert samples.dtype == np.int16 and len(samples)
                turn.samples += samples.tolist()
            case Paused():
                turn.n_asked += 1
            case LikelyEnded(at_ms=at_ms):
                assert turn.n_asked == len(turn.pauses) + 1  # what was said is asked for first
                turn.pauses.append((at_ms, len(turn.samples)))
            case Resumed(at_ms=at_ms):
                turn.resumes.append(at_ms)
            case Ended():
                turn.ended = each
    return turns


def fed(it: Listener, data: bytes, cuts: Sequence[int] = ()) -> list[Noticed]:
    noticed: list[Noticed] = []
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in pairwise(edges):
        noticed += it.feed(data[start:end])
    return noticed


# Loud, short pause, loud, a click, long silence, and a second turn that is still open at the end.
SPEECH = sound(-430, 610, -250, 400, -230, 30, -600, 500, -100)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, len(SPEECH) * 2), max_size=30), st.sampled_from([0, 7, 64, 640, 641, 3200]))
def test_any_cut_of_the_bytes_gives_the_same_turns(cuts: list[int], every: int) -> None:
    data = SPEECH.tobytes()
    whole, cut = listener(eager_ms=100), listener(eager_ms=100)
    expected = turns_of([*whole.feed(data), *whole.end(EndCause.FINALIZE)])
    if every:
        cuts = [*cuts, *range(0, len(data), every)]
    assert turns_of([*fed(cut, data, cuts), *cut.end(EndCause.FINALIZE)]) == expected
    assert cut.received_ms == whole.received_ms == len(SPEECH) // 16

    assert [turn.ended.cause if turn.ended else None for turn in expected] == [EndCause.SILENCE, EndCause.FINALIZE]
    for turn in expected:
        assert turn.ended is not None
        start, end = turn.started.audio_from_ms * 16, turn.ended.at_ms * 16
        assert turn.samples[: end - start] == SPEECH[start:end].tolist()
        assert len(turn.samples) - (end - start) < FakeVad.frame_samples  # what no frame was full of yet
    first = expected[0]
    assert first.started == Started(420, 420 - PRE_ROLL_MS)  # the 20 ms frame in which it becomes loud
    assert [at_ms for at_ms, _ in first.pauses] == [1140, 1800]
    assert first.resumes == [1360]
    assert all(n == (at_ms - first.started.audio_from_ms) * 16 for at_ms, n in first.pauses)


def test_tiny_messages_do_not_make_tiny_blocks() -> None:
    """A client that sends sample by sample costs the messages, not a block of memory for each."""
    it = listener()
    data = sound(-500, 2000).tobytes()
    heard = [each for each in fed(it, data, range(0, len(data), 2)) if isinstance(each, Heard)]
    assert len(heard) < 2300 // 10 + 1
    assert len(it._recent) <= KEPT_MS // 10 + 2


def test_a_stream_of_silence_is_forgotten() -> None:
    it = listener()
    for _ in range(60):
        it.feed(bytes(32_000))
    assert sum(len(samples) for _, samples in it._recent) <= (KEPT_MS + 1000) * 16


def test_a_pre_roll_never_holds_what_an_earlier_turn_had() -> None:
    it = listener(endpointing_ms=100)
    audio = sound(-40, 400, -100, 400, -200)
    first, second = turns_of(it.feed(audio.tobytes()))
    assert first.ended is not None
    assert second.started.audio_from_ms == first.ended.at_ms
    assert (
        first.samples + second.samples
        == audio[first.started.audio_from_ms * 16 :][: len(first.samples + second.samples)].tolist()
    )


def test_a_long_turn_is_cut_without_losing_a_sample() -> None:
    it = listener()
    audio = sound(-100, 125_000, -400)
    turns = turns_of(fed(it, audio.tobytes(), range(0, len(audio) * 2, 3001)))
    assert [turn.ended and turn.ended.cause for turn in turns] == [EndCause.TIMEOUT, EndCause.TIMEOUT, EndCause.SILENCE]
    samples = [sample for turn in turns for sample in turn.samples]
    assert turns[0].started.audio_from_ms == 0
    assert samples == audio[: len(samples)].tolist() and len(samples) >= 125_400 * 16


def test_the_end_of_no_turn_is_nothing() -> None:
    it = listener()
    assert not it.speaking and it.end(EndCause.FINALIZE) == []
    it.feed(sound(-100, 50).tobytes())
    assert it.end(EndCause.CLOSE) == []  # too short to be a turn
    assert it.feed(b"") == ()


def test_times_go_on_from_another_process() -> None:
    it = listener(received_ms=5000)
    assert it.received_ms == 5000
    (turn,) = turns_of(it.feed(sound(-400, 400, -400).tobytes()))
    assert it.received_ms == 6200
    assert turn.started == Started(5400, 5100)
    assert turn.ended == Ended(5800, 6100, EndCause.SILENCE)


# --- formats ------------------------------------------------------------------------------------


def encoded(samples: Samples, encoding: str, channels: int) -> bytes:
    if channels == 2:
        samples = np.repeat(samples, 2)
    match encoding:
        case "linear16":
            return samples.tobytes()
        case "mulaw":
            return mulaw_encode(samples)
        case "alaw":
            return alaw_encode(samples)
        case _:
            return to_float32(samples).tobytes()


@pytest.mark.parametrize("encoding", ["linear16", "mulaw", "alaw", "float32"])
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_is_heard_alike(encoding: str, rate: int, channels: int) -> None:
    it = listener(encoding=encoding, sample_rate=rate, channels=channels)
    audio = sound(-500, 1000, -700, rate=rate)
    data = encoded(audio, encoding, channels)
    (turn,) = turns_of(fed(it, data, range(0, len(data), 997)))
    assert turn.ended is not None and turn.ended.cause is EndCause.SILENCE
    assert turn.started.start_ms == pytest.approx(500, abs=25)
    assert turn.ended.speech_end_ms == pytest.approx(1500, abs=25)
    assert turn.ended.at_ms == turn.ended.speech_end_ms + 300
    assert len(turn.samples) == (turn.ended.at_ms - turn.started.audio_from_ms) * 16
    assert it.received_ms == len(audio) * 1000 // rate


BYTES = {"linear16": 2, "mulaw": 1, "alaw": 1, "float32": 4}
RATES = [8000, 11025, 16000, 22050, 44100, 44101, 48000]
FORMATS = st.tuples(st.sampled_from(sorted(BYTES)), st.sampled_from(RATES), st.sampled_from([1, 2]))


@settings(deadline=None)
@example([(("alaw", 22050, 2), [19873]), (("alaw", 44100, 1), [2618])])  # 510 ms, of which floats make 509.9999
@given(st.lists(st.tuples(FORMATS, st.lists(st.integers(0, 20_000), max_size=4)), max_size=6))
def test_received_ms_is_exact(formats: list[tuple[tuple[str, int, int], list[int]]]) -> None:
    """To the last byte, over any number of changes of format, whole samples or not."""
    it = listener()
    exact = Fraction(0)
    for (encoding, rate, channels), lengths in formats:
        it.configure(changed(Options(), {"encoding": encoding, "sample_rate": rate, "channels": channels}))
        for n in lengths:
            it.feed(bytes(n))
            exact += Fraction(n * 1000, BYTES[encoding] * channels * rate)
            assert it.received_ms == int(exact)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_received_ms_is_whole_where_the_audio_is(rate: int) -> None:
    it = listener(sample_rate=rate, encoding="mulaw")
    for second in range(1, 200):
        it.feed(bytes(rate))
        assert it.received_ms == second * 1000


# --- changes on the way -------------------------------------------------------------------------


def test_an_open_turn_goes_on_in_another_format() -> None:
    it = listener()
    noticed = [*it.feed(sound(-400, 400).tobytes() + b"\x01")]  # half a sample is lost with its format
    it.configure(changed(Options(), {"encoding": "mulaw", "sample_rate": 8000}))
    noticed += it.feed(mulaw_encode(sound(600, -400, rate=8000)))
    (turn,) = turns_of(noticed)
    assert turn.started.start_ms == 400
    assert turn.ended is not None
    assert turn.ended.speech_end_ms == pytest.approx(1400, abs=25)
    assert it.received_ms == 1800


@pytest.mark.parametrize(("rate", "n_skipped"), [(16000, 640_002), (48000, 96_006)])
def test_what_is_skipped_is_counted_and_the_samples_after_it_are_whole(rate: int, n_skipped: int) -> None:
    it = listener(received_ms=5000, sample_rate=rate)
    skipped, heard = bytes(n_skipped), sound(-400, 400, -400, rate=rate).tobytes()
    it.feed(skipped[:1])
    it.skip(skipped[1:])
    noticed = it.feed(heard)
    skipped_ms = n_skipped * 500 / rate
    (turn,) = turns_of(noticed)
    assert turn.ended is not None
    assert turn.started.start_ms == pytest.approx(5000 + skipped_ms + 400, abs=20)
    assert turn.ended.speech_end_ms == pytest.approx(5000 + skipped_ms + 800, abs=20)
    assert it.received_ms == int(5000 + skipped_ms + 1200)


def test_other_waits_hold_from_here_on() -> None:
    it = listener(endpointing_ms=0)
    assert len(turns_of(it.feed(sound(-400, 400, -5000).tobytes()))) == 1
    assert it.speaking
    it.configure(changed(Options(), {"endpointing_ms": 500}))
    (ended,) = [each for each in it.feed(bytes(640)) if isinstance(each, Ended)]
    assert ended.cause is EndCause.SILENCE
    assert ended.speech_end_ms == 800


def test_who_comes_back_begins_with_a_whole_sample() -> None:
    """What was sent before the network broke may have ended inside one; a client sends on from ``received_ms``."""
    it = listener()
    audio = sound(-400, 400, -400)
    data = audio.tobytes()
    noticed = [*it.feed(data[: 500 * 32 + 1])]
    it.rejoin()
    assert it.received_ms == 500
    noticed += it.feed(data[500 * 32 :])
    (turn,) = turns_of(noticed)
    start = turn.started.audio_from_ms * 16
    assert turn.samples == audio[start : start + len(turn.samples)].tolist()
    assert it.received_ms == 1200
