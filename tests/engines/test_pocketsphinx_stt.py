from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import numpy as np
import pytest

from tests.engines.workers.speech import samples_of
from voicesrv.engines.base import PAUSE, Pause, Samples, SttOptions, Transcript
from voicesrv.engines.pocketsphinx_stt import PocketSphinxStt, PocketSphinxSttOptions
from voicesrv.errors import EngineError, EngineUnavailable

pytestmark = pytest.mark.anyio

GO = np.frombuffer(samples_of("en_go_forward.wav"), np.int16)
ENGLISH = SttOptions()
TESTING = np.frombuffer(samples_of("en_libri_251_testing.wav"), np.int16)


@pytest.fixture(scope="module")
async def sphinx() -> AsyncIterator[PocketSphinxStt]:
    async with PocketSphinxStt(options=PocketSphinxSttOptions(workers=1, turns_per_worker=2)) as engine:
        yield engine


async def blocks(*parts: Samples | Pause, length: int = 320) -> AsyncGenerator[Samples | Pause, None]:
    for part in parts:
        if isinstance(part, Pause):
            yield part
        else:
            for start in range(0, len(part), length):
                yield part[start : start + length]


async def transcribed(
    engine: PocketSphinxStt, *parts: Samples | Pause, options: SttOptions = ENGLISH, length: int = 320
) -> list[Transcript]:
    async with aclosing(blocks(*parts, length=length)) as audio, aclosing(engine.transcribe(audio, options)) as said:
        return [transcript async for transcript in said]


def assert_sound(transcripts: Sequence[Transcript]) -> None:
    stable = ""
    for transcript in transcripts:
        assert transcript.text.startswith(stable)
        stable = transcript.text[: transcript.stable]
    assert [transcript.is_final for transcript in transcripts] == [False] * (len(transcripts) - 1) + [True]
    assert transcripts[-1].stable == len(transcripts[-1].text)


async def test_it_understands_speech(sphinx: PocketSphinxStt) -> None:
    said = await transcribed(sphinx, GO)
    assert_sound(said)
    final = said[-1]
    assert final.text == "go forward ten meters"
    assert final.language == "en"
    assert 0.5 < final.confidence <= 1
    assert [word.text for word in final.words] == final.text.split()
    assert 400 < final.words[0].start_ms < 520  # by ear: 0.46 s
    assert 1950 < final.words[-1].end_ms < 2250
    assert sphinx.room() == 2


async def test_one_big_block_is_as_good(sphinx: PocketSphinxStt) -> None:
    said = await transcribed(sphinx, GO, length=len(GO))
    assert_sound(said)
    assert said[-1].text == "go forward ten meters"


async def test_interim_transcripts_can_be_left_out(sphinx: PocketSphinxStt) -> None:
    said = await transcribed(sphinx, GO, options=SttOptions(interim=False))
    assert [transcript.is_final for transcript in said] == [True]


async def test_a_pause_is_answered(sphinx: PocketSphinxStt) -> None:
    said = await transcribed(sphinx, GO, PAUSE, np.zeros(3200, np.int16))
    settled = [transcript for transcript in said if transcript.settled]
    assert [transcript.text for transcript in settled] == ["go forward ten meters"]
    assert said[-1].text == settled[0].text
    assert_sound(said)


async def test_two_turns_at_once_and_no_third(sphinx: PocketSphinxStt) -> None:
    waiting = asyncio.Event()

    async def held() -> AsyncGenerator[Samples | Pause, None]:
        yield GO
        await waiting.wait()

    async with aclosing(held()) as audio, aclosing(sphinx.transcribe(audio, ENGLISH)) as one:
        await anext(one)
        said = await transcribed(sphinx, TESTING)
        assert "testing routine" in said[-1].text
        async with aclosing(held()) as other, aclosing(sphinx.transcribe(other, ENGLISH)) as two:
            await anext(two)
            assert sphinx.room() == 0
            with pytest.raises(EngineUnavailable, match="taken"):
                await transcribed(sphinx, GO)
    assert sphinx.room() == 2


async def test_leaving_early_frees_the_turn_and_its_audio(sphinx: PocketSphinxStt) -> None:
    audio = blocks(*[GO] * 20)
    async with aclosing(sphinx.transcribe(audio, ENGLISH)) as said:
        await anext(said)
    assert sphinx.room() == 2
    await audio.aclose()  # would raise if somebody still read it
    assert (await transcribed(sphinx, GO))[-1].text == "go forward ten meters"


async def test_audio_is_not_read_ahead_of_the_worker(sphinx: PocketSphinxStt) -> None:
    given = 0

    async def counted() -> AsyncGenerator[Samples | Pause, None]:
        nonlocal given
        while True:
            given += 1600
            yield np.zeros(1600, np.int16)

    async with aclosing(counted()) as audio, aclosing(sphinx.transcribe(audio, ENGLISH)) as said:
        os.kill(sphinx.pids()[0], signal.SIGSTOP)
        with pytest.raises(EngineUnavailable, match="hung"):
            await anext(said)
    assert given <= 70_000  # the window is 65536 samples
    assert (await transcribed(sphinx, GO))[-1].text == "go forward ten meters"


async def test_a_killed_worker_is_lost_and_the_turn_can_be_replayed(sphinx: PocketSphinxStt) -> None:
    (pid,) = sphinx.pids()

    async def interrupted() -> AsyncGenerator[Samples | Pause, None]:
        yield GO[: len(GO) // 2]
        os.kill(pid, signal.SIGKILL)
        await asyncio.Event().wait()

    with pytest.raises(EngineUnavailable, match="lost"):
        async with aclosing(interrupted()) as audio, aclosing(sphinx.transcribe(audio, ENGLISH)) as said:
            async for _ in said:
                pass
    assert (await transcribed(sphinx, GO, length=len(GO)))[-1].text == "go forward ten meters"
    assert sphinx.pids() != [pid]


async def test_who_feeds_it_may_fail(sphinx: PocketSphinxStt) -> None:
    async def broken() -> AsyncGenerator[Samples | Pause, None]:
        yield GO
        raise RuntimeError("the microphone fell")

    with pytest.raises(RuntimeError, match="the microphone fell"):
        async with aclosing(broken()) as audio, aclosing(sphinx.transcribe(audio, ENGLISH)) as said:
            async for _ in said:
                pass
    assert sphinx.room() == 2


@pytest.mark.parametrize("language", ["de", "zh-CN", ""])
async def test_other_languages_are_refused(sphinx: PocketSphinxStt, language: str) -> None:
    with pytest.raises(EngineError, match="only for en"):
        await transcribed(sphinx, GO, options=SttOptions(language=language))


@pytest.mark.parametrize("language", ["en-GB", "auto"])
async def test_english_is_english(sphinx: PocketSphinxStt, language: str) -> None:
    assert (await transcribed(sphinx, GO, options=SttOptions(language=language)))[-1].text == "go forward ten meters"


async def test_silence_is_nothing(sphinx: PocketSphinxStt) -> None:
    assert [transcript.text for transcript in await transcribed(sphinx, np.zeros(16000, np.int16))] == [""]
    assert [transcript.text for transcript in await transcribed(sphinx)] == [""]


async def test_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicesrv.engines.pocketsphinx_stt.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"pip install voicesrv\[pocketsphinx\]"):
        async with PocketSphinxStt():
            pass
