from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.bench.continuity import MarkedAudio
from voicesrv.engines.base import TtsOptions
from voicesrv.engines.null import MARK_SAMPLES, NullOptions, NullTts

BLOCK = MARK_SAMPLES * 2


async def synthesized(*texts: str) -> bytes:
    voice = NullTts(options=NullOptions(tts_first_ms=0, tts_factor=0))
    pieces = [piece for text in texts async for piece in voice.synthesize(text, TtsOptions())]
    return b"".join(piece.samples.tobytes() for piece in pieces)


AUDIO = anyio.run(synthesized, "one two three", "four five")
N_BLOCKS = len(AUDIO) // BLOCK


@given(st.lists(st.integers(0, 3000), max_size=40))
def test_whole_audio_has_no_breaks_however_it_is_cut(sizes: list[int]) -> None:
    check, rest = MarkedAudio(), AUDIO
    for size in [*sizes, len(AUDIO)]:
        assert check.feed(rest[:size]) == 0
        rest = rest[size:]
    assert check.finish() == 0


@given(st.integers(0, N_BLOCKS - 2), st.integers(1, 3))
def test_a_loss_is_one_break(at: int, lost: int) -> None:
    check = MarkedAudio()
    breaks = check.feed(AUDIO[: at * BLOCK] + AUDIO[(at + lost) * BLOCK :])
    assert breaks + check.finish() == 1


def test_repeated_and_swapped_blocks_are_breaks() -> None:
    block = [AUDIO[n * BLOCK : (n + 1) * BLOCK] for n in range(N_BLOCKS)]
    assert MarkedAudio().feed(b"".join(block[:5] + block[4:])) == 1
    assert MarkedAudio().feed(b"".join([*block[:5], block[6], block[5], *block[7:]])) == 3


def test_a_shifted_byte_is_no_block() -> None:
    assert MarkedAudio().feed(AUDIO[1:]) == N_BLOCKS - 1


@pytest.mark.parametrize("end", [-1, -BLOCK, -BLOCK - 1])
def test_a_missing_end_is_found_at_the_end(end: int) -> None:
    check = MarkedAudio()
    assert check.feed(AUDIO[:end]) == 0
    assert check.finish() == 1
