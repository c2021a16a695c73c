"""What every command begins with: the settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from voicesrv.settings import Settings

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings file; else $VOICESRV_CONFIG, else voicesrv.toml in this folder."
    ),
]


def read_settings(config: Path | None, **flags: Any) -> Settings:
    """Read all sources, and say on stderr what looks like a mistake in them.

    Args:
        config: the settings file, where a flag named one.
        flags: values by the name of their setting; None stands for a flag that was not given.

    Raises:
        ConfigError: a setting makes no sense.
    """
    from voicesrv.settings import load

    settings = load(flags, config)
    for warning in settings.warnings:
        print(f"voicesrv: warning: {warning}", file=sys.stderr)
    return settings
