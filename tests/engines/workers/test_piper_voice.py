# ruff: noqa: RUF001 - letters of the IPA look like others

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.engines.workers.voices import MICRO, unknowing, untold
from voicesrv.engines.workers.piper_voice import BadVoice, Manner, Voice

STILL = Manner(noise_scale=0, noise_w_scale=0)


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice(MICRO, 1)


def copied(folder: Path, **changes: Any) -> Path:
    """The voice with another description."""
    path = folder / "voice.onnx"
    shutil.copy(MICRO, path)
    described = json.loads(Path(f"{MICRO}.json").read_text()) | changes
    kept = {key: value for key, value in described.items() if value is not None}
    Path(f"{path}.json").write_text(json.dumps(kept))
    return path


def test_it_speaks_and_tells_how_long(voice: Voice) -> None:
    (symbols,) = voice.phonemes("Hello there.")
    spoken = voice.speak(symbols, STILL)
    assert spoken.samples.dtype == np.int16
    assert spoken.lengths is not None
    assert len(spoken.lengths) == len(symbols) + 2
    assert sum(spoken.lengths) * 128 == len(spoken.samples)
    assert (voice.sample_rate, voice.language, voice.speakers) == (16000, "en-us", ["low", "high"])


def test_a_soft_piece_stays_soft(voice: Voice) -> None:
    loud, soft = (int(np.abs(voice.speak(list(symbols), STILL).samples).max()) for symbols in ("wˈaʊ", "fθf"))
    assert 15_000 < loud <= 0.99 * 32767
    assert soft < loud / 2


def test_phonemes_are_not_taken_from_the_text(voice: Voice) -> None:
    assert voice.phonemes("[[həlˈoʊ]]") != [list("həlˈoʊ")]
    assert " " in voice.phonemes("nine… isn't")[0]


def test_a_voice_that_does_not_give_out_its_lengths_is_made_to(voice: Voice, tmp_path: Path) -> None:
    asked = Voice(untold(tmp_path), 1)
    (symbols,) = voice.phonemes("Hello there.")
    assert asked.speak(symbols, STILL).lengths == voice.speak(symbols, STILL).lengths


def test_a_voice_that_has_none(tmp_path: Path) -> None:
    voice = Voice(unknowing(tmp_path), 1)
    assert voice.speak(voice.phonemes("Hello there.")[0], STILL).lengths is None
    assert not voice.tells_lengths


def test_a_run_can_be_stopped(voice: Voice) -> None:
    options = onnxruntime.RunOptions()
    options.terminate = True
    with pytest.raises(ValueError, match="terminate"):
        voice.speak(voice.phonemes("Hello there.")[0], STILL, options)


def test_a_speaker_there_is_not(voice: Voice) -> None:
    with pytest.raises(ValueError, match="cannot speak this"):
        voice.speak(["a"], Manner(speaker=7))


def test_a_voice_whose_text_is_its_phonemes(tmp_path: Path) -> None:
    voice = Voice(copied(tmp_path, phoneme_type="text"), 1)
    assert voice.phonemes("hat") == [["h", "a", "t"]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio": None}, "no description of a piper voice: KeyError"),
        ({"phoneme_type": "pinyin"}, "type pinyin are not supported"),
        ({"phoneme_type": "klingon"}, "klingon"),
        ({"phoneme_id_map": {"a": [1]}}, r"has no \^, \$, _"),
        ({"num_speakers": 1}, "no piper voice of 1 speakers"),
    ],
)
def test_a_description_of_another_voice(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadVoice, match=said):
        Voice(copied(tmp_path, **changes), 1)


def test_a_description_that_is_missing_or_broken(tmp_path: Path) -> None:
    path = copied(tmp_path)
    Path(f"{path}.json").write_text('{"audio"')
    with pytest.raises(BadVoice, match="pull the voice anew"):
        Voice(path, 1)
    Path(f"{path}.json").unlink()
    with pytest.raises(BadVoice, match="pull both together"):
        Voice(path, 1)


@pytest.mark.parametrize("length", [0, 1000, 300_000])
def test_a_file_that_is_cut_off(tmp_path: Path, length: int) -> None:
    path = copied(tmp_path)
    path.write_bytes(MICRO.read_bytes()[:length])
    with pytest.raises(BadVoice, match="pull it anew"):
        Voice(path, 1)


def test_a_model_for_another_engine(tmp_path: Path) -> None:
    package = find_spec("faster_whisper")
    assert package and package.origin
    path = copied(tmp_path)
    shutil.copy(next(Path(package.origin).parent.glob("assets/silero*.onnx")), path)
    with pytest.raises(BadVoice, match=r"no piper voice of 2 speakers: its inputs are .*, not input, .*sid"):
        Voice(path, 1)
