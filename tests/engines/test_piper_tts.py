from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.engines.workers.voices import MICRO, unknowing
from voicesrv.engines.base import Speech, TtsOptions
from voicesrv.engines.piper_tts import MAX_CHARACTERS, PiperTts, PiperTtsOptions, voice_file
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import VISEMES

pytestmark = pytest.mark.anyio

RATE = 16000
PLAIN = TtsOptions()
SENTENCE = "Hello there, my friend. How are you?"
STILL = PiperTtsOptions(threads=1, noise_scale=0, noise_w_scale=0)


@pytest.fixture(scope="module")
async def piper() -> AsyncIterator[PiperTts]:
    async with PiperTts(str(MICRO), STILL) as engine:
        yield engine


async def spoken(engine: PiperTts, text: str, options: TtsOptions = PLAIN) -> list[Speech]:
    async with aclosing(engine.synthesize(text, options)) as pieces:
        return [piece async for piece in pieces]


def samples(pieces: list[Speech]) -> np.ndarray:
    return np.concatenate([piece.samples for piece in pieces])


def length_ms(pieces: list[Speech]) -> float:
    return sum(len(piece.samples) for piece in pieces) * 1000 / RATE


async def test_it_speaks_with_words_and_shapes(piper: PiperTts) -> None:
    pieces = await spoken(piper, SENTENCE)
    assert all(piece.samples.dtype == np.int16 and piece.samples.ndim == 1 for piece in pieces)
    assert 1500 < length_ms(pieces) < 4000
    assert np.abs(samples(pieces).astype(int)).max() > 10_000
    words = [word for piece in pieces for word in piece.words]
    assert [word.text for word in words] == ["Hello", "there", "my", "friend", "How", "are", "you"]
    assert all(0 <= word.start_ms < word.end_ms <= length_ms(pieces) for word in words)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(words))
    visemes = [viseme for piece in pieces for viseme in piece.visemes]
    assert {viseme.viseme for viseme in visemes} <= set(VISEMES)
    assert all(a.end_ms == b.start_ms for a, b in pairwise(visemes))
    assert visemes[-1].viseme == "sil"


