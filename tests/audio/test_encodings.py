from __future__ import annotations

import gzip
import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.audio import encodings
from voicesrv.audio.encodings import container_of, wav_header
from voicesrv.audio.pcm import Samples, to_int16

SPEECH = Path(__file__).parents[1] / "data" / "speech"


def ffmpeg_decoded(codec: str, data: bytes) -> list[int]:
    """What FFmpeg makes of raw G.711 bytes: an independent reading of the same tables."""
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout = 8000, "mono"
    frames = context.decode(av.Packet(data))
    return [int(sample) for frame in frames for sample in frame.to_ndarray()[0]]


EVERY_BYTE = bytes(range(256))


def test_mulaw_known_values() -> None:
    # G.711 table 2a: the ends of the scale, the first steps, both zeros.
    assert encodings.mulaw_decode(b"\xff\x7f\xfe\x7e\x80\x00\xf0\x70").tolist() == [
        *(0, 0, 8, -8),
        *(32_124, -32_124, 120, -120),
    ]
    assert encodings.mulaw_encode(np.array([0, 8, -8, 32_767, -32_768, 120], np.int16)) == b"\xff\xfe\x7e\x80\x00\xf0"


def test_alaw_known_values() -> None:
    # G.711 table 1a: the steps beside zero, the ends of the scale.
    assert encodings.alaw_decode(b"\xd5\x55\xd4\x54\xaa\x2a").tolist() == [8, -8, 24, -24, 32_256, -32_256]
    assert encodings.alaw_encode(np.array([0, -1, 24, -24, 32_767, -32_768], np.int16)) == b"\xd5\x55\xd4\x54\xaa\x2a"


def test_ffmpeg_reads_the_same_tables() -> None:
    assert encodings.mulaw_decode(EVERY_BYTE).tolist() == ffmpeg_decoded("pcm_mulaw", EVERY_BYTE)
    assert encodings.alaw_decode(EVERY_BYTE).tolist() == ffmpeg_decoded("pcm_alaw", EVERY_BYTE)


def test_every_byte_survives_decoding_and_encoding() -> None:
    assert encodings.alaw_encode(encodings.alaw_decode(EVERY_BYTE)) == EVERY_BYTE
    # mu-law has two zeros, and one of them is what zero is encoded as.
    back = encodings.mulaw_encode(encodings.mulaw_decode(EVERY_BYTE))
    assert back == EVERY_BYTE.replace(b"\x7f", b"\xff")


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_every_sample_is_decoded_to_within_half_a_step(law: str) -> None:
    encode, decode = getattr(encodings, f"{law}_encode"), getattr(encodings, f"{law}_decode")
    samples = np.arange(-32_635, 32_636)  # louder ones are clipped
    error = np.abs(decode(encode(samples.astype(np.int16))) - samples)
    # A segment has 16 steps and begins at a power of two, so half a step is at most 1/32 of the (biased) sample.
    assert (error <= np.maximum(8, (np.abs(samples) + 132) / 32)).all()


def test_wav_header_is_what_the_wave_module_writes() -> None:
    expected = io.BytesIO()
    with wave.open(expected, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(24_000)
        writer.writeframes(b"\1\2" * 77)
    assert wav_header(24_000, 77) == expected.getvalue()[:44]


@pytest.mark.parametrize("n_samples", [None, 2**31])
def test_wav_header_of_unknown_or_overlong_audio_says_to_the_end(n_samples: int | None) -> None:
    header = wav_header(16_000, n_samples)
    assert header[4:8] == header[40:44] == b"\xff\xff\xff\xff"


def encoded(suffix: str, codec: str, rate: int) -> bytes:
    """A second of noise in a container."""
    out = io.BytesIO()
    noise = to_int16(np.random.default_rng(0).standard_normal((1, rate)) * 0.1)
    with av.open(out, "w", format=suffix) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(noise, "s16", "mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.codec_context.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "suffix", "codec", "rate"),
    [
        ("wav", "wav", "pcm_s16le", 16_000),
        ("ogg", "ogg", "libopus", 48_000),
        ("webm", "webm", "libopus", 48_000),
        ("mp3", "mp3", "libmp3lame", 44_100),
        ("flac", "flac", "flac", 16_000),
        ("mp4", "mp4", "aac", 48_000),
    ],
)
def test_containers_are_told_by_their_first_bytes(name: str, suffix: str, codec: str, rate: int) -> None:
    assert container_of(encoded(suffix, codec, rate)[:4096]) == name


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_mp3_without_a_tag_is_told_by_its_frames(rate: int) -> None:
    data = encoded("mp3", "libmp3lame", rate)
    tag = int.from_bytes(data[6:10])
    untagged = data[10 + (tag & 0x7F | tag >> 1 & 0x3F80) :]
    assert untagged[:1] == b"\xff"
    assert container_of(untagged[:4096]) == "mp3"
    # One frame proves nothing.
    assert container_of(untagged[:100]) is None


def test_gzip_is_told() -> None:
    assert container_of(gzip.compress(b"samples")) == "gzip"


def test_real_speech_is_no_container_wherever_it_begins() -> None:
    for path in sorted(SPEECH.glob("*.wav")):
        pcm = path.read_bytes()[44:]
        samples: Samples = np.frombuffer(pcm, np.int16)
        law = encodings.mulaw_encode(samples)
        found = {container_of(pcm[at : at + 4096]) for at in range(0, len(pcm), 1499)}
        found |= {container_of(law[at : at + 4096]) for at in range(0, len(law), 1499)}
        assert found == {None}


@given(st.binary(max_size=16))
def test_any_bytes_will_do(first: bytes) -> None:
    assert container_of(first) in {None, "wav", "ogg", "webm", "mp3", "flac", "gzip", "mp4"}


@pytest.mark.parametrize("value", [b"\0", b"\xff", b"\x7f\xff", b"\xff\x7f", b"\x00\x80", b"\xfb\xff", b"\xff\xfb"])
def test_constant_samples_are_no_container(value: bytes) -> None:
    assert container_of(value * 4096) is None
