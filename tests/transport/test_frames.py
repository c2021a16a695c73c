from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ProtocolError

from tests.hostile.raw import BINARY, PING, TEXT, frame
from voicesrv.errors import ClientError, Code
from voicesrv.transport import frames
from voicesrv.transport.frames import FrameReader, write_frame


def a_reader(max_text: int = 1000, max_binary: int = 100_000, max_fragments: int = 5) -> FrameReader:
    return FrameReader(max_text, max_binary, max_fragments)


def taken(reader: FrameReader) -> list[tuple[int, bytes, bytes]]:
    found = []
    while (first := reader.take()) is not None:
        found.append((first, reader.payload(), reader.raw()))
    return found


@given(
    payloads=st.lists(st.binary(max_size=300) | st.integers(0, 70_000).map(bytes), max_size=6),
    cuts=st.lists(st.integers(0, 200_000), max_size=12),
    mask=st.binary(min_size=4, max_size=4),
)
def test_any_split_gives_the_same_frames(payloads: list[bytes], cuts: list[int], mask: bytes) -> None:
    whole = [masked(payload, mask) for payload in payloads]
    stream = b"".join(whole)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = a_reader()
    found = []
    for start, end in itertools.pairwise(edges):
        reader.feed(stream[start:end])
        found += taken(reader)
    assert found == [(0x82, payload, raw) for payload, raw in zip(payloads, whole, strict=True)]


def masked(payload: bytes, mask: bytes) -> bytes:
    head = frame(BINARY, payload)[: -len(payload) - 4]
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def test_taking_may_stop_and_go_on_after_more_came() -> None:
    reader = a_reader()
    reader.feed(frame(BINARY, b"a") + frame(BINARY, b"b") + frame(BINARY, b"cd")[:-1])
    assert reader.take() == 0x82
    assert reader.payload() == b"a"
    reader.feed(b"d" + frame(BINARY, b"e"))
    assert [payload for _, payload, _ in taken(reader)] == [b"b", b"cd", b"e"]


def test_an_unmasked_frame_is_taken_whole() -> None:
    reader = a_reader()
    reader.feed(frame(BINARY, b"abc", mask=False))
    assert reader.take() == 0x82
    assert not reader.is_masked()
    assert reader.raw() == b"\x82\x03abc"


@pytest.mark.parametrize(
    ("opcode", "size", "limit"), [(TEXT, 1001, 1000), (BINARY, 100_001, 100_000), (BINARY, 1 << 40, 100_000)]
)
def test_a_message_too_large_is_refused_by_its_header(opcode: int, size: int, limit: int) -> None:
    reader = a_reader()
    reader.feed(bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big"))
    with pytest.raises(ClientError, match=f"over {limit} bytes") as caught:
        reader.take()
    assert caught.value.code is Code.TOO_LARGE


@pytest.mark.parametrize("size", [125, 126, 1000])
def test_a_text_as_large_as_allowed_is_taken(size: int) -> None:
    reader = a_reader()
    reader.feed(frame(TEXT, bytes(size)))
    assert len(taken(reader)) == 1


@pytest.mark.parametrize("sizes", [(600, 401), (1000, 1), (900, 50, 51)])
def test_fragments_that_add_up_are_refused(sizes: tuple[int, ...]) -> None:
    reader = a_reader()
    reader.feed(frame(TEXT, bytes(sizes[0]), fin=False))
    reader.feed(b"".join(frame(0, bytes(size), fin=False) for size in sizes[1:]))
    with pytest.raises(ClientError, match="over 1000 bytes"):
        taken(reader)


def test_fragments_of_a_binary_message_may_be_as_large_as_that() -> None:
    reader = a_reader()
    reader.feed(frame(BINARY, bytes(600), fin=False) + frame(0, bytes(600)))
    assert len(taken(reader)) == 2


def test_too_many_fragments_are_refused_and_a_new_message_counts_anew() -> None:
    reader = a_reader()
    four = frame(TEXT, fin=False) + 3 * frame(0, fin=False)
    reader.feed(four + frame(0) + four + frame(0))
    assert len(taken(reader)) == 10
    reader.feed(four + 2 * frame(0, fin=False))
    with pytest.raises(ClientError, match="over 5 fragments"):
        taken(reader)


def test_control_frames_between_fragments_do_not_count() -> None:
    reader = a_reader()
    reader.feed(frame(TEXT, fin=False) + 10 * frame(PING, b"x") + frame(0))
    assert len(taken(reader)) == 12


@pytest.mark.parametrize("head", [b"\x89\xfe\x00\x7e", b"\x82\xff\x80\0\0\0\0\0\0\0"])
def test_lengths_that_no_frame_may_have_are_violations(head: bytes) -> None:
    reader = a_reader()
    reader.feed(head)
    with pytest.raises(ProtocolError):
        reader.take()


@given(payload=st.binary(max_size=300) | st.sampled_from([125, 126, 65_535, 65_536]).map(bytes))
def test_a_written_frame_can_be_read(payload: bytes) -> None:
    reader = a_reader()
    reader.feed(write_frame(frames.BINARY, payload))
    assert reader.take() == frames.BINARY
    assert reader.raw().endswith(payload)
    assert reader.raw() == frame(BINARY, payload, mask=False)
