from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from voicesrv.engines.base import Speech, TtsOptions
from voicesrv.engines.espeak_tts import MAX_CHARACTERS, EspeakTts, EspeakTtsOptions
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import VISEMES

pytestmark = pytest.mark.anyio

RATE = 22050
PLAIN = TtsOptions()
SENTENCE = "Hello there, my friend. How are you?"


@pytest.fixture(scope="module")
async def espeak() -> AsyncIterator[EspeakTts]:
    async with EspeakTts(options=EspeakTtsOptions(workers=1)) as engine:
        yield engine


async def spoken(engine: EspeakTts, text: str, options: TtsOptions = PLAIN) -> list[Speech]:
    async with aclosing(engine.synthesize(text, options)) as pieces:
        return [piece async for piece in pieces]


def loaded(process: str) -> str:
    return Path(f"/proc/{process}/maps").read_text()


def length_ms(pieces: list[Speech]) -> float:
    return sum(len(piece.samples) for piece in pieces) * 1000 / RATE


async def test_it_speaks_with_words_and_shapes(espeak: EspeakTts) -> None:
    pieces = await spoken(espeak, SENTENCE)
    assert len(pieces) > 3
    assert all(piece.samples.dtype == np.int16 and piece.samples.ndim == 1 for piece in pieces)
    assert 1500 < length_ms(pieces) < 3500
    assert max(np.abs(piece.samples.astype(int)).max() for piece in pieces) > 3000
    words = [word for piece in pieces for word in piece.words]
    assert [word.text for word in words] == ["Hello", "there", "my", "friend", "How", "are", "you"]
    assert all(0 <= word.start_ms < word.end_ms <= length_ms(pieces) for word in words)
    visemes = [viseme for piece in pieces for viseme in piece.visemes]
    assert {viseme.viseme for viseme in visemes} <= set(VISEMES)
    assert "sil" in {viseme.viseme for viseme in visemes}  # between the sentences
    assert all(a.end_ms == b.start_ms for a, b in pairwise(visemes))


async def test_words_come_with_the_audio_they_begin_in(espeak: EspeakTts) -> None:
    at_ms = 0.0
    for piece in await spoken(espeak, SENTENCE):
        until_ms = at_ms + len(piece.samples) * 1000 / RATE
        for timed in (*piece.words, *piece.visemes):
            assert at_ms - 1 <= timed.start_ms <= until_ms + 1
        at_ms = until_ms


async def test_words_are_found_in_the_text_in_order(espeak: EspeakTts) -> None:
    text = "Well, Dr. Smith's e-mail of 3.14% – “naïve café” – costs $5 (or 1,234,567 €) in 1999… isn't <b>it</b>? 日本"
    at = 0
    for piece in await spoken(espeak, text):
        for word in piece.words:
            at = text.index(word.text, at) + len(word.text)
    assert at > len(text) - 10


async def test_a_long_text_is_spoken_in_parts_with_one_clock(espeak: EspeakTts) -> None:
    text = "One of many sentences. " * 40
    pieces = await spoken(espeak, text)
    words = [word for piece in pieces for word in piece.words]
    assert [word.text for word in words] == text.replace(".", "").split()
    starts = [word.start_ms for word in words]
    assert starts == sorted(starts)
    assert starts[-1] > length_ms(pieces) - 2000


@pytest.mark.parametrize("text", ["", "   ", "...", "?! —", "\U0001f600"])
async def test_nothing_to_speak(espeak: EspeakTts, text: str) -> None:
    assert await spoken(espeak, text) == []


@pytest.mark.parametrize("text", ["a\0b", "\ud800 lone", "x" * 300, "[[h@l'oU]]", "<speak>hi</speak>", "ﷺ" * 20 + "1"])
async def test_odd_texts_harm_nobody(espeak: EspeakTts, text: str) -> None:
    await spoken(espeak, text)
    assert length_ms(await spoken(espeak, "fine")) > 200


async def test_a_pause_follows_a_sentence_and_not_a_fragment(espeak: EspeakTts) -> None:
    fragment = length_ms(await spoken(espeak, "Hello"))
    assert length_ms(await spoken(espeak, "Hello,")) - fragment > 100
    assert length_ms(await spoken(espeak, "Hello.")) - fragment > 200


async def test_rate(espeak: EspeakTts) -> None:
    usual, fast, slow = [length_ms(await spoken(espeak, SENTENCE, TtsOptions(rate=rate))) for rate in (1, 2, 0.5)]
    assert fast < 0.7 * usual
    assert slow > 1.5 * usual
    with pytest.raises(EngineError, match=r"0\.5–2"):
        await spoken(espeak, "x", TtsOptions(rate=3))


async def test_voices(espeak: EspeakTts) -> None:
    assert {"en-us", "en-gb", "de"} <= set(espeak.capabilities.voices)
    assert {"f3", "whisper"} <= set(espeak.capabilities.variants)
    assert all(espeak.capabilities.has(voice) for voice in ("en-us", "de+f3"))
    assert espeak.capabilities.sample_rate == RATE
    usual, variant, german = [
        np.concatenate([piece.samples for piece in await spoken(espeak, "one two", TtsOptions(voice=voice))])
        for voice in ("", "en-us+f3", "de")
    ]
    assert not np.array_equal(usual, variant)
    assert not np.array_equal(usual, german)


