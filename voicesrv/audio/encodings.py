"""Audio byte formats: mu-law and A-law (ITU-T G.711), WAV headers, and telling a container from bare samples."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from voicesrv.audio.pcm import Samples

SAMPLE_BYTES = {"linear16": 2, "mulaw": 1, "alaw": 1, "float32": 4}
"""Size of one sample in each encoding of input audio."""

# --- G.711 --------------------------------------------------------------------------------------


def _mulaw_decode_table() -> Samples:
    """G.711 table 2: a byte is the complement of sign, 3 bits of segment, 4 of step."""
    code = ~np.arange(256, dtype=np.int32)
    segment, step = code >> 4 & 7, code & 15
    # 33 quarter-steps of bias (132 at 16 bits) make every segment start at a power of two.
    magnitude = ((step << 3) + 132 << segment) - 132
    return np.where(code & 128, -magnitude, magnitude).astype(np.int16)


def _mulaw_encode_table() -> NDArray[np.uint8]:
    """The byte of every int16, indexed by the sample's bits taken as uint16."""
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    biased = np.minimum(np.abs(sample), 32_635) + 132
    segment = np.frexp(biased)[1] - 8
    step = biased >> segment + 3 & 15
    codes: NDArray[np.uint8] = (~((sample < 0) * 128 | segment << 4 | step) & 255).astype(np.uint8)
    return codes


def _alaw_decode_table() -> Samples:
    """G.711 table 1: even bits inverted, sign 1 for positive, 3 bits of segment, 4 of step."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment, step = code >> 4 & 7, code & 15
    # Half a step is added: a value decodes to the middle of its interval.
    magnitude = np.where(segment == 0, (step << 4) + 8, (step << 4) + 264 << np.maximum(segment - 1, 0))
    return np.where(code & 128, magnitude, -magnitude).astype(np.int16)


def _alaw_encode_table() -> NDArray[np.uint8]:
    """The byte of every int16, indexed by the sample's bits taken as uint16."""
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    # Complement, not negation: -1 lies in the first negative interval, as +0 lies in the first positive one.
    magnitude = np.where(sample < 0, ~sample, sample) >> 4
    segment = np.maximum(np.frexp(magnitude)[1] - 4, 0)
    step = magnitude >> np.maximum(segment - 1, 0) & 15
    codes: NDArray[np.uint8] = (((sample >= 0) * 128 | segment << 4 | step) ^ 0x55).astype(np.uint8)
    return codes


_MULAW_DECODE, _MULAW_ENCODE = _mulaw_decode_table(), _mulaw_encode_table()
_ALAW_DECODE, _ALAW_ENCODE = _alaw_decode_table(), _alaw_encode_table()


def mulaw_decode(data: bytes) -> Samples:
    """One int16 sample a byte."""
    return _MULAW_DECODE[np.frombuffer(data, np.uint8)]


def mulaw_encode(samples: Samples) -> bytes:
    """One byte a sample."""
    return _MULAW_ENCODE[samples.view(np.uint16)].tobytes()


def alaw_decode(data: bytes) -> Samples:
    """One int16 sample a byte."""
    return _ALAW_DECODE[np.frombuffer(data, np.uint8)]


def alaw_encode(samples: Samples) -> bytes:
    """One byte a sample."""
    return _ALAW_ENCODE[samples.view(np.uint16)].tobytes()


# --- containers ---------------------------------------------------------------------------------

WAV_HEADER_BYTES = 44
_UNKNOWN = 0xFFFF_FFFF


def wav_header(sample_rate: int, n_samples: int | None = None) -> bytes:
    """The 44 bytes before mono int16 samples in a WAV file.

    Args:
        sample_rate: Hz.
        n_samples: how many follow; None where that is not known yet, as in a pipe. Then, and where
            they fill over 4 GiB, the sizes say 0xFFFFFFFF, which readers take as "to the end".
    """
    n_bytes = _UNKNOWN if n_samples is None else n_samples * 2
    riff_bytes = n_bytes + WAV_HEADER_BYTES - 8
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", min(riff_bytes, _UNKNOWN), b"WAVE"),
        *(b"fmt ", 16, 1, 1, sample_rate, sample_rate * 2, 2, 16),
        *(b"data", min(n_bytes, _UNKNOWN)),
    )


def container_of(first: bytes) -> str | None:
    """Name the container that a stream begins with, or None for what may be bare samples.

    Args:
        first: the stream's first bytes; 16 tell all but MP3 without a tag, for which 4 KiB are
            wanted, since it takes three frames in a row to believe it.

    Returns:
        ``wav``, ``ogg``, ``webm``, ``mp3``, ``flac``, ``gzip``, ``mp4`` or None.

    More than the magic number is looked at where the format fixes more, for any two or three bytes
    are plausible samples.
    """
    if first[:4] in (b"RIFF", b"RF64") and first[8:12] == b"WAVE":
        return "wav"
    if first[:5] == b"OggS\0":
        return "ogg"
    if first[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    if first[:4] == b"fLaC" and first[5:8] == b"\0\0\x22":
        return "flac"
    if first[4:8] == b"ftyp" and first[:2] == b"\0\0":
        return "mp4"
    if first[:3] == b"\x1f\x8b\x08" and len(first) >= 10 and first[3] < 32 and first[8] in (0, 2, 4):
        return "gzip"
    if first[:3] == b"ID3" and len(first) >= 10 and first[3] in (2, 3, 4) and max(first[6:10]) < 128:
        return "mp3"
    return "mp3" if _is_mp3(first) else None


_MP3_KBPS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG 1
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG 2
}
_MP3_HZ = (44_100, 48_000, 32_000)
_MP3_FRAMES = 3


def _is_mp3(data: bytes) -> bool:
    """Whether several layer III frames of one kind follow each other from the first byte on."""
    at = 0
    kind: tuple[int, int] | None = None
    for _ in range(_MP3_FRAMES):
        if len(data) < at + 4:
            return False
        header = int.from_bytes(data[at : at + 4])
        sync, version, layer = header >> 21, header >> 19 & 3, header >> 17 & 3
        bitrate, rate, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
        if sync != 0x7FF or version == 1 or layer != 1 or bitrate in (0, 15) or rate == 3:
            return False
        if kind not in (None, (version, rate)):
            return False
        kind = version, rate
        kbps = _MP3_KBPS[3 if version == 3 else 2][bitrate]
        hz = _MP3_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
        at += (144_000 if version == 3 else 72_000) * kbps // hz + padding
    return True
