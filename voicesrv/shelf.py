"""The engines of this process: each opened once, kept, and shared by all conversations."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, get_type_hints, overload

from pydantic import TypeAdapter, ValidationError

from voicesrv import plugins
from voicesrv.engines import model_files
from voicesrv.engines.base import Engine, Llm, Stt, Tts, Vad
from voicesrv.engines.failover import SttFailover, TtsFailover
from voicesrv.engines.llm_choice import choose
from voicesrv.errors import ClientError, ConfigError, EngineUnavailable, VoicesrvError
from voicesrv.metrics import ENGINE_FAILURES
from voicesrv.plugins import KINDS, Kind
from voicesrv.settings import Settings
from voicesrv.sources import environment, masked

AUTO = "auto"
_AUTO: Mapping[Kind, tuple[str, ...]] = {"stt": ("whisper", "pocketsphinx"), "tts": ("piper", "espeak")}
"""What ``auto`` tries, best first, where a model is on disk for what needs one. Which language model it is depends on
keys and on what answers."""
_ANY_MODEL = "pydantic"
"""The engine that is given every ``provider:model`` whose provider is no engine of its own."""
_RETRY_S = 5.0
"""Seconds for which a failure to open is remembered, so that a rush of clients tries once."""
_MAX_OPEN = 64
"""Engines open at once. Clients may name models, and each name is an engine that stays open."""

_FAILOVERS: Mapping[Kind, Any] = {"stt": SttFailover, "tts": TtsFailover}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine that can be named, as ``/v1/engines`` and ``voicesrv doctor`` show it."""

    name: str
    chosen: bool
    """Whether a client that names none gets it."""
    why: str
    """Why it is chosen, or why it cannot be had; empty where there is nothing to say."""
    is_open: bool
    capabilities: Mapping[str, Any] | None
    """Of an open engine that states them."""
    room: int | None
    """How many more streams fit; None where it is not open or sets no bound."""


@dataclass(slots=True)
class _Slot:
    """One engine from its first request on: being opened, open, or failed."""

    opened: asyncio.Event
    """Set when it is known which."""
    engine: Engine | None = None
    failure: VoicesrvError | None = None
    retry_at: float = 0.0
    """Event loop time from which a failed one is tried again."""


