"""Where settings come from: the environment, the settings file, and one laid over the other.

The only reader of the environment beside ``settings``.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from voicesrv.errors import ConfigError

PREFIX = "VOICESRV_"
CONFIG_VARIABLE = "VOICESRV_CONFIG"
"""Names the settings file where no flag does."""
TOKEN_VARIABLE = "VOICESRV_TOKEN"
"""Holds the key that the commands which are clients show to a server; no setting of the server."""
DEFAULT_FILE = Path("voicesrv.toml")
"""Read from the current folder where it exists and no other file is named."""
_OTHERS = (CONFIG_VARIABLE, TOKEN_VARIABLE, "VOICESRV_MODELS", "VOICESRV_PULL")
"""Variables of ours that are no settings; the last two tell where models lie, and whether a first run downloads any."""
_SECRET = ("key", "keys", "token", "secret", "password")
"""Values of an engine's table whose name ends with one of these are never shown; ``max_tokens`` may be."""


def environment() -> Mapping[str, str]:
    """The variables of this process, for those who look for the keys of language models in them."""
    return os.environ


def read_file(config: Path | None) -> tuple[Path, dict[str, Any]]:
    """Read the settings file: the one given, else the one of ``VOICESRV_CONFIG``, else the usual one if it exists.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    path = named or DEFAULT_FILE
    if named is None and not path.is_file():
        return path, {}
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigError(f"{path}: {error}") from error


def unknown_variables(known: Collection[str]) -> Iterator[str]:
    """Tell of each variable that looks like one of ours and sets nothing.

    Args:
        known: the names of all settings.
    """
    for name in sorted(os.environ):
        field = name.removeprefix(PREFIX).lower()
        if not name.startswith(PREFIX) or name in _OTHERS or field.partition("__")[0] in known:
            continue
        near = difflib.get_close_matches(field, known, n=1)
        yield f"{name} sets nothing" + (f"; did you mean {PREFIX}{near[0].upper()}?" if near else "")


def masked(path: str, value: object) -> object:
    """A value as it may be shown: what may be a secret, to go by its name, is hidden."""
    return "**********" if path.lower().endswith(_SECRET) else value


def flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested tables with its dotted path."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one source over another, tables key by key."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        result[key] = merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result
