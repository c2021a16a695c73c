"""Runs loads: a server in one process, callers in others, and what the server used meanwhile."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from voicesrv.bench import load, procfs
from voicesrv.bench.caller import tone
from voicesrv.bench.load import Plan
from voicesrv.bench.prepare import spoken, warm_up
from voicesrv.bench.processes import Worker
from voicesrv.bench.samples import Samples
from voicesrv.bench.server import Serving
from voicesrv.bench.stats import IdleResult, Result, Spread
from voicesrv.client.protocol import OptionValue, build_url
from voicesrv.conversation.endpointing import EndpointingOptions
from voicesrv.errors import VoicesrvError

MIN_TURNS = 20
"""A small load is measured for longer than asked, until about so many turns are done."""
TURN_S = 11.0
"""A turn with null engines: 1.5 s of speech, 0.3 s of waiting, 8 s of reply, 0.5 s of pause."""
_IDLE_PING_MS = 20_000
_CALLERS_PER_CORE = 100
"""One generator process is given no more where there are cores for several."""


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What to measure."""

    url: str | None = None
    """A server that runs; None to start one for each load."""
    token: str | None = dataclasses.field(default=None, repr=False)
    duration_s: float = 30.0
    endpointing_ms: int = 200
    eager_ms: int = 0
    message_ms: int = 20
    real: bool = False
    """Whether with real engines and speech; else with null ones and tones."""
    barge_in: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server's processes used while it was measured; None where they are not ours to look at."""

    cpu_s: float | None = None
    grown_kb: float | None = None
    """Memory over what it was before anybody called, in KiB."""


def run_load(options: BenchOptions, callers: int) -> Result:
    """Measure one number of conversations.

    Raises:
        VoiceClientError: the server does not let a first conversation in.
        VoicesrvError: the server or a generator did not run to its end.
    """
    duration_s = max(options.duration_s, MIN_TURNS * TURN_S / callers)
    with ExitStack() as stack:
        url, pid, speech = stack.enter_context(_served(options, callers))
        plan = Plan(
            url=_address(options, url),
            callers=callers,
            duration_s=duration_s,
            message_ms=options.message_ms,
            speech=stack.enter_context(_file(speech)) if speech is not None else None,
            counted=not options.real,
            barge_in=options.barge_in,
            token=options.token,
        )
        samples, usage = _generate(plan, pid)
    min_speech_ms = EndpointingOptions().min_speech_ms
    return Result(
        conversations=callers,
        duration_s=duration_s,
        turns=samples.turns,
        voice_to_voice=Spread.of(samples.voice_to_voice),
        transcript=Spread.of(samples.transcript),
        late=Spread.of(samples.late),
        lost=samples.lost,
        failed=samples.failed,
        clear=Spread.of([ms - min_speech_ms for ms in samples.clear]),
        generator_late=Spread.of(samples.generator_late),
        cpu_per_stream=_divided(usage.cpu_s, duration_s * callers),
        cpu_cores=_divided(usage.cpu_s, duration_s),
        kb_per_conversation=_divided(usage.grown_kb, callers),
        faults=samples.faults,
    )


def run_idle(options: BenchOptions, connections: int) -> IdleResult:
    """Measure connections that only ping; raises what ``run_load`` raises."""
    with _served(options, connections) as (url, pid, _):
        plan = Plan(
            url=_address(options, url),
            callers=connections,
            duration_s=options.duration_s,
            message_ms=_IDLE_PING_MS,
            idle=True,
            token=options.token,
        )
        samples, usage = _generate(plan, pid)
    return IdleResult(
        connections=connections,
        duration_s=options.duration_s,
        failed=samples.failed,
        pong=Spread.of(samples.pong),
        kb_per_connection=_divided(usage.grown_kb, connections),
        cpu_percent=_divided(usage.cpu_s, options.duration_s / 100),
        faults=samples.faults,
    )


def about() -> dict[str, Any]:
    """What it is measured on."""
    return {
        "command": " ".join(["voicesrv", *sys.argv[1:]]),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": procfs.processor(),
        "cores": len(os.sched_getaffinity(0)),
    }


def shares(total: int, n_parts: int) -> Iterator[tuple[int, int]]:
    """Split callers evenly: the place of each part's first caller, and how many it has."""
    for part in range(n_parts):
        first = total * part // n_parts
        yield first, total * (part + 1) // n_parts - first


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def _address(options: BenchOptions, url: str) -> str:
    query: dict[str, OptionValue] = {"endpointing_ms": options.endpointing_ms, "eager_ms": options.eager_ms}
    try:
        return build_url(url, query)
    except ValueError as error:
        raise VoicesrvError(str(error)) from error


@contextmanager
def _served(options: BenchOptions, conversations: int) -> Iterator[tuple[str, int | None, bytes | None]]:
    """Give a server's URL, its process where it is our own, and, for real engines, a sentence in its own voice.

    A server of our own has null engines and a core to itself, or real engines and all cores.
    """
    if options.url is not None:
        yield options.url, None, asyncio.run(spoken(options.url, options.token)) if options.real else None
        return
    core = None if options.real else min(os.sched_getaffinity(0))
    # Two more places: for having a sentence said, and for warming up.
    with Worker("voicesrv.bench.server", Serving(not options.real, conversations + 2, core)) as server:
        url = server.line()
        speech = asyncio.run(spoken(url)) if options.real else None
        asyncio.run(warm_up(url, speech or tone(load.SPEECH_S)))
        yield url, server.pid, speech


@contextmanager
def _file(speech: bytes) -> Iterator[str]:
    """Give a file with these bytes."""
    with tempfile.NamedTemporaryFile(suffix=".pcm") as file:
        file.write(speech)
        file.flush()
        yield file.name


def _generate(plan: Plan, server: int | None) -> tuple[Samples, Usage]:
    """Run a plan in as many processes as it needs, off the server's core where there is another."""
    cores = sorted(os.sched_getaffinity(0))[1:]
    n_parts = max(1, min(len(cores), math.ceil(plan.callers / _CALLERS_PER_CORE)))
    samples = Samples()
    idle_kb = procfs.own_kb(procfs.tree(server)) if server is not None else 0
    with ExitStack() as stack:
        generators = []
        for part, (first, callers) in enumerate(shares(plan.callers, n_parts)):
            core = cores[part] if cores else None
            order = dataclasses.replace(plan, callers=callers, share=(first, plan.callers), core=core)
            generators.append(stack.enter_context(Worker("voicesrv.bench.load", order)))
        _expect(generators, load.BEGIN)
        cpu_before = procfs.cpu_s(procfs.tree(server)) if server is not None else 0.0
        _expect(generators, load.END)
        usage = Usage()
        if server is not None:
            pids = procfs.tree(server)
            usage = Usage(procfs.cpu_s(pids) - cpu_before, procfs.own_kb(pids) - idle_kb)
        for generator in generators:
            samples.add_json(generator.line())
    return samples, usage


def _expect(generators: list[Worker], word: str) -> None:
    for generator in generators:
        line = generator.line()
        if line != word:
            raise VoicesrvError(f"a generator said {line[:100]!r} instead of {word!r}")
