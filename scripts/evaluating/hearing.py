"""Recordings -> what an engine told of them, and when: many streams at once, in real time or as fast as it goes."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from voicesrv.audio.pcm import INPUT_RATE, Samples, samples_to_ms
from voicesrv.bench import procfs
from voicesrv.conversation.listener import Ended, Heard, Listener, Paused, Started
from voicesrv.engines.base import PAUSE, Pause, Stt, SttOptions, Transcript, Vad
from voicesrv.errors import EngineUnavailable
from voicesrv.events import EndCause
from voicesrv.options import Options

from .recordings import Recording

MESSAGE_SAMPLES = INPUT_RATE // 50
"""20 ms: what clients send at a time."""
BLOCK_SAMPLES = INPUT_RATE // 10
"""Engines are given 100 ms at a time, as the server gives it."""
_STAGGER_S = 0.137
"""Streams begin so far apart, within the same second."""
_TRAILING_S = 1.0
"""Silence behind a recording, beyond the wait, so that its last turn can end."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What an engine is given as one stream. Times are ms from the recording's start."""

    from_ms: int
    """Where its audio begins."""
    blocks: tuple[tuple[int, Samples | Pause], ...]
    """Its audio, and when each block has been spoken."""
    end_ms: int
    """When it is known to be over."""

    @property
    def samples(self) -> Samples:
        """All of its audio."""
        return np.concatenate([block for _, block in self.blocks if not isinstance(block, Pause)])

    @property
    def seconds(self) -> float:
        return sum(len(block) for _, block in self.blocks if not isinstance(block, Pause)) / INPUT_RATE


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording and its turns."""

    recording: Recording
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A transcript, and when it came."""

    at_ms: float
    """From when the recording began to sound."""
    transcript: Transcript


@dataclass(slots=True)
class HeardTurn:
    """A turn and what the engine told of it, the final transcript last."""

    turn: Turn
    told: list[Told] = field(default_factory=list)
    lost: bool = False
    """Whether the engine had no room for it, or died."""

    @property
    def text(self) -> str:
        """The final text; empty where there is none."""
        return self.told[-1].transcript.text if self.told and not self.lost else ""


@dataclass(frozen=True, slots=True)
class HeardRecording:
    """A recording and its turns, as one stream heard them."""

    recording: Recording
    turns: tuple[HeardTurn, ...]


@dataclass(frozen=True, slots=True)
class Offline:
    """A recording's turns as the engine hears each in one go, with no interim text."""

    texts: tuple[str, ...]
    wall_s: float
    busy_s: float | None
    """How long the model worked on it; None where the engine does not tell."""


@dataclass(frozen=True, slots=True)
class Load:
    """What so many streams at once were told."""

    streams: int
    in_real_time: bool
    heard: tuple[HeardRecording, ...]
    wall_s: float
    cpu_s: float | None
    """Of this process and its workers; None where the system does not tell."""
    busy_s: float | None
    """How long the model worked; None where the engine does not tell."""


def whole(recording: Recording) -> Prepared:
    """The recording as one turn."""
    samples = recording.samples
    cuts = range(BLOCK_SAMPLES, len(samples) + BLOCK_SAMPLES, BLOCK_SAMPLES)
    blocks = tuple((_ms(min(cut, len(samples))), samples[cut - BLOCK_SAMPLES : cut]) for cut in cuts)
    return Prepared(recording, (Turn(0, blocks, _ms(len(samples))),))


def cut(recording: Recording, vad: Vad, endpointing_ms: int) -> Prepared:
    """The recording as the server cuts it into turns, with pauses as it marks them; the wait is always the same."""
    listener = Listener(vad, Options(mode="listen", endpointing_ms=endpointing_ms))
    trailing = np.zeros(round((_TRAILING_S + endpointing_ms / 1000) * INPUT_RATE), np.int16)
    samples = np.concatenate([recording.samples, trailing])
    turns: list[Turn] = []
    from_ms = 0
    blocks: list[tuple[int, Samples | Pause]] = []
    gathered: list[Samples] = []

    def flush(at_ms: int) -> None:
        if gathered:
            blocks.append((at_ms, np.concatenate(gathered)))
            gathered.clear()

    for end in range(MESSAGE_SAMPLES, len(samples) + MESSAGE_SAMPLES, MESSAGE_SAMPLES):
        at_ms = _ms(min(end, len(samples)))
        noticed = list(listener.feed(samples[end - MESSAGE_SAMPLES : end].tobytes()))
        if end >= len(samples):
            noticed += listener.end(EndCause.CLOSE)
        for each in noticed:
            match each:
                case Started(audio_from_ms=from_ms):
                    blocks = []
                case Heard(samples=heard):
                    gathered.append(heard)
                    if sum(map(len, gathered)) >= BLOCK_SAMPLES:
                        flush(at_ms)
                case Paused():
                    flush(at_ms)
                    blocks.append((at_ms, PAUSE))
                case Ended():
                    flush(at_ms)
                    turns.append(Turn(from_ms, tuple(blocks), at_ms))
    return Prepared(recording, tuple(turns))


