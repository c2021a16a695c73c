"""``voicesrv doctor``: what is here, what would be chosen, and what is in the way."""

from __future__ import annotations

import asyncio
import platform
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from voicesrv.cli.start import ConfigFile, read_settings

if TYPE_CHECKING:
    from voicesrv.settings import Settings

_EXTRA = re.compile(r"(?P<package>[\w.-]+).*;\s*extra\s*==\s*[\"'](?P<extra>[\w-]+)[\"']")
"""A requirement of an extra, as the package's metadata has it."""
_BUNDLES = ("all", "embedded", "dev")
"""Extras that hold what others hold, or what no user needs."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination."""

    about: str
    text: str
    well: bool | None = None
    """Whether that is as it should be; None where it is neither good nor bad."""


def doctor(config: ConfigFile = None) -> None:
    """Examine this installation, and say what is in the way."""
    from rich.console import Console
    from rich.text import Text

    marks = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "dim")}
    console = Console(highlight=False)
    well = True
    for finding in examine(config):
        mark, style = marks[finding.well]
        console.print(Text.assemble((mark, style), f" {finding.about:<10} ", finding.text), soft_wrap=True)
        well = well and finding.well is not False
    if not well:
        sys.exit(1)


def examine(config: Path | None) -> Iterator[Finding]:
    """Yield what is found, one thing after the other; a broken setting ends it."""
    from voicesrv.errors import ConfigError

    yield from _machine()
    try:
        settings = read_settings(config)
    except ConfigError as error:
        yield Finding("settings", str(error), well=False)
        return
    yield from _settings(settings)
    yield from extras()
    yield from _engines(settings)
    yield port(settings.host, settings.port)
    yield from _audio()


def _machine() -> Iterator[Finding]:
    yield Finding("voicesrv", version("voicesrv"))
    yield Finding("python", f"{platform.python_version()} at {sys.executable}", sys.version_info >= (3, 11))
    yield Finding("platform", platform.platform())


def _settings(settings: Settings) -> Iterator[Finding]:
    from voicesrv.engines.llm_choice import HOSTED
    from voicesrv.sources import environment

    set_here = [f"{path} ({settings.origin(path)})" for path in settings.shown() if settings.origin(path) != "default"]
    yield Finding("settings", "set are " + ", ".join(set_here) if set_here else "all are at their defaults")
    for hosted in HOSTED:
        yield from (Finding("keys", f"{name} is set") for name in hosted.keys if environment().get(name))
    keys = f"{len(settings.api_keys)} for clients" if settings.api_keys else "none asked of clients"
    yield Finding("keys", keys)


def extras() -> Iterator[Finding]:
    """Tell of each optional package whether it is installed."""
    for requirement in requires("voicesrv") or ():
        match = _EXTRA.match(requirement)
        if match is None or match["extra"] in _BUNDLES:
            continue
        package, extra = match["package"], match["extra"]
        try:
            yield Finding("extra", f"{extra}: {package} {version(package)}", well=True)
        except PackageNotFoundError:
            yield Finding("extra", f"{extra}: not installed; pip install 'voicesrv[{extra}]'")


def _engines(settings: Settings) -> Iterator[Finding]:
    """Open the engines that a client would get, which proves more than that they are installed."""
    from voicesrv.errors import VoicesrvError
    from voicesrv.shelf import EngineShelf

    async def opened() -> list[Finding]:
        async with EngineShelf(settings) as shelf:
            problems = await shelf.warm()
            chosen = [
                Finding(kind, f"{choice.name} ({choice.why})", well=True)
                for kind, choices in shelf.choices().items()
                for choice in choices
                if choice.chosen and choice.is_open
            ]
            return [*chosen, *(Finding("engine", problem, well=False) for problem in problems)]

    try:
        yield from asyncio.run(opened())
    except VoicesrvError as error:
        yield Finding("engine", str(error), well=False)


def port(host: str, number: int) -> Finding:
    """Tell whether a server could listen there."""
    where = f"{host}:{number}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            # As the server does, so that one that has just stopped is not in the way.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except OSError as error:
        return Finding("port", f"{where} cannot be listened on: {error.strerror}", well=False)
    return Finding("port", f"{where} is free", well=True)


def _audio() -> Iterator[Finding]:
    try:
        import sounddevice
    except ImportError:
        yield Finding("audio", "no microphone and speaker for voicesrv talk: pip install 'voicesrv[mic]'")
        return
    except OSError:
        yield Finding("audio", "sounddevice is installed, the PortAudio library is not (Debian: libportaudio2)")
        return
    for kind in ("input", "output"):
        try:
            yield Finding("audio", f"{kind}: {sounddevice.query_devices(kind=kind)['name']}", well=True)
        except sounddevice.PortAudioError:
            yield Finding("audio", f"{kind}: no device")
