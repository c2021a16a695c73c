"""``voicesrv say``: where the speech goes, and what it is made of."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from voicesrv.audio.pcm import OUTPUT_RATE, Samples
from voicesrv.cli.app import app
from voicesrv.cli.say import _speaker, speech
from voicesrv.engines.base import TtsCapabilities, TtsOptions
from voicesrv.errors import ClientError, Code, ConfigError, VoicesrvError
from voicesrv.testing import FakeTts

VOICESRV = Path(sys.executable).with_name("voicesrv")


def say(*arguments: str, stdin: bytes = b"") -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["say", *arguments], input=stdin)


async def spoken(text: str, engine: FakeTts) -> Sequence[Samples]:
    return [samples async for samples in speech(text, engine, TtsOptions())]


@pytest.mark.anyio
async def test_a_text_of_any_length_is_spoken_a_sentence_at_a_time() -> None:
    engine = FakeTts()
    pieces = await spoken("This is the first sentence. " + "And then there was another one. " * 40, engine)
    assert len(engine.spoken) > 20
    n_words = sum(len(text.split()) for text in engine.spoken)
    assert sum(map(len, pieces)) == n_words * FakeTts.WORD_MS * OUTPUT_RATE // 1000


@pytest.mark.anyio
async def test_other_rates_become_24_khz() -> None:
    engine = FakeTts()
    engine.capabilities = TtsCapabilities(sample_rate=12_000)  # so that its audio lasts twice as long
    pieces = await spoken("one two three", engine)
    assert sum(map(len, pieces)) == pytest.approx(2 * 3 * FakeTts.WORD_MS * OUTPUT_RATE // 1000, rel=0.01)


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["", " \n", "```\ncode\n```"])
async def test_nothing_to_speak_is_said(text: str) -> None:
    with pytest.raises(ClientError) as caught:
        await spoken(text, FakeTts())
    assert caught.value.code is Code.NOTHING_TO_SPEAK


def test_stdout_is_a_wav_file_at_24_khz() -> None:
    done = say("one two three", "--tts", "null")
    assert done.exit_code == 0, done.output
    samples, rate = soundfile.read(io.BytesIO(done.stdout_bytes), dtype="int16")
    assert rate == 24_000
    assert len(samples) == pytest.approx(len("one two three") * 65 * 24, abs=480)


def test_raw_is_the_same_samples_without_a_header() -> None:
    whole = say("one two three", "--tts", "null").stdout_bytes
    raw = say("-", "--raw", "--tts", "null", stdin=b"one two three").stdout_bytes
    assert whole[44:] == raw


def test_a_file_is_written_with_its_true_length(tmp_path: Path) -> None:
    done = say("one two three", "--tts", "null", "-o", str(tmp_path / "out.wav"))
    assert (done.exit_code, done.stdout_bytes) == (0, b"")
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.samplerate, info.channels, info.subtype) == (24_000, 1, "PCM_16")
    assert info.frames * 2 + 44 == (tmp_path / "out.wav").stat().st_size


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for form in ((), ("--raw",)):
        done = say("hello", "--tts", "null", *form, "-o", str(tmp_path / "nowhere" / "out.wav"))
        assert isinstance(done.exception, ConfigError)
        assert str(done.exception).endswith("out.wav: cannot be written: No such file or directory")


@pytest.mark.parametrize("arguments", [("--tts", "nope"), ("--tts", "espeak", "--voice", "nope")])
def test_an_unknown_engine_or_voice_is_named(arguments: tuple[str, ...]) -> None:
    done = say("hello", *arguments)
    assert isinstance(done.exception, VoicesrvError)
    assert "'nope'" in str(done.exception)


def test_on_a_terminal_without_sounddevice_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with (
        pytest.raises(ConfigError, match=r"pip install 'voicesrv\[mic\]'; or .* voicesrv say TEXT > out\.wav"),
        _speaker(),
    ):
        raise AssertionError("there is nothing to play on")


def test_espeak_speaks_and_faster_is_shorter() -> None:
    """As a process, for which the workers' own processes are the hard part."""
    lengths = []
    for rate in ("1.0", "2.0"):
        command = [VOICESRV, "say", "The quick brown fox jumps over the lazy dog.", "--tts", "espeak", "--rate", rate]
        done = subprocess.run(command, capture_output=True, check=True)
        samples, _ = soundfile.read(io.BytesIO(done.stdout), dtype="int16")
        assert np.abs(samples.astype(np.int32)).mean() > 300
        lengths.append(len(samples) / OUTPUT_RATE)
    assert 1.5 < lengths[0] < 5.0
    assert lengths[1] == pytest.approx(lengths[0] / 2, rel=0.25)
