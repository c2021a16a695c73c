"""espeak-ng: every language, no download, first audio in milliseconds, and it sounds like a machine.

It is under the GPL-3, so it runs in worker processes that this project speaks to over a pipe, and comes
as an extra. See ``workers/espeak_child.py``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from types import TracebackType
from typing import Self

import numpy as np

from voicesrv.engines.base import Speech, TtsCapabilities, TtsOptions
from voicesrv.engines.workers.frames import Kind
from voicesrv.engines.workers.pool import PoolOptions, WorkerPool
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import SpokenWord, Viseme

MAX_CHARACTERS = 4000
"""The longest text in one go, about five minutes of speech; all of it may wait here as samples, 13 MB."""

_PREFERRED = {"en": "en-us"}
"""Which voice speaks a language that is asked for without a region, where it is not the one of that very name."""


@dataclass(frozen=True, slots=True)
class EspeakTtsOptions:
    """How many processes speak."""

    workers: int = 2
    """Each takes 20 MB. One keeps up with 150 speakers; the second stands in while another is replaced."""


class EspeakTts:
    """Speaks with espeak-ng.

    Args:
        model: the voice where ``TtsOptions.voice`` is empty, e.g. ``en-gb`` or ``en-us+f3``; empty: by language.
        options: see ``EspeakTtsOptions``.
    """

    name = "espeak"
    Options = EspeakTtsOptions

    def __init__(self, model: str = "", options: EspeakTtsOptions = EspeakTtsOptions()) -> None:
        self.capabilities = TtsCapabilities(sample_rate=22050)
        self._model = model
        self._pool = WorkerPool(
            self.name, "voicesrv.engines.workers.espeak_child", options=PoolOptions(workers=options.workers)
        )

    async def __aenter__(self) -> Self:
        """Start the workers.

        Raises:
            EngineUnavailable: the package is not installed, or does not start.
        """
        if find_spec("espeakng_loader") is None:
            raise EngineUnavailable("espeak: its package is not installed; pip install voicesrv[espeak]")
        await self._pool.__aenter__()
        told = self._pool.hello
        self.capabilities = replace(
            self.capabilities,
            sample_rate=told["sample_rate"],
            voices=tuple(told["voices"]),
            variants=tuple(told["variants"]),
            languages=tuple(told["voices"]),
        )
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
        """Yield the speech of ``text``, whole words at a time; nothing where it has no letter or digit.

        After a sentence or a clause comes the pause that belongs there, so that segments can be joined.
        """
        voice = self.voice_for(options.voice or self._model, options.language)
        if not 0.5 <= options.rate <= 2:
            raise EngineError(f"espeak: a rate of {options.rate:g} is outside 0.5–2")
        if len(text) > MAX_CHARACTERS:
            raise EngineError(f"espeak: a text of {len(text)} characters is over {MAX_CHARACTERS}")
        if not any(map(str.isalnum, text)):
            return
        stream = await self._pool.open({"text": text, "voice": voice, "rate": options.rate})
        try:
            words: tuple[SpokenWord, ...] = ()
            visemes: tuple[Viseme, ...] = ()
            while frame := await stream.receive():
                if frame.kind is Kind.EVENT:
                    timing = frame.json()
                    words = tuple(SpokenWord(*word) for word in timing.get("words", ()))
                    visemes = tuple(Viseme(*viseme) for viseme in timing.get("visemes", ()))
                else:
                    yield Speech(np.frombuffer(frame.payload, np.int16), words, visemes)
                    words, visemes = (), ()
        finally:
            stream.close()

    def voice_for(self, voice: str, language: str) -> str:
        """The voice that is meant: ``voice`` where it is given, else one for ``language`` (``auto``: English).

        Raises:
            EngineError: there is no such voice, or none for the language.
        """
        voices = {name.lower(): name for name in self.capabilities.voices}
        if voice:
            base, plus, variant = voice.partition("+")
            meant = voices.get(base.lower(), base) + plus + variant
            if self.capabilities.has(meant):
                return meant
            raise EngineError(
                f"espeak: {voice[:64]!r} is no voice here; there are en-us, en-gb, de, fr-fr, es and "
                f"{len(voices) - 5} more, each with variants such as en-us+f3"
            )
        tag = "en" if language == "auto" else language.lower()
        primary = tag.partition("-")[0]
        for candidate in (_PREFERRED.get(tag, tag), _PREFERRED.get(primary, primary)):
            if candidate in voices:
                return voices[candidate]
        for name in self.capabilities.voices:
            if name.lower().startswith(primary + "-"):
                return name
        raise EngineError(f"espeak: no voice for the language {language[:64]!r}")
