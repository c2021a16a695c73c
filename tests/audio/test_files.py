from __future__ import annotations

import io
import os
import threading
import tracemalloc
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from voicesrv.audio.encodings import wav_header
from voicesrv.audio.files import WavWriter, decode, duration_s, write_wav
from voicesrv.audio.pcm import Samples
from voicesrv.errors import ClientError, Code

SPEECH = Path(__file__).parents[1] / "data" / "speech"
JFK = SPEECH / "en_jfk_inaugural.wav"


def recording(path: Path) -> Samples:
    with wave.open(str(path)) as reader:
        return np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(np.int16)


def all_of(source: str | os.PathLike[str] | io.BufferedIOBase) -> Samples:
    return np.concatenate(list(decode(source)))  # type: ignore[arg-type]  # BytesIO is a BinaryIO but for its name


def transcoded(path: Path, codec: str, rate: int, layout: str = "mono") -> Path:
    """``JFK`` written to ``path`` in another form."""
    with av.open(str(JFK)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(stream.format, layout, rate, frame_size=stream.codec_context.frame_size or None)
        for frame in [*source.decode(audio=0), None]:
            for part in resampler.resample(frame):
                target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    return path


def test_wav_at_the_servers_rate_comes_out_unchanged() -> None:
    np.testing.assert_array_equal(all_of(JFK), recording(JFK))
    np.testing.assert_array_equal(all_of(io.BytesIO(JFK.read_bytes())), recording(JFK))


@pytest.mark.parametrize(
    ("suffix", "codec", "rate", "layout"),
    [
        ("mp3", "libmp3lame", 44_100, "stereo"),
        ("m4a", "aac", 48_000, "mono"),
        ("webm", "libopus", 48_000, "mono"),
        ("ogg", "libopus", 48_000, "stereo"),
        ("flac", "flac", 22_050, "stereo"),
        ("aiff", "pcm_s16be", 44_100, "mono"),
        ("mkv", "pcm_s16le", 8000, "mono"),
    ],
)
def test_other_containers_hold_the_same_speech(tmp_path: Path, suffix: str, codec: str, rate: int, layout: str) -> None:
    path = transcoded(tmp_path / f"speech.{suffix}", codec, rate, layout)
    samples, original = all_of(path), recording(JFK)
    assert samples.dtype == np.int16
    assert abs(samples.size - original.size) < 16_000 * 0.2  # encoders pad
    claimed = duration_s(path)
    assert claimed is not None
    assert abs(claimed - 11.0) < 0.2
    # Loudness over 100 ms, with some delay from the codec, follows the original's.
    envelope, expected = (
        np.abs(part[: 1600 * 105].astype(float)).reshape(-1, 1600).mean(axis=1) for part in (samples, original)
    )
    assert np.corrcoef(envelope, expected)[0, 1] > 0.97


def test_blocks_are_short() -> None:
    assert max(block.size for block in decode(JFK)) <= 16_000 * 0.2


def test_a_long_file_does_not_fill_memory() -> None:
    # 30,000 : 1 is what FLAC makes of silence, and what this test would notice if it were read whole.
    bomb = io.BytesIO()
    with av.open(bomb, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "mono")
        frame.sample_rate = 48_000
        for _ in range(2000):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    bomb.seek(0)
    tracemalloc.start()
    n_samples = sum(block.size for block in decode(bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_samples > 2_700_000
    assert peak < 1_000_000


def test_a_pipe_can_be_read() -> None:
    receiving, sending = os.pipe()

    def send() -> None:
        with os.fdopen(sending, "wb") as pipe:
            pipe.write(wav_header(16_000) + JFK.read_bytes()[44:])

    thread = threading.Thread(target=send)
    thread.start()
    with os.fdopen(receiving, "rb") as pipe:
        samples = np.concatenate(list(decode(pipe)))
    thread.join()
    np.testing.assert_array_equal(samples, recording(JFK))


def test_stopping_early_closes_the_file() -> None:
    blocks = decode(JFK)
    assert next(blocks).size
    blocks.close()  # type: ignore[attr-defined]  # with warnings as errors, a file left open fails the test


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty", b""),
        ("one byte", b"x"),
        ("text.wav", b"hello world " * 3000),
        ("page.mp3", b"<html>not found</html>" * 50),
        ("noise", np.random.default_rng(3).bytes(50_000)),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{speech}\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", b"ffconcat version 1.0\nfile '{speech}'\n"),
        ("session.sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"),
    ],
)
def test_what_is_no_recording_is_refused_by_name(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data.replace(b"{speech}", str(JFK).encode()))
    with pytest.raises(ClientError) as caught:
        list(decode(path))
    assert caught.value.code is Code.BAD_PARAMETER
    assert caught.value.message == f"file: {name!r} cannot be decoded as an audio or video file"
    with pytest.raises(ClientError):
        duration_s(path)


def test_a_missing_file_and_an_address_are_no_such_file() -> None:
    for path in ("missing.wav", "http://127.0.0.1:1/missing.wav"):
        with pytest.raises(ClientError, match=r"'missing\.wav': No such file"):
            list(decode(path))


def test_a_picture_has_no_audio_in_it(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(ClientError, match="has no audio in it"):
        list(decode(path))


def test_a_file_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    whole = JFK.read_bytes()
    samples = all_of(io.BytesIO(whole[: len(whole) // 2]))
    np.testing.assert_array_equal(samples, recording(JFK)[: samples.size])
    assert samples.size > 87_000


def test_damaged_packets_are_left_out(tmp_path: Path) -> None:
    data = bytearray(transcoded(tmp_path / "speech.mp3", "libmp3lame", 44_100).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(4).bytes(2000)
    assert all_of(io.BytesIO(bytes(data))).size > 16_000 * 10


def test_a_recording_whose_form_changes_is_read_to_its_end(tmp_path: Path) -> None:
    mono = transcoded(tmp_path / "mono.aac", "aac", 48_000).read_bytes()
    stereo = transcoded(tmp_path / "stereo.aac", "aac", 44_100, "stereo").read_bytes()
    # AAC in ADTS has no header of its own: two files one after the other are a file.
    seconds = [all_of(io.BytesIO(data)).size / 16_000 for data in (mono, stereo, mono + stereo)]
    assert seconds[2] == pytest.approx(seconds[0] + seconds[1], abs=0.1)


# --- writing ------------------------------------------------------------------------------------


def test_a_written_file_has_its_true_length(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    samples = recording(SPEECH / "en_go_forward.wav")
    assert write_wav(path, [samples[:1000], samples[1000:]], 16_000) == samples.size
    np.testing.assert_array_equal(recording(path), samples)
    assert path.read_bytes()[:44] == wav_header(16_000, samples.size)


def test_an_open_file_stays_open_and_keeps_what_was_before(tmp_path: Path) -> None:
    file = io.BytesIO()
    file.write(b"before")
    with WavWriter(file, 24_000) as writer:
        writer.write(np.array([1, 2, 3], np.int16))
    file.write(b"after")
    assert file.getvalue() == b"before" + wav_header(24_000, 3) + b"\1\0\2\0\3\0" + b"after"


def test_a_pipe_gets_a_header_of_unknown_length() -> None:
    receiving, sending = os.pipe()
    with os.fdopen(sending, "wb") as pipe, WavWriter(pipe, 24_000) as writer:
        writer.write(np.array([1, 2, 3], np.int16))
    with os.fdopen(receiving, "rb") as received:
        assert received.read() == wav_header(24_000) + b"\1\0\2\0\3\0"
