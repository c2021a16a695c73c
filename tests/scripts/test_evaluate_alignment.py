"""When the words of a recording were said."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from evaluating.alignment import Aligner
from evaluating.recordings import Recording, listed

SPEECH = Path(__file__).parents[1] / "data" / "speech"


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return Aligner()


def recorded(name: str) -> Recording:
    return next(each for each in listed(SPEECH / "manifest.json") if each.name == name)


def test_words_are_found_where_they_were_said(aligner: Aligner) -> None:
    recording = recorded("en_go_forward")
    found = aligner.aligned(recording)
    assert found is not None
    assert [word.text for word in found.words] == ["go", "forward", "ten", "meters."]
    loud = [abs(recording.samples[word.start_ms * 16 : word.end_ms * 16].astype(int)).mean() for word in found.words]
    assert min(loud) > 3 * abs(recording.samples[: found.words[0].start_ms * 16].astype(int)).mean()
    assert all(a.end_ms <= b.start_ms for a, b in zip(found.words, found.words[1:], strict=False))
    assert 1500 < found.words[-1].end_ms - found.words[0].start_ms < 2500  # it lasts 2.8 s, silence included


def test_words_are_as_they_are_written(aligner: Aligner) -> None:
    found = aligner.aligned(recorded("en_jfk_inaugural"))
    assert found is not None
    assert " ".join(word.text for word in found.words) == found.written
    assert found.words[4].text == "Americans:" and found.written.endswith(".")


@pytest.mark.parametrize("written", ["", "nonesuchword forward", "你好"])
def test_what_cannot_be_found_is_left(aligner: Aligner, written: str) -> None:
    assert aligner.aligned(replace(recorded("en_go_forward"), written=written)) is None
