"""Piper: voices of many languages that sound like people, in less than real time on a CPU.

It is under the GPL-3, so it runs in worker processes that this project speaks to over a pipe, and comes
as an extra. See ``workers/piper_child.py``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from voicesrv.engines import model_files
from voicesrv.engines.base import Speech, TtsCapabilities, TtsOptions
from voicesrv.engines.workers.frames import Kind
from voicesrv.engines.workers.pool import PoolOptions, WorkerPool
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import SpokenWord, Viseme

MAX_CHARACTERS = 4000
"""The longest text in one go, about five minutes of speech; all of it may wait here as samples, 13 MB."""
_MODULE = "voicesrv.engines.workers.piper_child"


@dataclass(frozen=True, slots=True)
class PiperTtsOptions:
    """How voices speak, and what they may use."""

    workers: int = 1
    """Each loads the voice, and takes 370 MB for one of medium size. One speaks for all; a second stands in while
    another is replaced."""
    threads: int = 0
    """That a worker computes one piece with; 0: one for each CPU, four at most. Measured with a network of medium size
    on two busy cores: first audio after 180 ms with two and 238 ms with one, for 9 % more CPU."""
    speaker: str = ""
    """Name or number of who speaks, in a voice of several, where a client asks for none; empty: the first."""
    length_scale: float | None = None
    """How slowly it speaks, 0.25–4; None: as the voice is by itself."""
    noise_scale: float | None = None
    """How much its sound varies, 0–2; None likewise."""
    noise_w_scale: float | None = None
    """How much the lengths of its phonemes vary, 0–2; None likewise."""
    sentence_silence_ms: int = 200
    """Pause after a sentence at a rate of 1, beyond what the voice itself makes."""

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: a number is outside its range.
        """
        ranges: tuple[tuple[str, float | None, float, float], ...] = (
            ("workers", self.workers, 1, 64),
            ("threads", self.threads, 0, 64),
            ("length_scale", self.length_scale, 0.25, 4),
            ("noise_scale", self.noise_scale, 0, 2),
            ("noise_w_scale", self.noise_w_scale, 0, 2),
            ("sentence_silence_ms", self.sentence_silence_ms, 0, 5000),
        )
        for name, value, lowest, highest in ranges:
            if value is not None and not lowest <= value <= highest:
                raise ValueError(f"{name}: {value:g} is outside {lowest:g}–{highest:g}")


class PiperTts:
    """Speaks with a piper voice, in the language of that voice, whatever language is asked for.

    Words and mouth shapes are timed by the lengths of the phonemes that the voice itself computes, within a few
    milliseconds. Where it gives none, the usual lengths of the phonemes are stretched to the speech.

    Args:
        model: the voice, a name such as ``en_US-lessac-medium`` or the path of an ``.onnx`` file; empty: the first by
            name on this machine.
        options: see ``PiperTtsOptions``.
    """

    name = "piper"
    Options = PiperTtsOptions

    def __init__(self, model: str = "", options: PiperTtsOptions = PiperTtsOptions()) -> None:
        self.capabilities = TtsCapabilities(sample_rate=22050)
        self._model = model
        self._options = options
        self._speakers: list[str] = []
        self._length_scale = 1.0
        self._voice = ""

    async def __aenter__(self) -> Self:
        """Load the voice.

        Raises:
            EngineUnavailable: the package or the voice is missing, or the voice cannot be loaded.
        """
        if find_spec("piper") is None:
            raise EngineUnavailable("piper: its package is not installed; pip install voicesrv[piper]")
        path = voice_file(self._model)
        self._voice = path.stem
        self._pool = WorkerPool(
            self.name,
            _MODULE,
            (json.dumps([str(path), self._options.threads or min(_cpus(), 4)]),),
            PoolOptions(workers=self._options.workers),
        )
        await self._pool.__aenter__()
        told = self._pool.hello
        self._speakers = told["speakers"]
        self._length_scale = self._options.length_scale or told["length_scale"]
        self.capabilities = replace(
            self.capabilities,
            sample_rate=told["sample_rate"],
            voices=(self._voice, *self._speakers),
            languages=(told["language"],),
        )
        try:
            self.speaker_for("")
        except EngineError as error:
            await self._pool.__aexit__(None, None, None)
            raise EngineUnavailable(f"{error}: see the option speaker") from error
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pool.__aexit__(exc_type, exc, traceback)

    def room(self) -> int:
        return self._pool.room()

    def pids(self) -> list[int]:
        """The worker processes that are warm."""
        return self._pool.pids()

    async def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
        """Yield the speech of ``text``; nothing where it has no letter or digit.

        It is made a clause or sentence at a time. After a sentence comes a pause, so that segments can be joined.
        """
        speaker = self.speaker_for(options.voice)
        if not 0.5 <= options.rate <= 2:
            raise EngineError(f"piper: a rate of {options.rate:g} is outside 0.5–2")
        if len(text) > MAX_CHARACTERS:
            raise EngineError(f"piper: a text of {len(text)} characters is over {MAX_CHARACTERS}")
        if not any(map(str.isalnum, text)):
            return
        stream = await self._pool.open(
            {
                "text": text,
                "pause_ms": math.ceil(self._options.sentence_silence_ms / options.rate),
                "manner": {
                    "speaker": speaker,
                    "length_scale": self._length_scale / options.rate,
                    "noise_scale": self._options.noise_scale,
                    "noise_w_scale": self._options.noise_w_scale,
                },
            }
        )
        try:
            words: tuple[SpokenWord, ...] = ()
            visemes: tuple[Viseme, ...] = ()
            while frame := await stream.receive():
                if frame.kind is Kind.EVENT:
                    timing = frame.json()
                    if "unavailable" in timing:
                        with suppress(EngineUnavailable):  # when it has gone, what is asked next goes to another
                            await stream.receive()
                        raise EngineUnavailable(f"piper: {timing['unavailable']}")
                    words = tuple(SpokenWord(*word) for word in timing["words"])
                    visemes = tuple(Viseme(*viseme) for viseme in timing["visemes"])
                else:
                    yield Speech(np.frombuffer(frame.payload, np.int16), words, visemes)
                    words, visemes = (), ()
        finally:
            stream.close()

    def speaker_for(self, voice: str) -> int:
        """The number of the speaker that is meant, by name or number; empty or the voice's own name: the usual one.

        Raises:
            EngineError: there is no such speaker.
        """
        wanted = self._options.speaker if voice in ("", self._voice) else voice
        if not wanted:
            return 0
        if wanted in self._speakers:
            return self._speakers.index(wanted)
        if wanted.isdecimal() and int(wanted) < max(len(self._speakers), 1):
            return int(wanted)
        some = ", ".join(self._speakers[:8]) or "one speaker and no name for it"
        raise EngineError(f"piper: {wanted[:64]!r} is no speaker of {self._voice}; it has {some}")


def _cpus() -> int:
    """CPUs that this process may use, where the system tells, else those there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def voice_file(model: str) -> Path:
    """Find a voice's ONNX file.

    Args:
        model: a voice's name, a path that ends in ``.onnx``, or empty for the preferred one.

    Raises:
        EngineUnavailable: there is none; the message says where it was looked for.
    """
    path = model_files.find("piper", model)
    if not path.is_file():
        raise EngineUnavailable(f"piper: {path} is no file; a voice is one that ends in .onnx")
    return path
