from __future__ import annotations

from itertools import pairwise

import pytest

from tests.engines.workers.speech import samples_of
from voicesrv.engines.workers.hearing import BYTES_PER_MS, START_MEAN, START_WEIGHT, Hearing, MeanMeter


@pytest.fixture(scope="module")
def hearing() -> Hearing:
    return Hearing()


def test_the_meter_weighs_the_start_and_what_was_heard() -> None:
    meter = MeanMeter()
    assert meter.mean == pytest.approx(START_MEAN)
    was = (40.0,) * 13
    told = (500 * 40.0 + 100 * 52.0) / 600  # what the decoder makes of 100 frames with a mean of 52
    meter.count(was, (told,) * 13, 100)
    assert meter.mean[0] == pytest.approx((START_WEIGHT * START_MEAN[0] + 100 * 52) / (START_WEIGHT + 100))


def test_frames_that_the_decoder_left_out_are_not_counted() -> None:
    meter = MeanMeter()
    meter.count((40.0,) * 13, (30.0,) * 13, 100)  # as if 100 frames had a mean of -20
    assert meter.mean == pytest.approx(START_MEAN)


def test_it_understands_a_command(hearing: Hearing) -> None:
    meter = MeanMeter()
    hearing.begin(meter.mean)
    samples = samples_of("en_go_forward.wav")
    for start in range(0, len(samples), 3200):
        hearing.hear(samples[start : start + 3200])
        hearing.adapt(meter)
    assert hearing.position == len(samples)
    words = hearing.finish(1000)
    assert [word.text for word in words] == ["go", "forward", "ten", "meters"]
    assert 1400 < words[0].start_ms < 1500  # it begins 0.45 s into the clip
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(words))
    assert words[-1].end_ms <= 1000 + len(samples) // BYTES_PER_MS
    assert all(0 <= word.confidence <= 1 for word in words)
    assert words[0].confidence > 0.9


def test_it_can_be_used_again_after_a_turn_that_was_dropped(hearing: Hearing) -> None:
    hearing.begin(START_MEAN)
    hearing.hear(samples_of("en_austen_0880.wav"))
    hearing.drop()
    hearing.begin(START_MEAN)
    assert hearing.words(0) == []
    assert hearing.finish(0) == []


def test_the_meter_finds_the_mean_of_a_clip(hearing: Hearing) -> None:
    samples = samples_of("en_austen_0880.wav")
    meter = MeanMeter()
    hearing.begin(meter.mean)
    for start in range(0, len(samples), 9600):
        hearing.hear(samples[start : start + 9600])
        hearing.adapt(meter)
    hearing.drop()
    # 50.8 is the decoder's own batch mean of this clip; the start counts for 0.3 s of its 3.
    assert meter.mean[0] == pytest.approx(50.8, abs=1.5)


def test_fillers_and_variants_are_not_words(hearing: Hearing) -> None:
    hearing.begin(START_MEAN)
    hearing.hear(samples_of("en_libri_251_testing.wav"))
    texts = [word.text for word in hearing.finish(0)]
    assert "testing" in texts
    assert not [text for text in texts if any(sign in text for sign in "<>[]()+")]
