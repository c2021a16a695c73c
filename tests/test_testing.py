"""The fakes keep the engines' promises, so that what is proven with them holds with real engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from voicesrv.engines.base import (
    PAUSE,
    Llm,
    LlmOptions,
    Pause,
    Samples,
    Stt,
    SttOptions,
    TextDelta,
    Tts,
    TtsOptions,
    UserItem,
    Vad,
)
from voicesrv.errors import EngineUnavailable
from voicesrv.testing import FRAME, FakeLlm, FakeStt, FakeTts, FakeVad

pytestmark = pytest.mark.anyio


async def audio(*blocks: Samples | Pause) -> AsyncIterator[Samples | Pause]:
    for block in blocks:
        yield block


def test_a_detector_judges_each_frame() -> None:
    vad: Vad = FakeVad()
    frames = np.array([np.zeros(FRAME), np.full(FRAME, -32768), np.full(FRAME, 400)], np.int16)
    probabilities = vad.open().process(frames)
    assert probabilities.dtype == np.float32 and probabilities.tolist() == [0, 1, 0]


async def test_a_recogniser_settles_at_pauses_and_ends_with_a_final() -> None:
    stt: Stt = FakeStt(["hello there"])
    blocks = audio(np.zeros(100, np.int16), PAUSE, np.zeros(60, np.int16))
    async with stt, aclosing(stt.transcribe(blocks, SttOptions())) as transcripts:
        said = [each async for each in transcripts]
    assert [(each.text, each.settled, each.is_final) for each in said] == [
        ("hello", False, False),
        ("hello there", True, False),
        ("hello", False, False),
        ("hello there", False, True),
    ]
    assert all(each.stable <= len(each.text) for each in said)
    assert isinstance(stt, FakeStt) and stt.heard == [160]


async def test_a_model_answers_each_request() -> None:
    llm: Llm = FakeLlm(["One two.", "Three."])
    for expected in ("One two. ", "Three. ", "Three. "):
        async with aclosing(llm.reply([UserItem("hi")], LlmOptions())) as events:
            text = "".join([event.text async for event in events if isinstance(event, TextDelta)])
        assert text == expected


async def test_a_voice_times_its_words_and_shapes_within_its_audio() -> None:
    tts: Tts = FakeTts()
    async with aclosing(tts.synthesize("one two", TtsOptions())) as pieces:
        said = [piece async for piece in pieces]
    assert [word.text for piece in said for word in piece.words] == ["one", "two"]
    n_samples = sum(len(piece.samples) for piece in said)
    assert said[-1].words[-1].end_ms == said[-1].visemes[-1].end_ms == n_samples / 24


async def test_each_is_lost_when_it_is_told_to_once() -> None:
    stt, tts = FakeStt(), FakeTts()
    stt.die_after, tts.die_after = 50, 1
    for attempt in (0, 1):
        for stream in (
            stt.transcribe(audio(np.zeros(100, np.int16)), SttOptions()),
            tts.synthesize("one two", TtsOptions()),
        ):
            try:
                assert [each async for each in stream] and attempt
            except EngineUnavailable:
                assert not attempt
