from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicesrv_client.ring import MicrophoneRing

MS = 32  # bytes of 16 kHz linear16 in a ms


def numbered(n_samples: int, first: int = 0) -> bytes:
    return b"".join((n % 65536).to_bytes(2, "little") for n in range(first, first + n_samples))


def drained(ring: MicrophoneRing) -> bytes:
    return b"".join(iter(ring.pending, b""))


def test_hands_audio_on_once_and_in_order() -> None:
    ring = MicrophoneRing()
    ring.append(b"ab")
    ring.append(b"c")
    assert ring.pending(limit=2) == b"ab"
    assert ring.pending() == b"c"
    assert ring.pending() == b""


def test_rewinds_to_what_the_server_has() -> None:
    ring = MicrophoneRing()
    audio = numbered(16 * 100)
    ring.append(audio)
    assert drained(ring) == audio
    assert ring.rewind(40) == 0
    assert drained(ring) == audio[40 * MS :]
    assert ring.rewind(100) == 0
    assert drained(ring) == b""


def test_counts_what_a_long_drop_lost_and_stays_on_the_servers_count() -> None:
    ring = MicrophoneRing(seconds=1.0)
    audio = numbered(16 * 3000)
    for start in range(0, len(audio), 20 * MS):
        ring.append(audio[start : start + 20 * MS])
    lost = ring.rewind(500)
    kept = drained(ring)
    assert kept == audio[(500 + lost) * MS :]
    assert 1000 * MS <= len(kept) <= 1250 * MS
    # The server never counts the gap.
    assert ring.rewind(600) == 0
    assert drained(ring) == audio[(600 + lost) * MS :]


def test_skips_whole_samples_where_the_network_is_too_slow() -> None:
    ring = MicrophoneRing(seconds=0.1)
    ring.append(numbered(1))
    assert ring.pending(limit=1) == numbered(1)[:1]  # half a sample is on its way
    audio = numbered(16 * 200, first=1)
    ring.append(audio)
    rest = drained(ring)
    # One byte of another sample completes it, and what follows begins a sample.
    assert len(rest) % 2 == 1
    assert rest[1:] == audio[-len(rest) + 1 :]


def test_a_new_conversation_starts_from_nothing() -> None:
    ring = MicrophoneRing()
    ring.append(numbered(160))
    ring.restart()
    assert drained(ring) == b""
    ring.append(b"abcd")
    assert drained(ring) == b"abcd"
    ring.rewind(0)
    assert drained(ring) == b"abcd"


def test_another_format_goes_on_at_the_same_time() -> None:
    ring = MicrophoneRing()
    ring.append(bytes(100 * MS))
    drained(ring)
    ring.changed("mulaw", 8000, 1, at=ring.end)
    ring.append(b"m" * 80)
    assert drained(ring) == b"m" * 80
    assert ring.rewind(105) == 0
    assert drained(ring) == b"m" * 40
    assert ring.rewind(50) == 50  # in the old format, which cannot be sent again


def test_another_format_goes_on_with_a_whole_sample_where_its_beginning_was_dropped() -> None:
    ring = MicrophoneRing("mulaw", 8000, 1, seconds=0.1)
    ring.append(bytes(80))
    drained(ring)
    ring.append(bytes(80))
    at = ring.end
    audio = numbered(16 * 200)[:-1]  # the last sample is not whole yet
    ring.append(audio)
    assert ring.pending(until=at) == b""  # dropped, with some of what comes after
    ring.changed("linear16", 16000, 1, at=at)
    rest = drained(ring)
    assert len(rest) % 2 == 1
    assert audio.endswith(rest)
    assert ring.rewind(10) == 0
    assert drained(ring) == rest


@given(st.lists(st.binary(min_size=1, max_size=700), max_size=30), st.integers(1, 400))
def test_any_split_comes_out_whole(pieces: list[bytes], limit: int) -> None:
    ring = MicrophoneRing()
    out = b""
    for piece in pieces:
        ring.append(piece)
        out += ring.pending(limit=limit)
    while chunk := ring.pending(limit=limit):
        out += chunk
    assert out == b"".join(pieces)


@given(st.integers(8000, 48000), st.sampled_from(["linear16", "mulaw", "float32"]), st.integers(1, 2), st.data())
def test_rewinds_to_the_start_of_a_sample(rate: int, encoding: str, channels: int, data: st.DataObject) -> None:
    ring = MicrophoneRing(encoding, rate, channels)
    width = {"linear16": 2, "mulaw": 1, "float32": 4}[encoding] * channels
    audio = bytes(range(256)) * 400
    ring.append(audio)
    drained(ring)
    received_ms = data.draw(st.integers(0, len(audio) * 1000 // (rate * width)))
    assert ring.rewind(received_ms) == 0
    rest = drained(ring)
    assert (len(audio) - len(rest)) % width == 0
    assert 0 <= received_ms / 1000 - (len(audio) - len(rest)) / (rate * width) < 1 / rate + 1e-9
