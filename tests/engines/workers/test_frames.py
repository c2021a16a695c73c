from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicesrv.engines.workers.frames import MAX_PAYLOAD, Frame, FrameError, FrameReader, Kind, encode

FRAMES = st.builds(Frame, st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=300))


@settings(deadline=None)
@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 400), max_size=20))
def test_frames_survive_any_split(frames: list[Frame], cuts: list[int]) -> None:
    data = b"".join(encode(frame.kind, frame.stream, frame.payload) for frame in frames)
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    reader = FrameReader()
    read = [frame for start, end in pairwise(places) for frame in reader.feed(data[start:end])]
    assert read == frames


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_frames_or_refused(data: bytes, step: int) -> None:
    reader = FrameReader()
    read: list[Frame] = []
    try:
        for start in range(0, len(data), step):
            read += reader.feed(data[start : start + step])
    except FrameError:
        return
    assert data.startswith(b"".join(encode(frame.kind, frame.stream, frame.payload) for frame in read))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(FrameError, match="kind 99"):
        FrameReader().feed(struct.pack("<IBI", 0, 99, 1))


def test_a_long_payload_is_refused_before_it_arrives() -> None:
    with pytest.raises(FrameError, match=str(MAX_PAYLOAD + 1)):
        FrameReader().feed(struct.pack("<IBI", MAX_PAYLOAD + 1, Kind.PCM, 1))
    with pytest.raises(FrameError, match=str(MAX_PAYLOAD + 1)):
        encode(Kind.PCM, 1, bytes(MAX_PAYLOAD + 1))


def test_json_comes_back() -> None:
    (frame,) = FrameReader().feed(encode(Kind.EVENT, 7, {"text": "ünï"}))
    assert (frame.kind, frame.stream, frame.json()) == (Kind.EVENT, 7, {"text": "ünï"})


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"1", b"{", b"[" * 100_000])
def test_what_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(FrameError):
        Frame(Kind.EVENT, 1, payload).json()
