"""Runs loads: a server in one process, callers in others, and what the server used meanwhile."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
import platform
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicesrv.bench import load, procfs
from voicesrv.bench.caller import tone
from voicesrv.bench.orders import Plan, Serving
from voicesrv.bench.prepare import engines, spoken, warm_up
from voicesrv.bench.processes import Worker
from voicesrv.bench.samples import Samples
from voicesrv.bench.stats import IdleResult, Result, Spread
from voicesrv.conversation.endpointing import EndpointingOptions
from voicesrv.errors import ConfigError, VoicesrvError
from voicesrv_client import Settings
from voicesrv_client.protocol import build_url

MIN_TURNS = 20
"""A small load is measured for longer than asked, until about so many turns are done."""
TURN_S = 11.0
"""A turn with null engines: 1.5 s of speech, 0.3 s of waiting, 8 s of reply, 0.5 s of pause."""
BARGE_IN_TURN_S = 2.5
"""The same where the reply is interrupted 0.6 s after it began."""
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
    """Whether a server that is started has the engines of the settings; else it has null ones."""
    barge_in: bool = False

    @property
    def query(self) -> Settings:
        """Parameters of each connection."""
        return {"endpointing_ms": self.endpointing_ms, "eager_ms": self.eager_ms}

    def measuring_s(self, callers: int) -> float:
        """How long so many callers are measured."""
        return max(self.duration_s, MIN_TURNS * (BARGE_IN_TURN_S if self.barge_in else TURN_S) / callers)

    @property
    def idle_s(self) -> float:
        """How long connections that only ping are measured: until each has pinged."""
        return max(self.duration_s, _IDLE_PING_MS / 1000)


Tell = Callable[[str, float | None], object]
"""Called when something new begins: what, and how long it takes in s, or None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that has let a first conversation in."""

    url: str
    pid: int | None
    """Its process, where it is our own."""
    speech: bytes | None
    """What to say to it, 16 kHz linear16; None for a tone, which is enough for null engines."""
    counted: bool
    """Whether its voice is the null one, whose audio is numbered."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server's processes used while it was measured; None where they are not ours to look at."""

    cpu_s: float | None = None
    grown_kb: float | None = None
    """Memory over what it was before anybody called, in KiB."""


def check(options: BenchOptions) -> None:
    """See whether a server that is to run already does.

    Raises:
        ConfigError: the address is none.
        VoiceClientError: it does not let a conversation in.
    """
    if options.url is not None:
        _let_in(options, options.url)


def run_load(options: BenchOptions, callers: int, tell: Tell) -> Result:
    """Measure one number of conversations.

    Raises:
        ConfigError: the address is none, or a server cannot be started with these settings.
        VoiceClientError: the server does not let a first conversation in.
        VoicesrvError: the server or a generator did not run to its end.
    """
    duration_s = options.measuring_s(callers)
    with _folder() as folder, _served(options, callers, tell) as served:
        plan = Plan(
            url=build_url(served.url, options.query),
            callers=callers,
            duration_s=duration_s,
            message_ms=options.message_ms,
            speech=None if served.speech is None else _written(folder / "speech.pcm", served.speech),
            counted=served.counted,
            barge_in=options.barge_in,
            token=options.token,
        )
        samples, usage = _generate(plan, served.pid, folder, tell)
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


def run_idle(options: BenchOptions, connections: int, tell: Tell) -> IdleResult:
    """Measure connections that only ping; raises what ``run_load`` raises."""
    with _folder() as folder, _served(options, connections, tell) as served:
        plan = Plan(
            url=build_url(served.url, options.query),
            callers=connections,
            duration_s=options.idle_s,
            message_ms=_IDLE_PING_MS,
            idle=True,
            token=options.token,
        )
        samples, usage = _generate(plan, served.pid, folder, tell)
    return IdleResult(
        connections=connections,
        duration_s=options.idle_s,
        failed=samples.failed,
        pong=Spread.of(samples.pong),
        kb_per_connection=_divided(usage.grown_kb, connections),
        cpu_percent=_divided(usage.cpu_s, options.idle_s / 100),
        faults=samples.faults,
    )


