from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicesrv.audio.pcm import Samples
from voicesrv.engines.silero_vad import SileroVad
from voicesrv.errors import EngineUnavailable

SPEECH = Path(__file__).parents[1] / "data" / "speech"


def frames_of(name: str) -> Samples:
    with wave.open(str(SPEECH / name)) as reader:
        samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(np.int16)
    return samples[: samples.size // 512 * 512].reshape(-1, 512)


async def probabilities(name: str) -> NDArray[np.float32]:
    async with SileroVad() as vad:
        return vad.open().process(frames_of(name))


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["en_jfk_inaugural.wav", "en_austen_0880.wav", "en_go_forward.wav"])
async def test_speech_is_speech(name: str) -> None:
    found = await probabilities(name)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found > 0.5).mean() > 0.4


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["neg_robin.wav", "neg_ding.wav"])
async def test_other_sounds_are_not(name: str) -> None:
    assert (await probabilities(name)).max() < 0.5


@pytest.mark.anyio
async def test_silence_and_noise_are_not() -> None:
    noise = np.random.default_rng(0).normal(0, 1000, (60, 512)).astype(np.int16)
    async with SileroVad() as vad:
        assert vad.open().process(np.zeros((30, 512), np.int16)).max() < 0.2
        assert vad.open().process(noise).max() < 0.5


@pytest.mark.anyio
async def test_the_size_of_messages_makes_no_difference() -> None:
    frames = frames_of("en_go_forward.wav")
    async with SileroVad() as vad:
        whole = vad.open().process(frames)
        for size in (1, 3, 7):
            stream = vad.open()
            parts = [stream.process(frames[at : at + size]) for at in range(0, len(frames), size)]
            np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


@pytest.mark.anyio
async def test_streams_do_not_hear_each_other() -> None:
    frames = frames_of("en_go_forward.wav")
    async with SileroVad() as vad:
        alone = vad.open().process(frames)
        one, other = vad.open(), vad.open()
        mixed = []
        for frame in frames:
            mixed.append(one.process(frame[None]))
            other.process(-frame[None])
    np.testing.assert_allclose(np.concatenate(mixed), alone, atol=1e-6)


@pytest.mark.anyio
async def test_no_frames_are_no_probabilities() -> None:
    async with SileroVad() as vad:
        assert vad.open().process(np.empty((0, 512), np.int16)).shape == (0,)
        assert vad.room() is None


@pytest.mark.anyio
async def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a model")
    for model in (path, tmp_path / "missing.onnx"):
        with pytest.raises(EngineUnavailable, match=model.name):
            await SileroVad(str(model)).__aenter__()


def test_importing_it_does_not_load_the_package_that_carries_the_model() -> None:
    script = (
        "import sys, voicesrv.engines.silero_vad as m; m._packaged_model(); sys.exit('faster_whisper' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
