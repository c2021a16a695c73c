from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from voicesrv.audio.pcm import Samples
from voicesrv.engines.webrtc_vad import WebrtcVad, WebrtcVadOptions

SPEECH = Path(__file__).parents[1] / "data" / "speech"


def frames_of(name: str) -> Samples:
    with wave.open(str(SPEECH / name)) as reader:
        samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(np.int16)
    return samples[: samples.size // 320 * 320].reshape(-1, 320)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["en_jfk_inaugural.wav", "en_austen_0880.wav", "en_go_forward.wav"])
async def test_speech_is_speech(name: str) -> None:
    async with WebrtcVad() as vad:
        found = vad.open().process(frames_of(name))
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found > 0.5).mean() > 0.5


@pytest.mark.anyio
async def test_silence_is_not() -> None:
    async with WebrtcVad() as vad:
        assert vad.open().process(np.zeros((50, 320), np.int16)).max() == 0
        assert vad.room() is None


@pytest.mark.anyio
async def test_decisions_are_smoothed() -> None:
    frames = frames_of("en_go_forward.wav")
    async with WebrtcVad(options=WebrtcVadOptions(smoothing_ms=1000)) as vad:
        slow = vad.open().process(frames)
    async with WebrtcVad() as vad:
        quick = vad.open().process(frames)
    # A frame moves the average by 1 - exp(-20 / smoothing_ms) of the way at most.
    assert 0 < np.abs(np.diff(slow)).max() <= 0.0199
    assert 0.4 < np.abs(np.diff(quick)).max() <= 0.6322


@pytest.mark.anyio
async def test_the_size_of_messages_makes_no_difference() -> None:
    frames = frames_of("en_go_forward.wav")
    async with WebrtcVad() as vad:
        whole = vad.open().process(frames)
        stream = vad.open()
        parts = [stream.process(frames[at : at + 3]) for at in range(0, len(frames), 3)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        assert vad.open().process(np.empty((0, 320), np.int16)).shape == (0,)


@pytest.mark.anyio
async def test_more_aggressive_is_less_speech() -> None:
    frames = frames_of("en_jfk_inaugural.wav")
    shares = []
    for aggressiveness in (0, 3):
        async with WebrtcVad(options=WebrtcVadOptions(aggressiveness=aggressiveness)) as vad:
            shares.append((vad.open().process(frames) > 0.5).mean())
    assert shares[0] > shares[1]
