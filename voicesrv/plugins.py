"""Entry-point name -> engine class.

An engine is found by its name in one of four entry-point groups, ``voicesrv.vad``, ``voicesrv.stt``,
``voicesrv.llm`` and ``voicesrv.tts``. Ours use the same door as anybody's: a package that names a class
there, one that keeps the promise of its kind in ``engines.base``, adds an engine by being installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args

from voicesrv.errors import ClientError, Code, ConfigError, EngineUnavailable

Kind = Literal["vad", "stt", "llm", "tts"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_OURS = "voicesrv"


def available(kind: Kind) -> dict[str, EntryPoint]:
    """All engines of a kind that are named by an installed package, by name; imports none of them.

    Where two packages use one name, the one that is not ours wins: somebody installed it to replace ours.

    Raises:
        ConfigError: two packages that are not ours use one name.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=f"voicesrv.{kind}"), key=lambda point: (not _is_ours(point), point.name)):
        rival = found.get(point.name)
        if rival is not None and not _is_ours(rival) and rival.value != point.value:
            raise ConfigError(
                f"{kind} engine {point.name!r} is named by two packages, as {rival.value} and {point.value}: remove one"
            )
        found[point.name] = point
    return dict(sorted(found.items()))


def load(kind: Kind, name: str) -> type[Any]:
    """Import the class behind a name.

    Returns:
        A class whose constructor takes ``model`` and ``options``, and whose attribute ``Options`` is the
        dataclass of those options.

    Raises:
        ClientError: ``not_found``; no installed package names such an engine.
        EngineUnavailable: it is named, but what it needs is not installed.
        ConfigError: the package that names it is broken.
    """
    points = available(kind)
    if name not in points:
        raise not_found(kind, name, points)
    point = points[name]
    try:
        loaded = point.load()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == point.module.partition(".")[0]:
            raise ConfigError(f"{kind} engine {name!r}: {point.value} does not exist") from error
        raise EngineUnavailable(
            f"{kind} engine {name!r} needs the package {error.name!r}, which is not installed"
        ) from error
    except (ImportError, OSError) as error:  # a shared library that the backend wants is missing or does not fit
        raise EngineUnavailable(f"{kind} engine {name!r} cannot be loaded: {error}") from error
    except AttributeError as error:
        raise ConfigError(f"{kind} engine {name!r}: {point.value} does not exist") from error
    if not isinstance(loaded, type):
        raise ConfigError(f"{kind} engine {name!r}: {point.value} is not a class")
    return loaded


def not_found(kind: Kind, name: str, names: Mapping[str, object]) -> ClientError:
    """The one form in which an unknown engine is refused."""
    shown = name if len(name) <= 64 else name[:61] + "..."
    return ClientError(Code.NOT_FOUND, f"{kind}: {shown!r} is no engine here; there are auto, {', '.join(names)}")


def _is_ours(point: EntryPoint) -> bool:
    return point.module.partition(".")[0] == _OURS
