"""Whisper, through faster-whisper and CTranslate2: one loaded model for all conversations of the process.

CTranslate2 lets go of the interpreter's lock while it works, so it runs in a thread here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ctranslate2
import numpy as np

from voicesrv.audio.pcm import INPUT_RATE
from voicesrv.engines import model_files
from voicesrv.engines.base import Pause, Samples, SttCapabilities, SttOptions, Transcript
from voicesrv.engines.whisper.model import Hypothesis, WhisperModel, Window
from voicesrv.engines.whisper.room import Load
from voicesrv.engines.whisper.scheduler import Scheduler, Urgency
from voicesrv.engines.whisper.turn import DUTY, WhisperTurn, hearing_of
from voicesrv.errors import EngineError, EngineUnavailable

logger = logging.getLogger(__name__)

FILES = ("model.bin", "config.json", "tokenizer.json")
"""What a model's folder has at least."""
_WARM_UP_S = 3
_PASSES_PER_S = 1.5
"""Interim passes over a second of speech at the usual cadence, for a first guess at what a stream costs."""
_SLOW_PASS_S = 0.25
"""A model that takes longer for a window on one core is given all of them for each: where it is faster, as many
windows at a time as there are cores do more (docs/performance.md, "One Whisper, many streams")."""
_MOST_CORES = 4
"""On a CPU; more threads than that help one window little."""


