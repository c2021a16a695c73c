from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.audio.framing import Framer, message_size


@given(st.integers(1, 20), st.lists(st.integers(0, 50), max_size=12))
def test_any_split_gives_the_same_frames(frame_samples: int, sizes: list[int]) -> None:
    samples = np.arange(sum(sizes)).astype(np.int16)
    framer = Framer(frame_samples)
    frames = []
    for part in np.split(samples, np.cumsum(sizes)[:-1]) if sizes else []:
        got = framer.feed(part)
        assert got.dtype == np.int16
        assert got.shape[1:] == (frame_samples,)
        frames.append(got.copy())
    joined = np.concatenate([*frames, np.empty((0, frame_samples), np.int16)])
    n_frames = len(samples) // frame_samples
    np.testing.assert_array_equal(joined.ravel(), samples[: n_frames * frame_samples])
    assert framer.pending == len(samples) % frame_samples


def test_what_is_held_back_does_not_change_with_the_array_it_came_from() -> None:
    framer = Framer(4)
    samples = np.array([1, 2, 3], np.int16)
    framer.feed(samples)
    samples[:] = 0
    assert framer.feed(np.array([4], np.int16)).tolist() == [[1, 2, 3, 4]]


def test_whole_frames_are_not_copied() -> None:
    samples = np.arange(12).astype(np.int16)
    assert np.shares_memory(Framer(4).feed(samples), samples)


def test_reset_forgets_what_is_held_back() -> None:
    framer = Framer(3)
    framer.feed(np.array([1, 2], np.int16))
    framer.reset()
    assert framer.pending == 0
    assert framer.feed(np.array([3, 4, 5], np.int16)).tolist() == [[3, 4, 5]]


def test_a_frame_has_at_least_one_sample() -> None:
    with pytest.raises(ValueError, match="frame_samples is 0"):
        Framer(0)


@given(st.lists(st.integers(0, 400), max_size=20))
def test_messages_are_neither_short_nor_long(pieces: list[int]) -> None:
    """All is sent, in messages of 20 to 100, or in one where there is less in all."""
    waiting, sizes = 0, []
    for number, piece in enumerate(pieces):
        waiting += piece
        while size := message_size(waiting, 20, 100, ended=number == len(pieces) - 1):
            sizes.append(size)
            waiting -= size
    assert waiting == 0 and sum(sizes) == sum(pieces)
    assert all(20 <= size <= 100 for size in sizes) or len(sizes) == 1
