"""The Whisper engine on the real micro model: many streams at once, as they are spoken, and what may go wrong."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from scripts.micro_whisper import measuring
from voicesrv.engines.base import PAUSE, Pause, Samples, SttOptions, Transcript
from voicesrv.engines.whisper.model import Hypothesis, Window
from voicesrv.engines.whisper.scheduler import Urgency
from voicesrv.engines.whisper_stt import WhisperStt, WhisperSttOptions
from voicesrv.errors import EngineError, EngineUnavailable

pytestmark = pytest.mark.anyio

MICRO = Path(__file__).parents[2] / "models" / "micro-whisper"
ONE_THREAD = WhisperSttOptions(threads=1)
SEED = 78
N = 24


@pytest.fixture(scope="module")
def utterances() -> list[tuple[str, Samples]]:
    """What is said, and its samples."""
    _, clips = measuring.unseen_utterances(N, SEED)
    return [(measuring.said(clip), (clip.samples * 32767).astype(np.int16)) for clip in clips]


@pytest.fixture
async def whisper() -> AsyncGenerator[WhisperStt, None]:
    async with WhisperStt(str(MICRO), ONE_THREAD) as engine:
        yield engine


async def spoken(samples: Samples, pace_s: float = 0.005) -> AsyncGenerator[Samples | Pause, None]:
    """Audio in blocks of 100 ms, faster than it was spoken; a pause at its end."""
    for at in range(0, len(samples), 1600):
        await asyncio.sleep(pace_s)
        yield samples[at : at + 1600]
    yield PAUSE


async def transcripts(engine: WhisperStt, samples: Samples, **options: object) -> list[Transcript]:
    wanted = SttOptions(**options)  # type: ignore[arg-type]
    return [each async for each in engine.transcribe(spoken(samples), wanted)]


async def test_many_streams_at_once_are_heard_as_one_alone_is(
    whisper: WhisperStt, utterances: list[tuple[str, Samples]]
) -> None:
    """Their words are right, stable text never changes, and the final text is that of the offline model."""
    room = whisper.room()
    together = await asyncio.gather(*(transcripts(whisper, samples) for _, samples in utterances))
    for told in together:
        assert [each.is_final for each in told] == [False] * (len(told) - 1) + [True]
        for before, after in pairwise(told):
            assert after.text.startswith(before.text[: before.stable])
        assert told[-1].stable == len(told[-1].text)
        assert all(word.start_ms <= word.end_ms for word in told[-1].words)
        assert " ".join(word.text for word in told[-1].words) == told[-1].text
    finals = [told[-1].text for told in together]
    assert measuring.word_error_rate([text for text, _ in utterances], finals) <= 0.055
    assert room >= 1 and whisper.room() >= 1


async def test_words_are_stable_before_the_end(whisper: WhisperStt, utterances: list[tuple[str, Samples]]) -> None:
    longest = max((samples for _, samples in utterances), key=len)
    told = [each async for each in whisper.transcribe(spoken(longest, pace_s=0.05), SttOptions())]
    assert any(each.stable for each in told if not each.settled and not each.is_final)


async def test_the_language_is_told(whisper: WhisperStt, utterances: list[tuple[str, Samples]]) -> None:
    longest = max((samples for _, samples in utterances), key=len)
    told = await transcripts(whisper, longest, language="auto", interim=False)
    assert [each.language for each in told if each.is_final] == ["en"]
    assert whisper.capabilities.detects_language and "de" in whisper.capabilities.languages


async def test_silence_is_no_text(whisper: WhisperStt) -> None:
    told = await transcripts(whisper, np.zeros(16 * 2500, np.int16))
    assert {each.text for each in told} == {""}


async def test_a_language_that_it_does_not_know_is_refused(whisper: WhisperStt) -> None:
    with pytest.raises(EngineError, match="language: 'tlh' is not one of the model's"):
        await transcripts(whisper, np.zeros(16000, np.int16), language="tlh")


async def test_streams_that_are_open_take_room(whisper: WhisperStt) -> None:
    room = whisper.room()
    open_streams = [whisper.transcribe(spoken(np.zeros(16000, np.int16)), SttOptions()) for _ in range(2)]
    for stream in open_streams:
        await anext(stream)
    assert whisper.room() == max(0, room - 2)
    for stream in open_streams:
        await stream.aclose()


async def test_a_recording_takes_no_room_and_has_no_interims(
    whisper: WhisperStt, utterances: list[tuple[str, Samples]]
) -> None:
    room = whisper.room()
    told = []
    async for each in whisper.transcribe(spoken(utterances[0][1]), SttOptions(live=False)):
        told.append(each)
        assert whisper.room() == room
    assert told[-1].is_final and all(each.settled or each.is_final for each in told)


async def test_passes_that_interims_take_cost_little_more_than_the_turn_heard_once(
    whisper: WhisperStt, utterances: list[tuple[str, Samples]]
) -> None:
    """Counted in the audio they hear, not in time: the same on every machine."""
    sizes: list[int] = []
    ask = whisper._ask

    async def counted(urgency: Urgency, make: Callable[[], Window]) -> Hypothesis:
        def made() -> Window:
            window = make()
            sizes.append(window.size)
            return window

        return await ask(urgency, made)

    whisper._ask = counted  # type: ignore[method-assign]
    once = 0
    for _, samples in utterances:
        once += Window(samples).size
        async for _ in whisper.transcribe(spoken(samples, pace_s=0.02), SttOptions()):
            pass
    assert once < sum(sizes) <= 2.8 * once


async def test_one_that_is_left_early_leaves_the_others_alone(
    whisper: WhisperStt, utterances: list[tuple[str, Samples]]
) -> None:
    _, samples = utterances[0]
    leaving = asyncio.create_task(transcripts(whisper, samples))
    staying = asyncio.create_task(transcripts(whisper, samples))
    await asyncio.sleep(0.1)
    leaving.cancel()
    assert (await staying)[-1].is_final
    with pytest.raises(asyncio.CancelledError):
        await leaving


# --- what may be wrong with a model -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), r"has no tokenizer\.json: it is half a download"),
        (lambda folder: (folder / "model.bin").write_bytes(b"GGUF" + bytes(5000)), "cannot be loaded"),
        (
            lambda folder: (folder / "model.bin").write_bytes((MICRO / "model.bin").read_bytes()[:100_000]),
            "cannot be loaded",
        ),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "cannot be loaded"),
    ],
)
async def test_a_damaged_model_is_told_when_it_is_opened(tmp_path: Path, damage: object, message: str) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(MICRO, folder)
    damage(folder)  # type: ignore[operator]
    with pytest.raises(EngineUnavailable, match=f"whisper: the model damaged.*{message}"):
        async with WhisperStt(str(folder), ONE_THREAD):
            pass


@pytest.mark.parametrize(
    ("error", "explained"),
    [
        (
            RuntimeError("CUDA failed with error out of memory"),
            r"out of memory \(take a smaller model, or compute_type int8",
        ),
        (MemoryError(), r"MemoryError \(take a smaller model"),
        (RuntimeError("std::bad_alloc"), r"\(take a smaller model"),
        (
            RuntimeError("Library libcublas.so.12 is not found or cannot be loaded"),
            r"libcublas.*\(CUDA's libraries are missing: pip install nvidia-cublas-cu12 .* or device cpu\)",
        ),
        (RuntimeError("CUDA driver version is insufficient for CUDA runtime version"), r"\(there is no CUDA here; set"),
        (ValueError("This CTranslate2 package was not compiled with CUDA support"), r"\(there is no CUDA here; set"),
        (
            ValueError(
                "Requested float16 compute type, but the target device or backend do not support efficient float16"
            ),
            r"\(set compute_type to auto\)",
        ),
        (ValueError("something else\nand more of it"), r"something else$"),
    ],
)
async def test_an_error_of_the_machine_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception, explained: str
) -> None:
    def refuse(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("voicesrv.engines.whisper_stt.WhisperModel", refuse)
    with pytest.raises(EngineUnavailable, match=f"whisper: the model micro-whisper cannot be loaded: .*{explained}"):
        async with WhisperStt(str(MICRO), ONE_THREAD):
            pass


async def test_a_model_that_is_not_there() -> None:
    with pytest.raises(EngineUnavailable, match="no model is in "):
        async with WhisperStt():
            pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_batch": 0}, "max_batch: 0 is outside 1-64"),
        ({"window": "long"}, "window: 'long' is none of auto, full, short"),
        ({"device": "tpu"}, "device: 'tpu' is none of auto, cpu, cuda"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WhisperSttOptions(**options)  # type: ignore[arg-type]
