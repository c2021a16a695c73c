from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from voicesrv.bench import wire


def server_frame(opcode: int, payload: bytes) -> bytes:
    return TheirFrame(Opcode(opcode), payload).serialize(mask=False)


@pytest.mark.parametrize("size", [0, 1, 3, 125, 126, 640, 65_535, 65_536])
def test_frames_are_what_another_implementation_reads(size: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    reader = StreamReader()
    reader.feed_data(wire.frame(wire.BINARY, payload, b"\x01\x80\xff\x42"))
    parsing = TheirFrame.parse(reader.read_exact, mask=True, max_size=None)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    assert done.value.value == TheirFrame(Opcode.BINARY, payload)


def test_masks_differ_where_none_is_given() -> None:
    assert len({wire.frame(wire.TEXT, b"same") for _ in range(8)}) > 1


@given(
    st.lists(st.tuples(st.sampled_from([wire.TEXT, wire.BINARY, wire.PING]), st.binary(max_size=300)), max_size=8),
    st.lists(st.integers(1, 40), max_size=100),
)
def test_any_split_gives_the_same_frames(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(
        server_frame(opcode, payload[:125] if opcode == wire.PING else payload) for opcode, payload in frames
    )
    parser = wire.Frames()
    found: list[tuple[int, bytes]] = []
    for cut in cuts:
        piece, stream = stream[:cut], stream[cut:]
        found += parser.feed(piece)
    found += parser.feed(stream)
    assert found == [(opcode, payload[:125] if opcode == wire.PING else payload) for opcode, payload in frames]


@pytest.mark.parametrize("size", [65_535, 65_536, 70_000])
def test_long_frames(size: int) -> None:
    parser = wire.Frames()
    data = server_frame(wire.BINARY, bytes(size))
    assert list(parser.feed(data[:9])) == []
    assert list(parser.feed(data[9:] + b"\x81")) == [(wire.BINARY, bytes(size))]
    assert list(parser.feed(b"\x00")) == [(wire.TEXT, b"")]


@pytest.mark.parametrize("head", [b"\x02\x01a", b"\x80\x01a"])
def test_fragments_are_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match="fragmented"):
        list(wire.Frames().feed(head))


def test_the_upgrade_is_one_that_another_implementation_accepts() -> None:
    upgrade = wire.Upgrade("127.0.0.1:8000", "/ws?mode=listen", "secret")
    server = ServerProtocol()
    server.receive_data(upgrade.request)
    (request,) = server.events_received()
    assert request.path == "/ws?mode=listen"  # type: ignore[union-attr]
    assert request.headers["Authorization"] == "Bearer secret"  # type: ignore[union-attr]
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    answer = b"".join(server.data_to_send())
    assert upgrade.feed(answer[:30]) is None
    assert upgrade.feed(answer[30:] + b"\x81\x00") == b"\x81\x00"


def test_an_upgrade_that_is_refused_says_how() -> None:
    upgrade = wire.Upgrade("h", "/ws")
    with pytest.raises(ConnectionRefusedError, match="503 Service Unavailable"):
        upgrade.feed(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    wrong = base64.b64encode(hashlib.sha1(b"another key", usedforsecurity=False).digest())
    with pytest.raises(ConnectionRefusedError, match="101"):
        wire.Upgrade("h", "/ws").feed(b"HTTP/1.1 101 ok\r\nSec-WebSocket-Accept: " + wrong + b"\r\n\r\n")