@pytest.mark.parametrize(
    ("voice", "language", "chosen"),
    [
        ("", "en", "en-us"),
        ("", "auto", "en-us"),
        ("", "en-GB", "en-gb"),
        ("", "en-NZ", "en-us"),
        ("", "de-AT", "de"),
        ("", "pt-BR", "pt-br"),
        ("", "fr-FR", "fr-fr"),
        ("", "zh-CN", "zh"),
        ("", "no", "no"),
        ("", "chr", "chr-US-Qaaa-x-west"),
        ("EN-US+f3", "de", "en-us+f3"),
    ],
)
async def test_the_voice_that_is_meant(espeak: EspeakTts, voice: str, language: str, chosen: str) -> None:
    assert espeak.voice_for(voice, language) == chosen


async def test_whatever_is_listed_can_be_heard(espeak: EspeakTts) -> None:
    listed = espeak.capabilities.voices
    assert len(listed) > 130 and espeak.capabilities.languages == listed
    assert {"en-gb", "fr-fr", "zh", "no", "hbs", "chr-US-Qaaa-x-west"} <= set(listed)
    for name in listed:
        for asked in (TtsOptions(voice=name), TtsOptions(voice=f"{name}+f3"), TtsOptions(language=name.upper())):
            pieces = await spoken(espeak, "papa", asked)
            assert length_ms(pieces) > 100, asked
            assert max(np.abs(piece.samples.astype(int)).max() for piece in pieces) > 3000, asked


async def test_a_voice_without_its_dictionary_is_not_listed(espeak: EspeakTts) -> None:
    """Faroese loads, and makes no sound of anything."""
    assert "fo" not in espeak.capabilities.voices
    with pytest.raises(EngineError, match="'fo-FO'"):
        await spoken(espeak, "papa", TtsOptions(language="fo-FO"))


@pytest.mark.parametrize(("voice", "same_as"), [("en-gb", "en"), ("fr-fr", "fr"), ("zh", "cmn"), ("no", "nb")])
async def test_some_voices_have_two_names(espeak: EspeakTts, voice: str, same_as: str) -> None:
    one, other, third = [
        [shape.viseme for piece in await spoken(espeak, SENTENCE, TtsOptions(voice=name)) for shape in piece.visemes]
        for name in (voice, same_as, "en-us")
    ]
    assert one == other != third


@pytest.mark.parametrize("voice", ["nobody", "en-us+nobody", "../../etc/passwd", "en-us+../x"])
async def test_unknown_voices_are_refused_by_name(espeak: EspeakTts, voice: str) -> None:
    assert not espeak.capabilities.has(voice)
    with pytest.raises(EngineError, match="en-us, en-gb, de"):
        await spoken(espeak, "x", TtsOptions(voice=voice))


async def test_what_is_too_long_or_in_no_language(espeak: EspeakTts) -> None:
    with pytest.raises(EngineError, match=str(MAX_CHARACTERS)):
        await spoken(espeak, "x" * (MAX_CHARACTERS + 1))
    with pytest.raises(EngineError, match="tlh"):
        await spoken(espeak, "x", TtsOptions(language="tlh"))


async def test_leaving_early_frees_the_worker(espeak: EspeakTts) -> None:
    room = espeak.room()
    async with aclosing(espeak.synthesize("Some sentence to speak. " * 100, PLAIN)) as pieces:
        await anext(pieces)
        assert espeak.room() == room - 1
    assert espeak.room() == room
    assert length_ms(await spoken(espeak, "fine")) > 200


async def test_texts_take_turns(espeak: EspeakTts) -> None:
    done: list[str] = []

    async def speak(name: str, text: str) -> None:
        await spoken(espeak, text)
        done.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(speak("long", "Some sentence to speak. " * 150))
        group.create_task(speak("short", "Yes."))
    assert done == ["short", "long"]


async def test_a_killed_worker_is_lost_and_replaced(espeak: EspeakTts) -> None:
    (pid,) = espeak.pids()
    with pytest.raises(EngineUnavailable):
        async with aclosing(espeak.synthesize("Some sentence to speak. " * 150, PLAIN)) as pieces:
            async for _ in pieces:
                with suppress(ProcessLookupError):  # pieces that it had sent before may still come
                    os.kill(pid, signal.SIGKILL)
    assert length_ms(await spoken(espeak, "fine")) > 200


async def test_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicesrv.engines.espeak_tts.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"pip install voicesrv\[espeak\]"):
        async with EspeakTts():
            pass


async def test_the_library_is_loaded_by_the_child_alone(espeak: EspeakTts) -> None:
    assert "espeak-ng" not in loaded("self")
    (pid,) = espeak.pids()
    assert "espeak-ng" in loaded(str(pid))
