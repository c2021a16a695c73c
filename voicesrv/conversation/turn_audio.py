"""The audio of one turn: what the recogniser reads, and what is replayed if it dies.

It is bounded by the longest turn (60 s and its pre-roll: 2 MB). A reader takes it from the start,
so giving the same turn to another engine is reading it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import numpy as np

from voicesrv.audio.pcm import INPUT_RATE, Samples
from voicesrv.engines.base import PAUSE, Pause

WAKE_SAMPLES = INPUT_RATE // 10
"""A reader is woken for this much audio at a time: 100 ms, so that 20 ms messages cost one wake-up
in five. A pause or the end wakes it at once."""


class TurnAudio:
    """Append-only int16 mono audio at 16 kHz, with pauses marked; one reader at a time."""

    def __init__(self) -> None:
        self._blocks: list[Samples] = []
        self._pause_at: int | None = None  # blocks before the pause that still stands
        self._unread = 0
        self._samples = 0
        self._wake = asyncio.Event()
        self.closed = False

    @property
    def duration_ms(self) -> float:
        """How long it lasts so far."""
        return self._samples * 1000 / INPUT_RATE

    def append(self, samples: Samples) -> None:
        """Add audio; never waits."""
        self._blocks.append(samples)
        self._unread += len(samples)
        self._samples += len(samples)
        if self._unread >= WAKE_SAMPLES:
            self._wake.set()

    def pause(self) -> None:
        """Mark that the user may have finished here."""
        self._pause_at = len(self._blocks)
        self._wake.set()

    def resume(self) -> None:
        """The user went on: the pause asks for nothing any more."""
        self._pause_at = None

    def close(self) -> None:
        """The turn is over: readers end when they have read all."""
        self.closed = True
        self._wake.set()

    async def read(self) -> AsyncGenerator[Samples | Pause, None]:
        """Yield the turn from its start, waiting for what is still to come.

        A pause is passed on while it stands, once. Closing the generator early is safe.
        """
        position = 0
        answered: int | None = None
        while True:
            pause_at = self._pause_at
            pausing = pause_at is not None and pause_at != answered and pause_at >= position
            until = pause_at if pausing else len(self._blocks)
            block = self._blocks[position:until]
            position += len(block)
            if position == len(self._blocks):
                self._unread = 0
                self._wake.clear()
            if block:
                yield block[0] if len(block) == 1 else np.concatenate(block)
            if pausing:
                answered = pause_at
                yield PAUSE
            elif position == len(self._blocks):
                if self.closed:
                    return
                await self._wake.wait()