async def load(
    engine: Stt,
    prepared: Sequence[Prepared],
    streams: int,
    asked: SttOptions,
    *,
    in_real_time: bool = True,
    seconds: float | None = None,
    on_heard: Callable[[HeardRecording], object] = lambda heard: None,
) -> Load:
    """Have recordings heard, so many at a time.

    Args:
        engine: entered.
        prepared: what is heard.
        streams: how many at a time; each takes the next recording when it has done with one.
        asked: of the engine; the language ``each`` stands for each recording's own.
        in_real_time: whether audio comes as fast as it was spoken, or as fast as the engine takes it.
        seconds: for which recordings are begun, from the first again after the last; None: each is heard once.
        on_heard: called with each recording that is done with.

    Raises:
        EngineError: the engine cannot hear this at all, because of its language for example.
    """
    following = iter(prepared) if seconds is None else itertools.cycle(prepared)
    heard: list[HeardRecording] = []
    began, cpu_before, busy_before = time.monotonic(), _cpu_s(), busy_s(engine)

    async def stream(place: int) -> None:
        if in_real_time:
            await asyncio.sleep(place * _STAGGER_S % 1)
        for one in _until(following, None if seconds is None else began + seconds):
            heard.append(await _hear(engine, one, options_for(one.recording, asked), in_real_time))
            on_heard(heard[-1])

    async with asyncio.TaskGroup() as group:
        for place in range(streams):
            group.create_task(stream(place))
    return Load(
        streams,
        in_real_time,
        tuple(heard),
        time.monotonic() - began,
        _difference(_cpu_s(), cpu_before),
        _difference(busy_s(engine), busy_before),
    )


async def offline(engine: Stt, prepared: Sequence[Prepared], asked: SttOptions) -> dict[str, Offline]:
    """Have each recording's turns heard in one go, one after another, as a file would be; by the recordings' names.

    Args:
        engine: entered.
        prepared: what is heard.
        asked: as for ``load``, but for interim text.

    Raises:
        EngineUnavailable, EngineError: as ``Stt.transcribe`` does.
    """
    heard: dict[str, Offline] = {}
    for one in prepared:
        options = replace(options_for(one.recording, asked), interim=False)
        began, busy_before = time.monotonic(), busy_s(engine)
        texts = tuple([await final_text(engine, turn.samples, options) for turn in one.turns])
        took_s = time.monotonic() - began
        heard[one.recording.name] = Offline(texts, took_s, _difference(busy_s(engine), busy_before))
    return heard


async def final_text(engine: Stt, samples: Samples, options: SttOptions) -> str:
    """What the engine makes of audio that it is given in one block."""

    async def audio() -> AsyncGenerator[Samples, None]:
        yield samples

    async with aclosing(audio()) as blocks, aclosing(engine.transcribe(blocks, options)) as transcripts:
        return [transcript.text async for transcript in transcripts][-1]


def options_for(recording: Recording, asked: SttOptions) -> SttOptions:
    """What is asked of the engine; where nobody speaks there is no language of its own."""
    if asked.language != "each":
        return asked
    return replace(asked, language=recording.language if recording.text else "auto")


def busy_s(engine: Stt) -> float | None:
    """How long an engine's model has worked so far, over all streams, where it has such a figure."""
    told: float | None = getattr(engine, "busy_s", None)
    return told


async def _hear(engine: Stt, prepared: Prepared, options: SttOptions, in_real_time: bool) -> HeardRecording:
    began = time.monotonic()
    turns = tuple(HeardTurn(turn) for turn in prepared.turns)
    if in_real_time:  # a turn may begin before the text of the one before it is final
        async with asyncio.TaskGroup() as group:
            for turn in turns:
                group.create_task(_hear_turn(engine, turn, options, began, in_real_time))
    else:
        for turn in turns:
            await _hear_turn(engine, turn, options, began, in_real_time)
    return HeardRecording(prepared.recording, turns)


async def _hear_turn(engine: Stt, heard: HeardTurn, options: SttOptions, began: float, in_real_time: bool) -> None:
    turn = heard.turn

    async def until(ms: int) -> None:
        if in_real_time:
            await asyncio.sleep(began + ms / 1000 - time.monotonic())

    async def audio() -> AsyncGenerator[Samples | Pause, None]:
        for at_ms, block in turn.blocks:
            await until(at_ms)
            yield block
        await until(turn.end_ms)

    await until(turn.blocks[0][0])
    try:
        async with aclosing(audio()) as blocks, aclosing(engine.transcribe(blocks, options)) as transcripts:
            async for transcript in transcripts:
                heard.told.append(Told((time.monotonic() - began) * 1000, transcript))
    except EngineUnavailable:
        heard.lost = True


def _until(following: Iterator[Prepared], deadline: float | None) -> Iterator[Prepared]:
    """The next ones, shared with other streams, until none is left or it is too late to begin one."""
    while deadline is None or time.monotonic() < deadline:
        one = next(following, None)
        if one is None:
            return
        yield one


def _ms(n_samples: int) -> int:
    return samples_to_ms(n_samples, INPUT_RATE)


def _cpu_s() -> float | None:
    return procfs.cpu_s(procfs.tree(os.getpid())) if Path("/proc/self/stat").exists() else None


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before
