"""``voicesrv say``: text in, speech out, without a server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicesrv.cli.start import ConfigFile, read_settings

if TYPE_CHECKING:
    from voicesrv.audio.pcm import Samples
    from voicesrv.engines.base import Tts, TtsOptions
    from voicesrv.settings import Settings

Write = Callable[["Samples"], object]
"""Takes the next samples, and may block for as long as they take to be played or written."""


def say(
    text: Annotated[str, typer.Argument(help="What to say; - reads it from stdin.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write a WAV file instead of stdout.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Bare samples: signed 16-bit, 24 kHz, mono; no header.")] = False,
    tts: Annotated[str | None, typer.Option(help="Engine; see voicesrv engines.")] = None,
    voice: Annotated[str | None, typer.Option(help="One of the engine's voices; see voicesrv engines NAME.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP-47 tag of the text.")] = None,
    rate: Annotated[float, typer.Option(min=0.5, max=2.0, help="Speed of speech; 1 is normal.")] = 1.0,
    config: ConfigFile = None,
) -> None:
    """Speak a text: into a file, to stdout, or aloud.

    It is aloud where stdout is a terminal and no file is named.
    """
    settings = read_settings(config, tts=tts, voice=voice, language=language)

    from voicesrv.engines.base import TtsOptions

    spoken = sys.stdin.read() if text == "-" else text
    options = TtsOptions(voice=settings.voice, language=settings.language, rate=rate)
    with _destination(output, raw) as write:
        asyncio.run(_speak(spoken, settings, options, write))


async def _speak(text: str, settings: Settings, options: TtsOptions, write: Write) -> None:
    from voicesrv.shelf import EngineShelf

    async with EngineShelf(settings) as shelf, aclosing(speech(text, await shelf.get("tts"), options)) as pieces:
        async for samples in pieces:
            await asyncio.to_thread(write, samples)


async def speech(text: str, engine: Tts, options: TtsOptions) -> AsyncGenerator[Samples, None]:
    """Yield a text of any length as samples at 24 kHz, a sentence at a time.

    Raises:
        ClientError: ``nothing_to_speak``; there is no word in it.
        EngineUnavailable, EngineError: as ``Tts.synthesize`` does.
    """
    from voicesrv.audio.pcm import OUTPUT_RATE
    from voicesrv.audio.resample import Resampler
    from voicesrv.conversation.segments import Segmenter, SegmenterOptions
    from voicesrv.errors import ClientError, Code

    segmenter = Segmenter(SegmenterOptions(language=options.language))
    segments = [*segmenter.feed(text), *segmenter.flush()]
    if not segments:
        raise ClientError(Code.NOTHING_TO_SPEAK, "text: there is nothing in it that can be spoken")
    resampler = Resampler(engine.capabilities.sample_rate, OUTPUT_RATE)
    for segment in segments:
        async with aclosing(engine.synthesize(segment.text, options)) as pieces:
            async for piece in pieces:
                yield resampler.feed(piece.samples)
    yield resampler.flush()


def _destination(output: Path | None, raw: bool) -> AbstractContextManager[Write]:
    if output is None and sys.stdout.isatty():
        return _speaker()
    return _raw_file(output) if raw else _wav_file(output)


@contextmanager
def _wav_file(output: Path | None) -> Iterator[Write]:
    from voicesrv.audio.files import WavWriter
    from voicesrv.audio.pcm import OUTPUT_RATE
    from voicesrv.errors import ConfigError

    try:
        writer = WavWriter(output or sys.stdout.buffer, OUTPUT_RATE)
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error.strerror}") from error
    with writer:
        yield writer.write


@contextmanager
def _raw_file(output: Path | None) -> Iterator[Write]:
    from voicesrv.errors import ConfigError

    try:
        file = output.open("wb") if output else sys.stdout.buffer
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error.strerror}") from error
    try:
        yield lambda samples: file.write(samples.tobytes())
        file.flush()
    finally:
        if output:
            file.close()


@contextmanager
def _speaker() -> Iterator[Write]:
    from voicesrv.audio.pcm import OUTPUT_RATE
    from voicesrv.errors import ConfigError

    redirect = "send the audio elsewhere, as in: voicesrv say TEXT > out.wav"
    try:
        import sounddevice
    except ImportError as error:
        raise ConfigError(
            f"stdout is a terminal, and playing needs pip install 'voicesrv[mic]'; or {redirect}"
        ) from error
    except OSError as error:  # the package is there, the PortAudio library is not
        raise ConfigError(f"stdout is a terminal, and playing needs the PortAudio library; or {redirect}") from error
    try:
        stream = sounddevice.RawOutputStream(samplerate=OUTPUT_RATE, channels=1, dtype="int16")
    except sounddevice.PortAudioError as error:
        raise ConfigError(f"stdout is a terminal, and there is no speaker to play on; {redirect}") from error
    with stream:
        yield lambda samples: stream.write(samples.tobytes())