async def test_words_are_where_they_sound(piper: PiperTts) -> None:
    """What lies between two words with a comma between is quiet, and what lies within them is not."""
    pieces = await spoken(piper, "Hello, hello, hello.")
    loud = np.abs(samples(pieces).astype(int))
    words = [word for piece in pieces for word in piece.words]
    assert len(words) == 3
    for word, following in pairwise(words):
        within = loud[word.start_ms * RATE // 1000 : word.end_ms * RATE // 1000]
        between = loud[word.end_ms * RATE // 1000 : following.start_ms * RATE // 1000]
        assert within.mean() > 10 * between.mean()


async def test_words_come_with_the_audio_they_begin_in(piper: PiperTts) -> None:
    at_ms = 0.0
    for piece in await spoken(piper, SENTENCE):
        until_ms = at_ms + len(piece.samples) * 1000 / RATE
        for timed in (*piece.words, *piece.visemes):
            assert at_ms - 1 <= timed.start_ms <= until_ms + 1
        at_ms = until_ms


async def test_words_are_found_in_the_text_in_order(piper: PiperTts) -> None:
    text = "Well, Dr. Smith's e-mail of 3.14% – “naïve café” – costs $5 (or 1,234,567 €) in 1999… isn't <b>it</b>? 日本"
    at = 0
    for piece in await spoken(piper, text):
        for word in piece.words:
            at = text.index(word.text, at) + len(word.text)
    assert at == len(text)


async def test_a_number_is_one_word(piper: PiperTts) -> None:
    words = [word for piece in await spoken(piper, "In 1984 it was.") for word in piece.words]
    assert [word.text for word in words] == ["In", "1984", "it", "was"]
    assert words[1].end_ms - words[1].start_ms > 1000


async def test_a_long_text_has_one_clock(piper: PiperTts) -> None:
    text = "One of many sentences. " * 20
    pieces = await spoken(piper, text)
    words = [word for piece in pieces for word in piece.words]
    assert [word.text for word in words] == text.replace(".", "").split()
    starts = [word.start_ms for word in words]
    assert starts == sorted(starts)
    assert starts[-1] > length_ms(pieces) - 2000


@pytest.mark.parametrize("text", ["", "   ", "...", "?! —", "\U0001f600"])
async def test_nothing_to_speak(piper: PiperTts, text: str) -> None:
    assert await spoken(piper, text) == []


@pytest.mark.parametrize("text", ["a\0b", "\ud800 lone", "x" * 300, "[[h@l'oU]]", "<speak>hi</speak>", "ﷺ" * 20 + "1"])
async def test_odd_texts_harm_nobody(piper: PiperTts, text: str) -> None:
    await spoken(piper, text)
    assert length_ms(await spoken(piper, "fine")) > 200


async def test_without_noise_it_says_the_same_twice_and_with_noise_not(piper: PiperTts) -> None:
    assert np.array_equal(samples(await spoken(piper, "Hello.")), samples(await spoken(piper, "Hello.")))
    async with PiperTts(str(MICRO), PiperTtsOptions(threads=1, noise_scale=1, noise_w_scale=1)) as noisy:
        assert not np.array_equal(samples(await spoken(noisy, "Hello.")), samples(await spoken(noisy, "Hello.")))


async def test_a_pause_follows_a_sentence_and_not_a_fragment(piper: PiperTts) -> None:
    fragment = length_ms(await spoken(piper, "Hello"))
    assert length_ms(await spoken(piper, "Hello.")) - fragment > 190
    faster = TtsOptions(rate=2)
    assert length_ms(await spoken(piper, "Hello.", faster)) - length_ms(await spoken(piper, "Hello", faster)) < 190


async def test_rate(piper: PiperTts) -> None:
    usual, fast, slow = [length_ms(await spoken(piper, SENTENCE, TtsOptions(rate=rate))) for rate in (1, 2, 0.5)]
    assert fast == pytest.approx(usual / 2, rel=0.05)
    assert slow == pytest.approx(usual * 2, rel=0.05)
    with pytest.raises(EngineError, match=r"0\.5–2"):
        await spoken(piper, "x", TtsOptions(rate=3))


async def test_speakers(piper: PiperTts) -> None:
    assert piper.capabilities.voices == ("en_US-micro-low", "low", "high")
    assert piper.capabilities.sample_rate == RATE
    assert piper.capabilities.languages == ("en-us",)
    usual, own, low, high, second = [
        samples(await spoken(piper, "one two", TtsOptions(voice=voice)))
        for voice in ("", "en_US-micro-low", "low", "high", "1")
    ]
    assert np.array_equal(usual, own)
    assert np.array_equal(usual, low)
    assert np.array_equal(high, second)
    assert not np.array_equal(low, high)
    for nobody in ("tenor", "2", "-1", "../low"):
        with pytest.raises(EngineError, match="it has low, high"):
            await spoken(piper, "x", TtsOptions(voice=nobody))


async def test_options_of_the_operator(piper: PiperTts) -> None:
    options = PiperTtsOptions(
        threads=1, speaker="high", length_scale=2, noise_scale=0, noise_w_scale=0, sentence_silence_ms=0
    )
    async with PiperTts(str(MICRO), options) as engine:
        slow = await spoken(engine, "One. Two.")
        assert length_ms(slow) == pytest.approx(2 * (length_ms(await spoken(piper, "One. Two.")) - 400), rel=0.05)
        assert engine.speaker_for("") == 1
    with pytest.raises(EngineUnavailable, match="option speaker"):
        async with PiperTts(str(MICRO), PiperTtsOptions(speaker="tenor")):
            pass


@pytest.mark.parametrize(
    "wrong", [{"workers": 0}, {"length_scale": 9}, {"noise_scale": -1}, {"sentence_silence_ms": -1}]
)
def test_options_outside_their_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PiperTtsOptions(**wrong)  # type: ignore[arg-type]  # one of several types


async def test_what_is_too_long(piper: PiperTts) -> None:
    with pytest.raises(EngineError, match=str(MAX_CHARACTERS)):
        await spoken(piper, "x" * (MAX_CHARACTERS + 1))


async def test_leaving_early_frees_the_worker(piper: PiperTts) -> None:
    room = piper.room()
    async with aclosing(piper.synthesize("Some sentence to speak. " * 100, PLAIN)) as pieces:
        await anext(pieces)
        assert piper.room() == room - 1
    assert piper.room() == room
    assert length_ms(await spoken(piper, "fine")) > 200


async def test_texts_take_turns(piper: PiperTts) -> None:
    done: list[str] = []

    async def speak(name: str, text: str) -> None:
        await spoken(piper, text)
        done.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(speak("long", "Some sentence to speak. " * 100))
        group.create_task(speak("short", "Yes."))
    assert done == ["short", "long"]


async def test_a_killed_worker_is_lost_and_replaced(piper: PiperTts) -> None:
    (pid,) = piper.pids()
    with pytest.raises(EngineUnavailable, match="lost"):
        async with aclosing(piper.synthesize("Some sentence to speak. " * 100, PLAIN)) as pieces:
            async for _ in pieces:
                with suppress(ProcessLookupError):  # pieces that it had sent before may still come
                    os.kill(pid, signal.SIGKILL)
    assert length_ms(await spoken(piper, "fine")) > 200


async def test_a_hung_worker_is_lost_and_replaced(piper: PiperTts) -> None:
    (pid,) = piper.pids()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(EngineUnavailable, match="hung"):
        await spoken(piper, "Yes.")
    assert length_ms(await spoken(piper, "fine")) > 200


async def test_a_worker_without_memory_says_so_and_is_replaced() -> None:
    async with PiperTts(str(MICRO), PiperTtsOptions(threads=1, length_scale=4)) as engine:
        (pid,) = engine.pids()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        allowed = pages * resource.getpagesize() + 4_000_000
        resource.prlimit(pid, resource.RLIMIT_AS, (allowed, allowed))
        a_minute = "one two three four five six seven eight nine ten " * 5
        with pytest.raises(EngineUnavailable, match="out of memory"):
            await spoken(engine, a_minute, TtsOptions(rate=0.5))
        assert length_ms(await spoken(engine, "fine")) > 200
        assert engine.pids() != [pid]


async def test_a_voice_that_does_not_tell_its_lengths_is_timed_about_right(piper: PiperTts, tmp_path: Path) -> None:
    text = "The quick brown fox jumps over the lazy dog, and nobody knows why it would do that in 1984."
    known = [word for piece in await spoken(piper, text) for word in piece.words]
    async with PiperTts(str(unknowing(tmp_path)), STILL) as engine:
        guessed = [word for piece in await spoken(engine, text) for word in piece.words]
    assert [word.text for word in guessed] == [word.text for word in known]
    off_ms = [abs(a.start_ms - b.start_ms) for a, b in zip(known, guessed, strict=True)]
    assert 0 < np.median(off_ms) < 120


async def test_a_broken_voice_is_told_when_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "voice.onnx").write_bytes(MICRO.read_bytes()[:1000])
    shutil.copy(f"{MICRO}.json", tmp_path / "voice.onnx.json")
    with pytest.raises(EngineUnavailable, match=r"voice\.onnx is no whole ONNX file, pull it anew"):
        async with PiperTts(str(tmp_path / "voice.onnx")):
            pass


def test_where_a_voice_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="no model is in "):
        voice_file("")
    (tmp_path / "piper").symlink_to(MICRO.parent)
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    assert voice_file("en_US-micro-low").samefile(MICRO)
    assert voice_file("").samefile(MICRO) and voice_file(str(MICRO)) == MICRO
    with pytest.raises(EngineUnavailable, match="which has en_US-micro-low"):
        voice_file("nobody")
    with pytest.raises(EngineUnavailable, match="is no file"):
        voice_file(str(tmp_path))


async def test_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicesrv.engines.piper_tts.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"pip install voicesrv\[piper\]"):
        async with PiperTts(str(MICRO)):
            pass


def test_the_library_is_not_loaded_here() -> None:
    ours = "import sys, voicesrv.engines.piper_tts; sys.exit('piper' in sys.modules or 'onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ours], check=False).returncode == 0


async def test_the_library_is_loaded_by_the_child(piper: PiperTts) -> None:
    (pid,) = piper.pids()
    assert "espeakbridge" in Path(f"/proc/{pid}/maps").read_text()
