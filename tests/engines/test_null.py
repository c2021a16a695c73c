from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.virtual_loop import now_ms, run
from voicesrv.engines.base import PAUSE, LlmOptions, Pause, Samples, Speech, SttOptions, TextDelta, TtsOptions
from voicesrv.engines.null import MARK_SAMPLES, NullLlm, NullOptions, NullStt, NullTts, NullVad, read_marks

SILENCE = np.zeros(320, np.int16)
SPEECH = np.full(320, 2000, np.int16)


class TestVad:
    def test_each_frame_is_judged_by_its_loudness(self) -> None:
        stream = NullVad().open()
        probabilities = stream.process(np.stack([SILENCE, SPEECH, -SPEECH, SILENCE + 500, SILENCE + 501]))
        assert probabilities.dtype == np.float32
        assert probabilities.tolist() == [0, 1, 1, 0, 1]

    def test_the_most_negative_sample_is_loud(self) -> None:
        assert NullVad().open().process(np.full((1, 320), -32768, np.int16)).tolist() == [1]

    def test_no_frames(self) -> None:
        assert NullVad().open().process(np.zeros((0, 320), np.int16)).shape == (0,)


def transcribe(blocks: list[Samples | Pause], options: SttOptions) -> list[tuple[int, str, bool, bool]]:
    """Give when each transcript came, its text, and whether it was settled and final."""

    async def audio() -> AsyncIterator[Samples | Pause]:
        for block in blocks:
            yield block

    async def main() -> list[tuple[int, str, bool, bool]]:
        async with NullStt() as stt, aclosing(stt.transcribe(audio(), options)) as transcripts:
            return [(now_ms(), t.text, t.settled, t.is_final) async for t in transcripts]

    return run(main())


class TestStt:
    FINALS = SttOptions(interim=False)

    def test_the_final_transcript_comes_30_ms_after_the_end(self) -> None:
        blocks: list[Samples | Pause] = [SPEECH] * 50
        assert transcribe(blocks, self.FINALS) == [(30, "null turn of 1000 ms", False, True)]

    def test_a_pause_is_answered_and_the_end_after_it_costs_nothing(self) -> None:
        blocks: list[Samples | Pause] = [SPEECH, PAUSE, SILENCE, SILENCE]
        said = "null turn of 20 ms"
        assert transcribe(blocks, self.FINALS) == [(30, said, True, False), (30, said, False, True)]

    def test_speech_after_a_pause_has_to_be_recognised(self) -> None:
        blocks: list[Samples | Pause] = [SPEECH, PAUSE, SILENCE, SPEECH]
        assert transcribe(blocks, self.FINALS) == [
            (30, "null turn of 20 ms", True, False),
            (60, "null turn of 60 ms", False, True),
        ]

    def test_interims_come_by_the_length_of_the_audio(self) -> None:
        found = transcribe([SPEECH] * 30, SttOptions(interim_every_ms=200))
        assert [text for _, text, _, final in found if not final] == [f"null turn of {n} ms" for n in (200, 400, 600)]

    def test_the_words_that_do_not_change_are_stable(self) -> None:
        async def audio() -> AsyncIterator[Samples | Pause]:
            for _ in range(30):
                yield SPEECH

        async def main() -> list[str]:
            return [t.text[: t.stable] async for t in NullStt().transcribe(audio(), SttOptions())]

        assert run(main()) == ["null turn of ", "null turn of ", "null turn of 600 ms"]


