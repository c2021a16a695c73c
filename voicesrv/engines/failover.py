"""Several engines that look like one: the first that can be had does the work, the next when it is lost.

What a lost engine was doing is asked for again by whoever asked first, with the same audio or text from
its start (``UserTurn``, ``Voicing``); it is then given to the next engine. So nothing here is kept or replayed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from types import TracebackType
from typing import Generic, Self, TypeVar

from voicesrv import metrics
from voicesrv.audio.pcm import OUTPUT_RATE
from voicesrv.audio.resample import Resampler
from voicesrv.engines.base import (
    Engine,
    Pause,
    Samples,
    Speech,
    Stt,
    SttCapabilities,
    SttOptions,
    Transcript,
    Tts,
    TtsCapabilities,
    TtsOptions,
    primary_language,
)
from voicesrv.errors import EngineUnavailable

REST_S = 30.0
"""For so long an engine that was lost or could not be had goes last; a worker that died is replaced in far less."""
OPEN_WITHIN_S = 2.0
"""An engine that is to stand in, or to come back, gets so long to open before the next is asked; it goes on opening."""

logger = logging.getLogger(__name__)

EngineT = TypeVar("EngineT", bound=Engine)


class _Failover(Generic[EngineT]):
    """Engines by preference; an async context manager, as each of them is.

    Args:
        names: of the engines, best first, at least one.
        get: gives an open engine, opening it on first use; raises ``EngineUnavailable``. Whoever gives
            them closes them.
    """

    def __init__(self, names: Sequence[str], get: Callable[[str], Awaitable[EngineT]]) -> None:
        self._names = tuple(names)
        self._get = get
        self._rests_until = dict.fromkeys(names, 0.0)
        self._engine: EngineT | None = None
        self._seen: dict[str, EngineT] = {}  # by name: all that were open at some time
        self.name = self._names[0]
        """Of the engine that works now."""

    async def __aenter__(self) -> Self:
        """Open the first engine that can be had.

        Raises:
            EngineUnavailable: none can.
        """
        await self._choose(lambda engine: True)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._engine = None

    def room(self) -> int | None:
        """See ``Engine.room``; of the engine that works now."""
        return self._engine.room() if self._engine is not None else None

    async def _choose(self, fits: Callable[[EngineT], bool]) -> tuple[str, EngineT]:
        """The best that can be had: those that rest come last, in the order in which their rest ends."""
        now = asyncio.get_running_loop().time()
        failures: list[str] = []
        for name in sorted(self._names, key=lambda name: max(now, self._rests_until[name])):
            try:
                async with asyncio.timeout(None if self._engine is None else OPEN_WITHIN_S):
                    engine = await self._get(name)
            except (EngineUnavailable, TimeoutError) as error:
                self._rest(name)
                failures.append(str(error) or f"{name} is still being opened")
                continue
            self._seen[name] = engine
            if fits(engine):
                if self._engine is not None and self._engine is not engine:
                    logger.warning("%s takes over from %s", engine.name, self._engine.name)
                self._engine = engine
                self.name = engine.name
                self._takes_over(engine)  # also for the same one: another may have been opened
                return name, engine
            failures.append(f"{name} does not fit what is asked")
        raise EngineUnavailable("; ".join(failures))

    def _takes_over(self, engine: EngineT) -> None:
        """Called with the engine that works from here on."""

    @property
    def _all_seen(self) -> bool:
        """Whether it is known what each of the engines can do."""
        return len(self._seen) == len(self._names)

    def _rest(self, name: str) -> None:
        self._rests_until[name] = asyncio.get_running_loop().time() + REST_S


class SttFailover(_Failover[Stt]):
    """Recognisers by preference; see ``Stt``."""

    capabilities = SttCapabilities()
    """Of the one that works now, in the languages of all: any, while one of them was never opened."""

    def _takes_over(self, engine: Stt) -> None:
        languages = {language: None for each in self._seen.values() for language in each.capabilities.languages}
        self.capabilities = replace(engine.capabilities, languages=tuple(languages) if self._all_seen else ("*",))

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        """See ``Stt.transcribe``."""
        name, engine = await self._choose(lambda engine: _knows(engine, options.language))
        ended = final = False

        async def watched() -> AsyncGenerator[Samples | Pause, None]:
            nonlocal ended
            async for block in audio:
                yield block
            ended = True

        try:
            async with aclosing(watched()) as blocks, aclosing(engine.transcribe(blocks, options)) as transcripts:
                async for transcript in transcripts:
                    final = transcript.is_final
                    yield transcript
        except EngineUnavailable:
            self._rest(name)
            raise
        finally:
            if ended and not final:  # it was given up: it is late
                self._rest(name)


class TtsFailover(_Failover[Tts]):
    """Synthesisers by preference, all at one rate; see ``Tts``."""

    capabilities = TtsCapabilities(OUTPUT_RATE)
    """Of the one that works now, with the voices of all: none are listed, and any may be named, while one of them was
    never opened."""

    def _takes_over(self, engine: Tts) -> None:
        seen = [each.capabilities for each in self._seen.values()] if self._all_seen else []
        self.capabilities = replace(
            engine.capabilities,
            sample_rate=OUTPUT_RATE,
            voices=tuple(dict.fromkeys(voice for each in seen for voice in each.voices)),
            variants=tuple(dict.fromkeys(variant for each in seen for variant in each.variants)),
        )

    async def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
        """See ``Tts.synthesize``; one that is lost before its first piece is not noticed outside."""
        for attempt in range(len(self._names)):
            name, engine = await self._choose(lambda engine: True)
            spoken = False
            try:
                async with aclosing(self._spoken(engine, text, options)) as pieces:
                    async for piece in pieces:
                        spoken = True
                        yield piece
                return
            except EngineUnavailable:
                self._rest(name)
                if spoken or attempt == len(self._names) - 1:
                    raise
                metrics.ENGINE_FAILURES.labels(engine.name).inc()  # what is raised is counted by whoever asked

    @staticmethod
    async def _spoken(engine: Tts, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
        """An engine's speech at the common rate, in a voice that it has."""
        if not engine.capabilities.has(options.voice):
            options = replace(options, voice="")
        async with aclosing(engine.synthesize(text, options)) as pieces:
            resampler = Resampler(engine.capabilities.sample_rate, OUTPUT_RATE)
            async for piece in pieces:
                yield replace(piece, samples=resampler.feed(piece.samples))
            rest = resampler.flush()
            if len(rest):
                yield Speech(rest)


def _knows(engine: Stt, language: str) -> bool:
    languages = engine.capabilities.languages
    return language == "auto" or "*" in languages or primary_language(language) in map(primary_language, languages)
