"""Audio files of any container -> 16 kHz samples, and samples -> WAV; both block by block."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from voicesrv.audio.encodings import wav_header
from voicesrv.audio.pcm import INPUT_RATE, Samples
from voicesrv.errors import ClientError, Code

Source = str | os.PathLike[str] | BinaryIO
"""A path, or a binary file open for reading; it need not be seekable, and stays open."""

_DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,"
    "ogg,tta,w64,wav,wv"
)
"""Those of FFmpeg whose files hold the audio themselves. Playlists (HLS, DASH, SDP, concat) are left
out: they would make the server open whatever an upload names."""


def decode(source: Source) -> Iterator[Samples]:
    """Yield a file's first audio track as mono int16 at 16 kHz, in blocks as its packets give them: mostly 5 to 200 ms.

    Memory grows neither with the length of the file nor with what its header claims, and the caller may
    stop early by closing the generator. Damaged packets are left out, as players do.

    Raises:
        ClientError: ``bad_parameter``, when the first block is asked for: no such file, no audio in
            it, or no way to decode it.
    """
    n_samples = n_damaged = 0
    try:
        with _opened(source) as container:
            mixer = _Mixer()
            for packet in container.demux(_audio_of(container, source)):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:  # each decoder has its own idea of which error a damaged packet is
                    n_damaged += 1
                    continue
                for block in mixer.feed(frames):
                    n_samples += block.size
                    yield block
            yield from mixer.flush()
    except av.error.FFmpegError as error:
        raise _undecodable(source) from error
    if n_samples == 0 and n_damaged:
        raise _undecodable(source)


class _Mixer:
    """FFmpeg's frames -> mono int16 at 16 kHz, also where their form changes on the way.

    It does in chained Ogg files, and in AAC whose second layer is found late.
    """

    def __init__(self) -> None:
        self._form: tuple[str, str, int] | None = None
        self._resampler = self._new()

    def feed(self, frames: Iterable[AudioFrame]) -> Iterator[Samples]:
        for frame in frames:
            form = (frame.format.name, frame.layout.name, frame.sample_rate)
            if form != self._form:
                yield from self.flush()
                self._form, self._resampler = form, self._new()
            for block in self._resampler.resample(frame):
                yield block.to_ndarray()[0]

    def flush(self) -> Iterator[Samples]:
        if self._form is not None:
            for block in self._resampler.resample(None):
                yield block.to_ndarray()[0]

    def _new(self) -> AudioResampler:
        return AudioResampler(format="s16", layout="mono", rate=INPUT_RATE)


def duration_s(path: str | os.PathLike[str]) -> float | None:
    """How long the file claims to last, in seconds; None where it does not say.

    It is read from the header, which may lie in both directions: good for a progress bar alone.

    Raises:
        ClientError: as ``decode`` does.
    """
    try:
        with _opened(path) as container:
            _audio_of(container, path)
            return None if container.duration is None else container.duration / av.time_base
    except av.error.FFmpegError as error:
        raise _undecodable(path) from error


class WavWriter:
    """Writes mono int16 to a WAV file as it comes.

    The header of a pipe says that the length is unknown, which players take as "to the end"; that of a
    file is put right on leaving.

    Args:
        file: a path, or a binary file open for writing, which stays open.
        sample_rate: Hz.
    """

    def __init__(self, file: Source, sample_rate: int) -> None:
        self._owned = isinstance(file, str | os.PathLike)
        if isinstance(file, str | os.PathLike):
            self._file: BinaryIO = Path(file).open("wb")  # noqa: SIM115 - this object is its context manager
        else:
            self._file = file
        self._sample_rate = sample_rate
        self._n_samples = 0
        self._start = self._file.tell() if self._file.seekable() else None
        self._file.write(wav_header(sample_rate))

    def write(self, samples: Samples) -> None:
        """Append int16 samples, shape ``(n_samples,)``."""
        self._file.write(samples.astype("<i2", copy=False).tobytes())
        self._n_samples += samples.size

    def close(self) -> None:
        """Put the header right where that can be done, and close the file if it was opened here."""
        if self._start is not None:
            self._file.seek(self._start)
            self._file.write(wav_header(self._sample_rate, self._n_samples))
            self._file.seek(0, os.SEEK_END)
        if self._owned:
            self._file.close()
        else:
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def write_wav(file: Source, blocks: Iterable[Samples], sample_rate: int) -> int:
    """Write ``blocks`` to ``file`` with a ``WavWriter``; return how many samples they held."""
    n_samples = 0
    with WavWriter(file, sample_rate) as writer:
        for block in blocks:
            writer.write(block)
            n_samples += block.size
    return n_samples


@contextmanager
def _opened(source: Source) -> Iterator[InputContainer]:
    if not isinstance(source, str | os.PathLike):
        with av.open(source, "r", options={"format_whitelist": _DEMUXERS}) as container:
            yield container
        return
    # Opened here and not by FFmpeg, for which "http://…" is a file name as well.
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - entered below; only the opening may fail as it does here
    except OSError as error:
        raise ClientError(Code.BAD_PARAMETER, f"file: {_name(source)!r}: {error.strerror}") from error
    with file, _opened(file) as container:
        yield container


def _audio_of(container: InputContainer, source: Source) -> av.AudioStream:
    if not container.streams.audio:
        raise ClientError(Code.BAD_PARAMETER, f"file: {_name(source)!r} has no audio in it")
    return container.streams.audio[0]


def _undecodable(source: Source) -> ClientError:
    return ClientError(Code.BAD_PARAMETER, f"file: {_name(source)!r} cannot be decoded as an audio or video file")


def _name(source: Source) -> str:
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "name", "")
    return Path(path).name if path and isinstance(path, str | os.PathLike) else "input"