class TestLlm:
    def test_the_reply_comes_at_its_pace(self) -> None:
        async def main() -> list[tuple[int, object]]:
            return [(now_ms(), event) async for event in NullLlm().reply([], LlmOptions())]

        found = run(main())
        words = NullOptions().reply.split()
        assert [at for at, _ in found] == [50 + 5 * n for n in range(len(words))]
        assert [event for _, event in found][:2] == [TextDelta("This"), TextDelta(" is")]

    def test_a_slow_reader_does_not_slow_the_model(self) -> None:
        async def main() -> list[int]:
            times = []
            async for _ in NullLlm().reply([], LlmOptions()):
                times.append(now_ms())
                await asyncio.sleep(0.02)
            return times

        assert run(main())[-1] == 50 + 20 * 20

    def test_max_tokens(self) -> None:
        async def main() -> int:
            return len([event async for event in NullLlm().reply([], LlmOptions(max_tokens=3))])

        assert run(main()) == 3


def synthesize(text: str, tts: NullTts | None = None, rate: float = 1.0) -> tuple[list[int], list[Speech]]:
    async def main() -> tuple[list[int], list[Speech]]:
        times, pieces = [], []
        async for speech in (tts or NullTts()).synthesize(text, TtsOptions(rate=rate)):
            times.append(now_ms())
            pieces.append(speech)
        return times, pieces

    return run(main())


def samples_of(pieces: list[Speech]) -> Samples:
    return np.concatenate([piece.samples for piece in pieces])


class TestTts:
    def test_audio_comes_after_20_ms_and_then_at_a_twentieth_of_real_time(self) -> None:
        times, pieces = synthesize("a" * 10)
        assert times == [20 + 5 * n for n in range(len(pieces))]
        assert [len(piece.samples) for piece in pieces] == [2400] * 6 + [960]
        assert samples_of(pieces).dtype == np.int16

    def test_faster_speech_is_shorter(self) -> None:
        assert len(samples_of(synthesize("a" * 20, rate=2.0)[1])) == len(samples_of(synthesize("a" * 10)[1]))

    def test_words_are_spread_over_the_audio(self) -> None:
        _, pieces = synthesize("one two three.")
        words = pieces[0].words
        assert [word.text for word in words] == ["one", "two", "three."]
        assert words[0].start_ms == 0
        assert words[-1].end_ms == len(samples_of(pieces)) // 24
        assert all(a.end_ms < b.start_ms for a, b in pairwise(words))
        assert all(not piece.words for piece in pieces[1:])

    def test_nothing_to_say_is_no_audio(self) -> None:
        assert synthesize("  ") == ([], [])

    def test_blocks_are_numbered_in_each_segment(self) -> None:
        tts = NullTts()
        for segment in range(2):
            marks = read_marks(samples_of(synthesize("hello you", tts)[1]))
            n_blocks = len(marks)
            assert marks.tolist() == [[segment, n, n_blocks] for n in range(n_blocks)]

    def test_segments_share_no_memory(self) -> None:
        tts = NullTts()
        first = samples_of(synthesize("hello", tts)[1])
        synthesize("hello", tts)
        assert set(read_marks(first)[:, 0]) == {0}

    @given(st.integers(0, 100), st.integers(1, 400), st.booleans())
    def test_lost_or_added_samples_are_found(self, at: int, n: int, lost: bool) -> None:
        samples = samples_of(synthesize("a" * 10)[1])
        at *= 130
        hurt = np.delete(samples, slice(at, at + n)) if lost else np.insert(samples, at, np.full(n, 3, np.int16))
        marks = read_marks(hurt)
        n_blocks = len(samples) // MARK_SAMPLES
        assert marks[:, 1].tolist() != list(range(n_blocks))

    def test_an_unfinished_block_is_not_read(self) -> None:
        samples = samples_of(synthesize("a" * 10)[1])
        assert len(read_marks(samples[: MARK_SAMPLES * 3 - 1])) == 2
        assert read_marks(samples[:0]).shape == (0, 3)


@pytest.mark.parametrize("engine", [NullVad, NullStt, NullLlm, NullTts])
def test_they_are_named_for_what_they_are_and_have_room_for_all(engine: type[Any]) -> None:
    async def main() -> None:
        async with engine("", engine.Options()) as entered:
            assert entered.name == "null"
            assert entered.room() is None

    run(main())
