"""What the micro voice learns from: the times of espeak-ng's phonemes, and what frames sound like.

That the network and the graph are right is seen in what they make: ``tests/models/test_micro_voice.py``.
"""

# ruff: noqa: RUF001 - letters of the IPA look like others

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from micro_voice import corpus, speech, vocoder

N_FRAMES = 60
TIME = np.arange(N_FRAMES * vocoder.HOP) / speech.RATE


@pytest.fixture(scope="module")
def speaker() -> speech.Speaker:
    return speech.Speaker()


def features(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loudness, voicing and pitch of the frames in the middle."""
    found = vocoder.analysed(samples.astype(np.float32), N_FRAMES)
    assert found.shape == (N_FRAMES, vocoder.N_FEATURES)
    middle = found[15:-15]
    return middle[:, : vocoder.N_BANDS], middle[:, vocoder.N_BANDS : -1], middle[:, -1]


def test_sentences_are_the_same_for_the_same_seed() -> None:
    some = list(corpus.sentences(20, 1))
    assert some == list(corpus.sentences(20, 1)) != list(corpus.sentences(20, 2))
    assert all(1 <= len(sentence.split()) <= 12 for sentence in some)


def test_every_symbol_has_its_time(speaker: speech.Speaker) -> None:
    (utterance,) = speaker.utterances(iter(["Hello there, my new friend."]))
    assert "".join(utterance.symbols) == "^həlˈoʊ ðˈɛɹ, maɪ nˈuː fɹˈɛnd.$"
    times = dict(zip(utterance.symbols, np.diff(utterance.ends_s, prepend=0), strict=True))
    assert (np.diff(utterance.ends_s) >= 0).all()
    assert utterance.ends_s[-1] == pytest.approx(len(utterance.samples) / speech.RATE)
    assert times["ˈ"] == 0
    assert 0.1 < times[","] < 0.3
    comma = utterance.symbols.index(",")
    start, end = (int(utterance.ends_s[i] * speech.RATE) for i in (comma - 1, comma))
    assert np.abs(utterance.samples[start + 800 : end - 200]).max() < 0.02


def test_noise_has_no_voice_and_pulses_have(speaker: speech.Speaker) -> None:
    noise = np.random.default_rng(1).standard_normal(len(TIME)) * 0.1
    loudness, voicing, pitch = features(noise)
    assert voicing.mean() < 0.1
    assert (pitch == 0).all()
    assert loudness.mean() == pytest.approx(np.log(0.01), abs=1)  # power of a sample, the same in every band
    pulses = sum(np.cos(2 * np.pi * 120 * k * TIME) for k in range(1, 60)) / 60
    _, voicing, _ = features(np.asarray(pulses))
    assert voicing.mean() > 0.9


def test_pitch_is_relative_to_the_utterance() -> None:
    swept = np.cumsum(np.linspace(100, 140, len(TIME))) / speech.RATE
    _, _, pitch = features(np.asarray(sum(np.cos(2 * np.pi * k * swept) for k in range(1, 20)) / 20))
    assert pitch[0] < -0.05 < 0.05 < pitch[-1]
    assert np.median(pitch) == pytest.approx(0, abs=0.02)


def test_silence_is_at_the_floor() -> None:
    loudness, voicing, _ = features(np.zeros(len(TIME)))
    assert np.allclose(loudness, np.log(vocoder.FLOOR), atol=0.01)
    assert (voicing == 0).all()


def test_bands_and_bins() -> None:
    assert np.allclose(vocoder.mel_bands().sum(axis=1), 1)
    assert np.allclose(vocoder.band_to_bin().sum(axis=0), 1)
    assert np.allclose(vocoder.voicing_to_bin().sum(axis=0), 1)
    higher = vocoder.band_to_bin(1.2)
    assert higher[20].argmax() == pytest.approx(1.2 * vocoder.band_to_bin()[20].argmax(), abs=1)
