"""PocketSphinx: English, on any CPU, with no download; it understands two words in three.

The decoder holds the interpreter's lock for tens of milliseconds at a stretch, so it runs in worker
processes. See ``workers/pocketsphinx_child.py``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from voicesrv.engines.base import PAUSE, Pause, Samples, SttCapabilities, SttOptions, Transcript
from voicesrv.engines.workers.frames import Kind
from voicesrv.engines.workers.pool import PoolOptions, WorkerPool
from voicesrv.engines.workers.stream import WorkerStream
from voicesrv.errors import EngineError, EngineUnavailable
from voicesrv.events import Word

SEND_BYTES = 3200
"""Audio is sent on in blocks of at least 100 ms, to save wake-ups of the worker."""


@dataclass(frozen=True, slots=True)
class PocketSphinxSttOptions:
    """How many processes listen, and to how many turns each."""

    workers: int = 0
    """0: one for each CPU, and at least two, so that one stands in while the other is replaced."""
    turns_per_worker: int = 3
    """At once. A turn takes 0.26 CPU-s a second; each worker has one decoder more than turns, of 100 MB each."""


class PocketSphinxStt:
    """Transcribes English with PocketSphinx.

    A final transcript begins with all that was called stable before it, word for word. Word times are
    within about 30 ms; confidences are posteriors over the decoder's lattice, and 1 before the final
    transcript.

    Args:
        model: not used; there is one model.
        options: see ``PocketSphinxSttOptions``.
    """

    name = "pocketsphinx"
    Options = PocketSphinxSttOptions

    def __init__(self, model: str = "", options: PocketSphinxSttOptions = PocketSphinxSttOptions()) -> None:
        self.capabilities = SttCapabilities()
        workers = options.workers or max(2, _cpus())
        self._pool = WorkerPool(
            self.name,
            "voicesrv.engines.workers.pocketsphinx_child",
            (str(options.turns_per_worker),),
            PoolOptions(workers=workers),
        )

    async def __aenter__(self) -> Self:
        """Start the workers.

        Raises:
            EngineUnavailable: the package is not installed, or does not start.
        """
        if find_spec("pocketsphinx") is None:
            raise EngineUnavailable("pocketsphinx: its package is not installed; pip install voicesrv[pocketsphinx]")
        await self._pool.__aenter__()
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

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        """See ``Stt.transcribe``. Where transcripts are not read, or the worker is behind, ``audio`` is not read."""
        if options.language.partition("-")[0].lower() not in ("en", "auto"):
            raise EngineError(f"pocketsphinx: it has no model for {options.language[:64]!r}, only for en")
        stream = await self._pool.open({"interim": options.interim, "every_ms": options.interim_every_ms})
        feeding = self._pool.background(_feed(stream, audio))
        try:
            while frame := await stream.receive():
                said = frame.json()
                yield Transcript(
                    said["text"],
                    said["stable"],
                    said["final"],
                    said["settled"],
                    tuple(Word(*word) for word in said["words"]),
                    said["confidence"],
                    "en",
                )
        finally:
            stream.close()
            feeding.cancel()
            await asyncio.wait({feeding})  # from here on nobody reads ``audio``


def _cpus() -> int:
    """CPUs that this process may use, where the system tells, else those there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


async def _feed(stream: WorkerStream, audio: AsyncIterator[Samples | Pause]) -> None:
    """Send a turn's audio to the worker."""
    gathered = bytearray()
    try:
        async for block in audio:
            if block is not PAUSE:
                gathered += block.tobytes()
            if gathered and (block is PAUSE or len(gathered) >= SEND_BYTES):
                await stream.send_pcm(bytes(gathered))
                gathered.clear()
            if block is PAUSE:
                stream.send(Kind.EVENT, {"pause": True})
        await stream.send_pcm(bytes(gathered))
        stream.send(Kind.END)
    except Exception as error:  # whoever reads the transcripts is told, as if it had read the audio itself
        stream.fail(error)
