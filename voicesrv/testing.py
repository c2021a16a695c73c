"""Scripted engines for tests of timing and failure; the server never imports this.

They prove how the conversation behaves, never that the product works: real engines do that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from voicesrv.engines.base import (
    Item,
    LlmEvent,
    LlmOptions,
    Pause,
    Samples,
    Speech,
    SttCapabilities,
    SttOptions,
    TextDelta,
    Transcript,
    TtsCapabilities,
    TtsOptions,
)
from voicesrv.errors import EngineUnavailable
from voicesrv.events import SpokenWord, Viseme

FRAME = 320
"""Samples in a frame of ``FakeVad``: 20 ms."""


class _Engine:
    name = "fake"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def room(self) -> int | None:
        return None


class FakeVad(_Engine):
    """Speech is whatever is loud."""

    frame_samples = FRAME

    def open(self) -> FakeVad:
        return self

    def process(self, frames: Samples) -> NDArray[np.float32]:
        loud: NDArray[np.bool_] = np.abs(frames.astype(np.int32)).mean(axis=1) > 500
        return loud.astype(np.float32)


class FakeStt(_Engine):
    """Understands ``texts``, one a turn; says so at each pause and at the end."""

    capabilities = SttCapabilities()

    def __init__(self, texts: Sequence[str] = ("hello there",)) -> None:
        self.texts = list(texts)
        self.heard: list[int] = []
        """Samples that each finished stream was given."""
        self.streams = 0
        self.die_after: int | None = None
        """Samples after which the next stream is lost, once."""
        self.settled_text: Callable[[str], str] = lambda text: text
        """What is understood at a pause, of the text that will be final."""

    async def transcribe(
        self, audio: AsyncIterator[Samples | Pause], options: SttOptions
    ) -> AsyncGenerator[Transcript, None]:
        self.streams += 1
        n_samples = 0
        text = self.texts[min(len(self.heard), len(self.texts) - 1)]
        async for block in audio:
            if isinstance(block, Pause):
                yield Transcript(self.settled_text(text), settled=True)
                continue
            n_samples += len(block)
            if self.die_after is not None and n_samples >= self.die_after:
                self.die_after = None
                raise EngineUnavailable("the worker died")
            yield Transcript(text.split()[0] if text else "", stable=0)
        self.heard.append(n_samples)
        yield Transcript(text, stable=len(text), is_final=True)


class FakeLlm(_Engine):
    """Says each of ``replies`` in turn, word by word; ``gate`` holds it back when given."""

    def __init__(self, replies: Sequence[str | Sequence[LlmEvent]] = ("Well, hello to you.",)) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[tuple[Item, ...], LlmOptions]] = []
        self.gate: asyncio.Event | None = None
        self.failures: list[Exception] = []
        """Raised by the next requests, one each."""

    async def reply(self, items: Sequence[Item], options: LlmOptions) -> AsyncGenerator[LlmEvent, None]:
        said = self.replies[min(len(self.asked), len(self.replies) - 1)]
        self.asked.append((tuple(items), options))
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if isinstance(said, str):
            for word in said.split(" "):
                yield TextDelta(word + " ")
            return
        for event in said:
            yield event


class FakeTts(_Engine):
    """100 ms of tone for every word, each word in a piece of its own."""

    capabilities = TtsCapabilities(sample_rate=24000)
    WORD_MS = 100

    def __init__(self) -> None:
        self.spoken: list[str] = []
        self.die_after: int | None = None
        """Pieces after which the next stream is lost, once."""

    async def synthesize(self, text: str, options: TtsOptions) -> AsyncGenerator[Speech, None]:
        self.spoken.append(text)
        samples = np.full(24 * self.WORD_MS, 1000, dtype=np.int16)
        for number, word in enumerate(text.split()):
            if self.die_after is not None and number >= self.die_after:
                self.die_after = None
                raise EngineUnavailable("the worker died")
            span = (number * self.WORD_MS, (number + 1) * self.WORD_MS)
            yield Speech(samples, (SpokenWord(word, *span),), (Viseme("aa", *span),))
            await asyncio.sleep(0)