class EngineShelf:
    """Opens engines by kind and name and keeps them until it is left.

    Use it as an async context manager. Each engine lives in a task of its own that enters and leaves
    the engine's context, so a request that is cancelled while an engine loads stops nobody else's.
    """

    def __init__(self, settings: Settings) -> None:
        """Check that the engines' tables name engines; open nothing.

        Raises:
            ConfigError: a table ``[engines.NAME]`` names no engine that is installed.
        """
        self._settings = settings
        self._slots: dict[tuple[Kind, str], _Slot] = {}
        self._auto: dict[Kind, tuple[str, str]] = {}
        self._models: dict[str, str] = {}
        """The model that an engine was given as none was named, by the engine's name."""
        self._choosing = asyncio.Lock()
        self._tasks = asyncio.TaskGroup()
        self._closing = asyncio.Event()
        self._are_options_checked = False
        # Looked up once: it reads the metadata of every installed package, some 10 ms for each kind.
        self._available = {kind: plugins.available(kind) for kind in KINDS}
        names = {name for available in self._available.values() for name in available}
        for name in settings.engines:
            if name not in names:
                raise ConfigError(
                    f"engines.{name} ({settings.origin(f'engines.{name}')}) is no engine here; "
                    f"there are {', '.join(sorted(names))}"
                )

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        # Without the exception, which the group would wrap, and cancel the engines instead of leaving them.
        await self._tasks.__aexit__(None, None, None)

    @overload
    async def get(self, kind: Literal["vad"], name: str = ...) -> Vad: ...
    @overload
    async def get(self, kind: Literal["stt"], name: str = ...) -> Stt: ...
    @overload
    async def get(self, kind: Literal["llm"], name: str = ...) -> Llm: ...
    @overload
    async def get(self, kind: Literal["tts"], name: str = ...) -> Tts: ...
    @overload
    async def get(self, kind: Kind, name: str = ...) -> Engine: ...
    async def get(self, kind: Kind, name: str = AUTO) -> Any:
        """Return an open engine, opening it on first use; requests for one name share the work.

        Args:
            kind: ``vad``, ``stt``, ``llm`` or ``tts``.
            name: such as ``pocketsphinx`` or ``whisper:base.en``; a language model may also be any
                ``provider:model``. ``auto`` is the operator's choice, and the best there is where the
                operator made none. Of a recogniser or synthesiser the operator may name several with commas
                between them: the next stands in where one is lost.

        Raises:
            ClientError: ``not_found``; the message lists what there is.
            EngineUnavailable: it cannot be opened now; it is tried again on a later request.
            ConfigError: its table in the settings makes no sense.

        Cancelling is safe: what is being opened goes on and serves the next request.
        """
        if name == AUTO:
            name = getattr(self._settings, kind)
        if "," in name and kind in _FAILOVERS:
            return await self._one_of(kind, name)
        if name != AUTO:
            return await self._open(kind, name)
        if kind == "llm":
            return await self._open(kind, await self._best_llm())
        return await self._first(kind)

    async def warm(self) -> tuple[str, ...]:
        """Open the engines that a client gets who names none; those that are open cost nothing.

        Returns:
            What is missing, a sentence each; empty when the server is ready.

        Raises:
            ConfigError: a setting of an engine, also of one that is not opened, makes no sense, or names
                an engine that is not installed.
        """
        if not self._are_options_checked:
            await asyncio.to_thread(self._check_options)
            self._are_options_checked = True

        async def problem(kind: Kind) -> str | None:
            try:
                await self.get(kind, AUTO)
            except EngineUnavailable as error:
                return str(error)
            except ClientError as error:
                raise ConfigError(f"{kind} ({self._settings.origin(kind)}): {error.message}") from error
            return None

        found = await asyncio.gather(*(problem(kind) for kind in KINDS))
        return tuple(text for text in found if text is not None)

    def room(self) -> int | None:
        """How many more streams fit in the fullest of the engines that a client gets who names none.

        None where none of them sets a bound, or none is open.
        """
        slots = [self._slots.get((kind, self._chosen(kind)[0])) for kind in KINDS]
        rooms = [slot.engine.room() for slot in slots if slot is not None and slot.engine is not None]
        return min((room for room in rooms if room is not None), default=None)

    def _chosen(self, kind: Kind) -> tuple[str, str]:
        """The engine that a client gets who names none, and why; empty while it is not known."""
        wanted: str = getattr(self._settings, kind)
        return self._auto.get(kind, ("", "")) if wanted == AUTO else (wanted, self._settings.origin(kind))

    def choices(self) -> dict[Kind, list[EngineChoice]]:
        """All engines that can be named, and those that are open under a name of their own, by kind."""
        return {kind: [self._choice(kind, name) for name in self._names(kind)] for kind in KINDS}

    def _names(self, kind: Kind) -> list[str]:
        opened = [name for of, name in self._slots if of == kind]
        return list(dict.fromkeys([*self._available[kind], *opened]))

    def _choice(self, kind: Kind, name: str) -> EngineChoice:
        chosen, why = self._chosen(kind)
        slot = self._slots.get((kind, name))
        engine = slot.engine if slot else None
        failure = slot.failure if slot else None
        return EngineChoice(
            name=name,
            chosen=name == chosen,
            why=str(failure) if failure else why if name == chosen else "",
            is_open=engine is not None,
            capabilities=capabilities_of(engine) if engine else None,
            room=engine.room() if engine else None,
        )

    async def _best_llm(self) -> str:
        """Choose once, and anew where what was chosen cannot be had; choosing asks local servers."""
        async with self._choosing:
            name, _ = self._auto.get("llm", ("", ""))
            slot = self._slots.get(("llm", name))
            if slot is None or slot.failure is not None:
                base_url = str(self._settings.engines.get(_ANY_MODEL, {}).get("base_url", ""))
                self._auto["llm"] = await choose(environment(), own_port=self._settings.port, base_url=base_url)
            return self._auto["llm"][0]

    async def _first(self, kind: Kind) -> Engine:
        """Open the best of a kind that can be opened."""
        failures: list[str] = []
        for name in _AUTO[kind]:
            if name not in self._available[kind] or not model_files.installed(name):
                continue
            try:
                engine = await self._open(kind, name)
            except EngineUnavailable as error:
                failures.append(str(error))
                continue
            why = "; ".join(failures) or "the best that is installed"
            model = self._models.get(name, "")
            self._auto[kind] = (name, f"auto: {model}, {why}" if model else f"auto: {why}")
            return engine
        raise EngineUnavailable("; ".join(failures))

    async def _one_of(self, kind: Kind, name: str) -> Engine:
        """Open engines of which one stands in for the other."""
        names = [each.strip() for each in name.split(",")]
        for each in names:
            if each.partition(":")[0] not in self._available[kind]:
                raise plugins.not_found(kind, each, self._available[kind])
        slot = self._slot(kind, name, lambda: _FAILOVERS[kind](names, lambda each: self._open(kind, each)))
        return await self._opened(slot)

    async def _open(self, kind: Kind, name: str) -> Engine:
        entry, _, model = name.partition(":")
        if entry not in self._available[kind]:
            if kind != "llm" or not model:
                raise plugins.not_found(kind, name, self._available[kind])
            entry, model = _ANY_MODEL, name
        return await self._opened(self._slot(kind, name, lambda: self._make(kind, entry, model)))

    def _slot(self, kind: Kind, name: str, make: Callable[[], Engine]) -> _Slot:
        """The engine's slot; it is begun anew where there is none, or it failed a while ago."""
        slot = self._slots.get((kind, name))
        if slot is None or (slot.failure is not None and asyncio.get_running_loop().time() >= slot.retry_at):
            slot = self._start(kind, name, make)
        return slot

    @staticmethod
    async def _opened(slot: _Slot) -> Engine:
        await slot.opened.wait()
        if slot.engine is None:
            assert slot.failure is not None
            raise type(slot.failure)(*slot.failure.args) from slot.failure
        return slot.engine

    def _start(self, kind: Kind, name: str, make: Callable[[], Engine]) -> _Slot:
        if self._closing.is_set():
            raise EngineUnavailable(f"{kind} engine {name!r}: the server stops")
        if (kind, name) not in self._slots and len(self._slots) >= _MAX_OPEN:
            raise EngineUnavailable(f"{kind} engine {name!r}: {_MAX_OPEN} engines are open, and no more may be")
        slot = _Slot(asyncio.Event())
        self._slots[kind, name] = slot
        self._tasks.create_task(self._keep(kind, name, slot, make), name=f"engine {kind} {name}")
        return slot

    async def _keep(self, kind: Kind, name: str, slot: _Slot, make: Callable[[], Engine]) -> None:
        """Hold one engine open; whatever goes wrong with it stays its own."""
        try:
            # Importing a backend takes up to seconds, and must not stop those who are talking.
            engine = await asyncio.to_thread(make)
            async with engine:
                slot.engine = engine
                slot.opened.set()
                await self._closing.wait()
        except (ConfigError, EngineUnavailable) as error:
            slot.failure = error
        except Exception as error:
            _log.exception("%s engine %s failed", kind, name)
            slot.failure = EngineUnavailable(f"{kind} engine {name!r} failed: {type(error).__name__}")
        finally:
            slot.engine = None
            if slot.failure is None:
                slot.failure = EngineUnavailable(f"{kind} engine {name!r} is closed")
            elif not self._closing.is_set():
                ENGINE_FAILURES.labels(name).inc()
                _log.warning("%s engine %s is not available: %s", kind, name, slot.failure)
            slot.retry_at = asyncio.get_running_loop().time() + _RETRY_S
            slot.opened.set()

    def _make(self, kind: Kind, entry: str, model: str) -> Engine:
        loaded = plugins.load(kind, entry)
        if not model:
            model = self._models[entry] = model_files.preferred(entry, self._settings.language)
        engine: Engine = loaded(model, self._options(kind, entry, loaded.Options))
        return engine

    def _check_options(self) -> None:
        """Check all tables, so that a mistake stops the start and not the first who names that engine."""
        for entry in self._settings.engines:
            for kind in KINDS:
                if entry in self._available[kind]:
                    with contextlib.suppress(EngineUnavailable):  # it can be told only when it is installed
                        self._options(kind, entry, plugins.load(kind, entry).Options)

    def _options(self, kind: Kind, entry: str, of: type[Any]) -> Any:
        """The operator's options for an engine, checked against its dataclass."""
        table = self._settings.engines.get(entry, {})
        hints = get_type_hints(of)
        values: dict[str, Any] = {}
        for key, value in table.items():
            path = f"engines.{entry}.{key}"
            where = f"{path} ({self._settings.origin(path)})"
            if key not in hints:
                raise ConfigError(f"{where} is no option of {kind} engine {entry!r}; known are {', '.join(hints)}")
            try:
                values[key] = TypeAdapter(hints[key]).validate_python(value)
            except ValidationError as error:
                shown = masked(path, repr(value))
                raise ConfigError(f"{where}: {shown}: {error.errors()[0]['msg']}") from error
        try:
            return of(**values)
        except ValueError as error:
            raise ConfigError(f"engines.{entry} ({self._settings.origin(f'engines.{entry}')}): {error}") from error


def capabilities_of(engine: Engine) -> dict[str, Any] | None:
    """What an open engine says it can do, as JSON values; None for kinds that have nothing to say."""
    capabilities = getattr(engine, "capabilities", None)
    if not dataclasses.is_dataclass(capabilities) or isinstance(capabilities, type):
        return None
    return dataclasses.asdict(capabilities)
