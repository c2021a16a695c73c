from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.audio import encodings
from voicesrv.audio.pcm import Samples, to_float32
from voicesrv.audio.stream import InputDecoder, OutputEncoder, OutputMessages

SPEECH = Path(__file__).parents[1] / "data" / "speech"
ENCODINGS = ["linear16", "mulaw", "alaw", "float32"]


def recording(name: str) -> Samples:
    with wave.open(str(SPEECH / name)) as reader:
        return np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(np.int16)


def decoded(decoder: InputDecoder, *messages: bytes) -> Samples:
    return np.concatenate([*(decoder.feed(message) for message in messages), decoder.flush()])


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """``data`` in pieces of ``sizes`` bytes, and the rest as the last piece."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


@given(
    encoding=st.sampled_from(ENCODINGS),
    rate=st.sampled_from([8000, 16_000, 22_050, 48_000]),
    channels=st.sampled_from([1, 2]),
    data=st.binary(max_size=3000),
    sizes=st.lists(st.integers(0, 400), max_size=10),
)
def test_any_split_gives_the_same_samples(
    encoding: str, rate: int, channels: int, data: bytes, sizes: list[int]
) -> None:
    whole = decoded(InputDecoder(encoding, rate, channels), data)
    pieces = decoded(InputDecoder(encoding, rate, channels), *cut(data, sizes))
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.parametrize(("encoding", "rate"), [("linear16", 48_000), ("linear16", 44_100), ("mulaw", 8000)])
def test_speech_in_seven_byte_messages_is_the_speech_whole(encoding: str, rate: int) -> None:
    data = recording("en_go_forward.wav").tobytes()[:20_000]
    whole = decoded(InputDecoder(encoding, rate, 1), data)
    pieces = decoded(InputDecoder(encoding, rate, 1), *cut(data, [7] * (len(data) // 7)))
    np.testing.assert_array_equal(pieces, whole)


def test_linear16_at_the_servers_rate_passes_unchanged() -> None:
    samples = recording("en_go_forward.wav")
    np.testing.assert_array_equal(InputDecoder("linear16", 16_000, 1).feed(samples.tobytes()), samples)


def test_float32_is_the_same_audio() -> None:
    samples = recording("en_go_forward.wav")
    np.testing.assert_array_equal(InputDecoder("float32", 16_000, 1).feed(to_float32(samples).tobytes()), samples)


def test_float32_that_is_no_number_falls_silent_or_saturates() -> None:
    data = struct.pack("<6f", float("nan"), float("inf"), float("-inf"), 1e38, -2.0, 0.5)
    assert InputDecoder("float32", 16_000, 1).feed(data).tolist() == [0, 32_767, -32_768, 32_767, -32_768, 16_384]


def test_g711_is_decoded() -> None:
    samples = np.array([0, 1000, -1000, 30_000], np.int16)
    for encoding, encode in (("mulaw", encodings.mulaw_encode), ("alaw", encodings.alaw_encode)):
        error = InputDecoder(encoding, 16_000, 1).feed(encode(samples)).astype(int) - samples
        assert np.abs(error).max() <= 512  # half a step at the top of the scale


def test_stereo_is_mixed_without_overflow() -> None:
    left_right = np.array([100, 300, 32_767, 32_767, -32_768, -32_768, 32_767, -32_767], np.int16)
    assert InputDecoder("linear16", 16_000, 2).feed(left_right.tobytes()).tolist() == [200, 32_767, -32_768, 0]


def test_half_a_channel_pair_waits() -> None:
    decoder = InputDecoder("linear16", 16_000, 2)
    assert decoder.feed(b"\x0a\x00\x14").size == 0
    assert decoder.feed(b"\x00\x01").tolist() == [15]
    assert decoder.feed(b"\x00\x03\x00").tolist() == [2]


def test_reset_forgets_half_samples_and_the_filter() -> None:
    decoder = InputDecoder("linear16", 8000, 1)
    decoder.feed(b"\x11\x22" * 300 + b"\x33")
    decoder.reset()
    silence = decoder.feed(bytes(1000))
    assert silence.size
    assert not silence.any()


def test_flush_lets_the_next_message_complete_its_sample() -> None:
    decoder = InputDecoder("linear16", 16_000, 1)
    decoder.feed(b"\x01\x00\x02")
    assert decoder.flush().size == 0
    assert decoder.feed(b"\x00").tolist() == [2]


def test_unknown_encodings_are_refused() -> None:
    with pytest.raises(ValueError, match="opus"):
        InputDecoder("opus", 48_000, 1)
    with pytest.raises(ValueError, match="float32"):
        OutputEncoder("float32", 24_000)


# --- output -------------------------------------------------------------------------------------


def test_native_output_is_the_same_object() -> None:
    encoder = OutputEncoder("linear16", 24_000)
    pcm = b"\x01\x02" * 480
    assert encoder.encode(pcm) is pcm
    assert encoder.flush() == b""


@pytest.mark.parametrize(("encoding", "width"), [("linear16", 2), ("mulaw", 1), ("alaw", 1)])
@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_output_lasts_as_long_as_what_was_given(encoding: str, width: int, rate: int) -> None:
    encoder = OutputEncoder(encoding, rate)
    pcm = recording("en_go_forward.wav").tobytes()
    pieces = [encoder.encode(pcm[at : at + 960]) for at in range(0, len(pcm), 960)]
    n_samples = len(b"".join([*pieces, encoder.flush()])) / width
    assert abs(n_samples - len(pcm) / 2 * rate / 24_000) < 1


def test_output_in_g711_is_what_the_table_makes_of_it() -> None:
    samples = recording("en_go_forward.wav")
    assert OutputEncoder("mulaw", 24_000).encode(samples.tobytes()) == encodings.mulaw_encode(samples)
    assert OutputEncoder("alaw", 24_000).encode(samples.tobytes()) == encodings.alaw_encode(samples)


def test_after_a_reset_nothing_of_the_old_reply_is_heard() -> None:
    encoder = OutputEncoder("linear16", 8000)
    encoder.encode(b"\x11\x22" * 4800)
    encoder.reset()
    assert not any(encoder.encode(bytes(9600)) + encoder.flush())


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("encoding", ["linear16", "mulaw"])
def test_messages_in_every_format_are_20_to_100_ms(encoding: str, rate: int) -> None:
    output = OutputMessages(encoding, rate)
    messages = [m for size in (40, 100, 100, 60, 100, 97) for m in output.feed(bytes(48 * size))]
    messages += output.end()
    step = 2 if encoding == "linear16" else 1
    lengths_ms = [len(message) / step / rate * 1000 for message in messages]
    assert all(19.99 <= length <= 100.01 for length in lengths_ms)
    assert all(len(message) % step == 0 for message in messages)
    assert sum(lengths_ms) == pytest.approx(497, abs=0.2)