@dataclass(frozen=True, slots=True)
class WhisperSttOptions:
    """What models run on, and how carefully they listen."""

    device: str = "auto"
    """``cpu``, ``cuda``, or ``auto``: cuda where there is one."""
    compute_type: str = "auto"
    """As CTranslate2 names them; ``auto``: int8 on a CPU, float16 on a GPU."""
    threads: int = 0
    """CPU threads for one batch, 1-64; 0: one where a window then takes under 0.25 s, else one a core, four at most."""
    workers: int = 0
    """Batches at the same time, 1-64; 0: as many as the cores have threads for, and one on a GPU."""
    max_batch: int = 8
    """Windows in one batch at most, 1-64."""
    final_beam: int = 5
    """Beam of the final pass, 1-10; interim passes are greedy."""
    hotwords: str = ""
    """Names and terms that may be expected of anybody, before those that a client names."""
    window: str = "auto"
    """``full``: each pass is padded to 30 s, as Whisper was trained; ``short``: with 0.3 to 0.7 s of silence, at a
    tenth of the cost for a short turn; ``auto``: short where the model says that it was trained for it
    (``short_windows`` in its config.json), else full."""

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: a value is none of those allowed.
        """
        for name, value, lowest, highest in (
            ("threads", self.threads, 0, 64),
            ("workers", self.workers, 0, 64),
            ("max_batch", self.max_batch, 1, 64),
            ("final_beam", self.final_beam, 1, 10),
        ):
            if not lowest <= value <= highest:
                raise ValueError(f"{name}: {value} is outside {lowest}-{highest}")
        if self.window not in ("auto", "full", "short"):
            raise ValueError(f"window: {self.window!r} is none of auto, full, short")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device: {self.device!r} is none of auto, cpu, cuda")


class WhisperStt:
    """Transcribes with a Whisper model on disk; interim text is confirmed by a second look before it is stable.

    Args:
        model: the path of a model's folder, or its name; empty: the preferred one on this machine.
        options: see ``WhisperSttOptions``.
    """

    name = "whisper"
    Options = WhisperSttOptions

    def __init__(self, model: str = "", options: WhisperSttOptions = WhisperSttOptions()) -> None:
        self.capabilities = SttCapabilities(keyterms=True, punctuates=True)
        self._name = model
        self._options = options
        self._full = True

    async def __aenter__(self) -> Self:
        """Load the model and measure it.

        Raises:
            EngineUnavailable: the model is missing, or cannot be loaded.
        """
        folder = model_folder(self._name)
        self._full = self._options.window == "full" or (self._options.window == "auto" and not _takes_short(folder))
        model, pass_s, workers = await asyncio.to_thread(_open, folder, self._options, self._full)
        languages = model.languages if model.multilingual else ("en",)
        self.capabilities = replace(
            self.capabilities, languages=languages, detects_language=model.multilingual and len(languages) > 1
        )
        self._languages = languages
        self._load = Load(min(pass_s * _PASSES_PER_S, DUTY) + pass_s / _WARM_UP_S, workers)
        self._scheduler: Scheduler[Window, Hypothesis] = Scheduler(model.transcribe, self._options.max_batch, workers)
        await self._scheduler.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._scheduler.__aexit__(exc_type, exc, traceback)

    def room(self) -> int:
        return self._load.room()

    @property
    def busy_s(self) -> float:
        """How long the model has worked so far, over all streams, in seconds of its batches."""
        return self._scheduler.busy_s

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        """See ``Stt.transcribe``."""
        try:
            hearing = hearing_of(options, self._languages, self._options.hotwords, self._options.final_beam, self._full)
        except ValueError as error:
            raise EngineError(f"whisper: {error}") from error
        turn = WhisperTurn(self._ask, hearing)
        self._load.streams += options.live
        try:
            async with aclosing(turn.follow(audio)) as transcripts:
                async for transcript in transcripts:
                    yield transcript
        finally:
            if options.live:
                self._load.streams -= 1
                self._load.count(turn.wanted_s, max(turn.audio_s, 0.1))

    async def _ask(self, urgency: Urgency, make: Callable[[], Window]) -> Hypothesis:
        try:
            return await self._scheduler.do(urgency, make)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineUnavailable(f"whisper: {_explained(error)}") from error


def model_folder(name: str) -> Path:
    """Find a model: a path, a name, or empty for the preferred one.

    Raises:
        EngineUnavailable: there is none, or it is not whole.
    """
    path = model_files.find("whisper", name)
    missing = [file for file in FILES if not (path / file).is_file()]
    if missing:
        raise EngineUnavailable(
            f"whisper: the model {path.name} has no {', '.join(missing)}: it is half a download, or another engine's"
        )
    return path


def _takes_short(folder: Path) -> bool:
    """Whether a model was trained on windows shorter than 30 s too."""
    try:
        config: Any = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False  # loading tells what is wrong with it
    return isinstance(config, dict) and config.get("short_windows") is True


def _open(folder: Path, options: WhisperSttOptions, full: bool) -> tuple[WhisperModel, float, int]:
    """Load a model; tell what a pass takes, in seconds, and how many batches it does at a time."""
    on_gpu = options.device != "cpu" and ctranslate2.get_cuda_device_count() > 0
    compute_type = options.compute_type
    if compute_type == "auto":
        compute_type = "float16" if on_gpu else "int8"
    cores = min(os.cpu_count() or 1, _MOST_CORES)
    threads = options.threads or 1
    workers = options.workers or (1 if on_gpu else max(1, cores // threads))

    def load() -> tuple[WhisperModel, float]:
        model = WhisperModel(str(folder), options.device, compute_type, threads, workers)
        return model, _pass_s(model, full)

    try:
        model, pass_s = load()
        if not (options.threads or options.workers or on_gpu) and pass_s > _SLOW_PASS_S and cores > 1:
            threads, workers = cores, 1
            del model  # before the next takes as much memory again
            model, pass_s = load()
    except Exception as error:  # CTranslate2 and tokenizers raise whatever they like
        raise EngineUnavailable(f"whisper: the model {folder.name} cannot be loaded: {_explained(error)}") from error
    return model, pass_s, workers


def _pass_s(model: WhisperModel, full: bool) -> float:
    """Seconds that a pass over a turn of three seconds takes, about."""
    noise = np.random.default_rng(0).integers(-300, 300, _WARM_UP_S * INPUT_RATE, np.int16)
    window = Window(noise, language="en", full=full)
    model.transcribe([window])  # the first is slower
    began = time.perf_counter()
    model.transcribe([window])
    return time.perf_counter() - began


def _explained(error: BaseException) -> str:
    """An error of CTranslate2's with what to do about it."""
    text = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    low = text.lower()
    hints: Sequence[tuple[str, str]] = (
        ("out of memory", "take a smaller model, or compute_type int8"),
        ("bad_alloc", "take a smaller model, or compute_type int8"),
        ("memoryerror", "take a smaller model, or compute_type int8"),
        ("libcublas", "CUDA's libraries are missing: pip install nvidia-cublas-cu12 nvidia-cudnn-cu12, or device cpu"),
        ("libcudnn", "CUDA's libraries are missing: pip install nvidia-cublas-cu12 nvidia-cudnn-cu12, or device cpu"),
        ("cuda driver", "there is no CUDA here; set device to cpu"),
        ("compiled with cuda", "there is no CUDA here; set device to cpu"),
        ("support efficient", "set compute_type to auto"),
    )
    for sign, advice in hints:
        if sign in low:
            return f"{text} ({advice})"
    return text