def expected_s(options: BenchOptions, loads: Sequence[int], idle: int = 0) -> float:
    """How long callers are at it in all; starting and stopping servers comes on top.

    Args:
        loads: how many conversations each has.
        idle: so many connections that only ping.
    """
    joining_s = sum(load.ramp(callers) + load.SETTLE_S for callers in [*loads, *([idle] if idle else [])])
    return joining_s + sum(map(options.measuring_s, loads)) + (options.idle_s if idle else 0)


def about(arguments: Sequence[str]) -> dict[str, Any]:
    """What was measured, and on what.

    Args:
        arguments: of the command; a key among them is left out.
    """
    shown = [re.sub("(?<=^--token=).*", "…", each) for each in arguments]
    if "--token" in shown[:-1]:
        shown[shown.index("--token") + 1] = "…"
    return {
        "command": " ".join(["voicesrv", *shown]),
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


@contextmanager
def _served(options: BenchOptions, conversations: int, tell: Tell) -> Iterator[Served]:
    """Give the server that runs at the URL, or one of our own.

    One of our own has null engines and a core to itself, or real engines and all cores.
    """
    with ExitStack() as stack:
        pid = None
        if options.url is None:
            tell("starting a server", None)
            core = None if options.real else min(os.sched_getaffinity(0))
            # Three more places: for seeing which engines it has, for having a sentence said, and for warming up.
            serving = Serving(not options.real, conversations + 3, core)
            server = stack.enter_context(Worker("voicesrv.bench.server", serving))
            url, pid = server.line(), server.pid
            if not url.startswith("http://"):
                raise ConfigError(url)
        else:
            url = options.url
        names = _let_in(options, url)
        hears = {names.get("vad"), names.get("stt")} != {"null"}
        speech = asyncio.run(spoken(url, options.token)) if hears else None
        if options.url is None:
            tell("warming up", None)
            asyncio.run(warm_up(url, options.query, speech or tone(load.SPEECH_S)))
        yield Served(url, pid, speech, names.get("tts") == "null")


def _let_in(options: BenchOptions, url: str) -> Mapping[str, str]:
    """Begin a conversation as callers will; give the names of the server's engines."""
    try:
        return asyncio.run(engines(url, options.token, options.query))
    except ValueError as error:
        raise ConfigError(str(error)) from error


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="voicesrv-bench-") as name:
        yield Path(name)


def _written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def _generate(plan: Plan, server: int | None, folder: Path, tell: Tell) -> tuple[Samples, Usage]:
    """Run a plan in as many processes as it needs, off the server's core where there is another."""
    cores = sorted(os.sched_getaffinity(0))[1:]
    n_parts = max(1, min(len(cores), math.ceil(plan.callers / _CALLERS_PER_CORE)))
    samples = Samples()
    idle_kb = procfs.own_kb(procfs.tree(server)) if server is not None else 0
    with ExitStack() as stack:
        generators, results = [], []
        for part, (first, callers) in enumerate(shares(plan.callers, n_parts)):
            core = cores[part] if cores else None
            results.append(folder / f"samples-{part}.json")
            order = dataclasses.replace(
                plan, callers=callers, share=(first, plan.callers), core=core, result=str(results[-1])
            )
            generators.append(stack.enter_context(Worker("voicesrv.bench.load", order)))
        tell("callers join", load.ramp(plan.callers) + load.SETTLE_S)
        _expect(generators, load.BEGIN)
        tell("measuring", plan.duration_s)
        cpu_before = procfs.cpu_s(procfs.tree(server)) if server is not None else 0.0
        _expect(generators, load.END)
        tell("ending", None)
        usage = Usage()
        if server is not None:
            pids = procfs.tree(server)
            usage = Usage(procfs.cpu_s(pids) - cpu_before, procfs.own_kb(pids) - idle_kb)
        _expect(generators, load.WRITTEN)
        for result in results:
            samples.add(result)
    return samples, usage


def _expect(generators: list[Worker], word: str) -> None:
    for generator in generators:
        line = generator.line()
        if line != word:
            raise VoicesrvError(f"a generator said {line[:100]!r} instead of {word!r}")
