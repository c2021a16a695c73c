"""The micro voice is what it says it is: a piper voice, whose every input acts and whose every phoneme sounds."""

# ruff: noqa: RUF001 - letters of the IPA look like others

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from piper import PiperVoice, SynthesisConfig

from voicesrv.engines.base import Samples, SttOptions
from voicesrv.engines.pocketsphinx_stt import PocketSphinxStt, PocketSphinxSttOptions

FOLDER = Path(__file__).parents[2] / "models" / "micro-voice"
VOICE = FOLDER / "en_US-micro-low.onnx"
RATE = 16000
HOP = 128
SILENT = set("ˈˌʲ")
SIGNS = set(" ,.;:!?$^_")


@pytest.fixture(scope="module")
def voice() -> PiperVoice:
    return PiperVoice.load(VOICE)


def spoken(
    voice: PiperVoice, symbols: str, *, noise: float = 0, length: float = 1, noise_w: float = 0, speaker: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Samples, and the number of them of each id."""
    config = SynthesisConfig(speaker, length_scale=length, noise_scale=noise, noise_w_scale=noise_w)
    audio, lengths = voice.phoneme_ids_to_audio(voice.phonemes_to_ids(list(symbols)), config, include_alignments=True)
    assert lengths is not None
    return audio, lengths


def pitch_hz(audio: NDArray[np.float32]) -> float:
    """By the peak of the autocorrelation of half a second."""
    part = audio[: RATE // 2]
    alike = np.correlate(part, part, "full")[len(part) :]
    lowest, highest = 60, 300
    return RATE / (int(alike[RATE // highest : RATE // lowest].argmax()) + RATE // highest + 1)


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000


def test_it_has_what_piper_voices_have() -> None:
    session = onnxruntime.InferenceSession(VOICE, providers=["CPUExecutionProvider"])
    assert {given.name: given.type for given in session.get_inputs()} == {
        "input": "tensor(int64)",
        "input_lengths": "tensor(int64)",
        "scales": "tensor(float)",
        "sid": "tensor(int64)",
    }
    assert session.get_outputs()[0].name == "output"
    described = json.loads(Path(f"{VOICE}.json").read_text())
    assert described["phoneme_type"] == "espeak"
    assert described["audio"]["sample_rate"] == RATE
    assert described["num_symbols"] == len(described["phoneme_id_map"])


def test_piper_speaks_with_it_and_finds_its_alignments(voice: PiperVoice) -> None:
    chunks = list(voice.synthesize("Hello there, my friend. How are you?", include_alignments=True))
    assert len(chunks) == 2
    for chunk in chunks:
        assert chunk.phoneme_alignments is not None
        assert sum(alignment.num_samples for alignment in chunk.phoneme_alignments) == len(chunk.audio_float_array)


def test_every_phoneme_is_heard(voice: PiperVoice) -> None:
    letters = set(voice.config.phoneme_id_map) - SILENT - SIGNS
    assert set("iɪɛæɑɔoʊuʌəɜaepbtdkɡfvθðszʃʒhmnŋlɹjw") <= letters
    for letter in sorted(letters):
        audio, lengths = spoken(voice, f"ə{letter}ə")
        start = int(lengths[:4].sum())
        part = audio[start : start + int(lengths[4])]
        assert len(part) >= 2 * HOP, letter
        assert np.abs(part).max() > 0.01, letter


def test_pauses_are_quiet_and_stress_takes_no_time(voice: PiperVoice) -> None:
    audio, lengths = spoken(voice, "aːˈa, a")
    assert lengths[6] == 0
    comma = int(lengths[:10].sum())
    assert lengths[10] > 10 * HOP
    middle = audio[comma + 5 * HOP : comma + int(lengths[10]) - 3 * HOP]
    assert np.sqrt((middle**2).mean()) < 0.05 * np.sqrt((audio**2).mean())


def test_noise(voice: PiperVoice) -> None:
    still, again = (spoken(voice, "həlˈoʊ")[0] for _ in range(2))
    assert np.array_equal(still, again)
    noisy, other = (spoken(voice, "həlˈoʊ", noise=1)[0] for _ in range(2))
    assert len(noisy) == len(other) == len(still)
    assert not np.allclose(noisy, other, atol=1e-3)


def test_length(voice: PiperVoice) -> None:
    usual, slow, fast = (len(spoken(voice, "həlˈoʊ ðˈɛɹ.", length=length)[0]) for length in (1, 2, 0.5))
    assert slow == pytest.approx(2 * usual, abs=HOP)
    assert fast == pytest.approx(usual / 2, abs=HOP)


def test_noise_of_the_lengths(voice: PiperVoice) -> None:
    still, one, other = (spoken(voice, "həlˈoʊ ðˈɛɹ.", noise_w=noise_w)[1] for noise_w in (0, 1, 1))
    assert not np.array_equal(one, other)
    assert abs(int(one.sum()) - int(still.sum())) < still.sum() / 2


def test_speakers_have_a_pitch_of_their_own(voice: PiperVoice) -> None:
    low, high = (pitch_hz(spoken(voice, "mˈaːmˈaːmˈaː", length=2, speaker=speaker)[0]) for speaker in (0, 1))
    assert 85 < low < 135
    assert 155 < high < 240


def test_padding_behind_the_length_is_not_spoken(voice: PiperVoice) -> None:
    ids = voice.phonemes_to_ids(list("həlˈoʊ"))

    def run(given: list[int]) -> NDArray[np.float32]:
        inputs = {
            "input": np.array([given], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([0, 1, 0], np.float32),
            "sid": np.array([0], np.int64),
        }
        audio: NDArray[np.float32] = voice.session.run(None, inputs)[0]
        return audio

    assert run(ids).shape[:3] == (1, 1, 1)
    assert np.array_equal(run(ids), run([*ids, *ids]))


def test_nothing_is_no_error(voice: PiperVoice) -> None:
    audio, _ = spoken(voice, "")
    assert np.abs(audio).max() < 0.05


@pytest.mark.anyio
async def test_a_recogniser_understands_it(voice: PiperVoice) -> None:
    config = SynthesisConfig(0, noise_scale=0, noise_w_scale=0)
    (chunk,) = voice.synthesize("One two three four five six seven eight nine ten.", config)
    quiet = np.zeros(RATE // 3, np.int16)

    async def audio() -> AsyncIterator[Samples]:
        yield np.concatenate([quiet, chunk.audio_int16_array // 3, quiet])

    one_turn = PocketSphinxSttOptions(workers=1, turns_per_worker=1)
    async with (
        PocketSphinxStt(options=one_turn) as engine,
        aclosing(engine.transcribe(audio(), SttOptions(interim=False))) as transcripts,
    ):
        heard = [transcript.text async for transcript in transcripts][-1].split()
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    assert len([word for word in numbers if word in heard]) >= 6
