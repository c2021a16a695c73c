"""Where downloaded models lie: ``whisper/NAME/`` and ``piper/NAME.onnx`` in one folder of the user's."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from voicesrv.errors import EngineUnavailable


def models_folder() -> Path:
    """The folder of all models: ``VOICESRV_MODELS``, else ``voicesrv/models`` in the user's cache folder."""
    named = os.environ.get("VOICESRV_MODELS")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voicesrv" / "models"


def whisper_models() -> dict[str, Path]:
    """The Whisper models on this machine by name, each a folder in CTranslate2's format."""
    return {path.parent.name: path.parent for path in sorted(models_folder().glob("whisper/*/model.bin"))}


def piper_voices() -> dict[str, Path]:
    """The piper voices on this machine by name, each an ``.onnx`` file beside its ``.onnx.json``."""
    return {path.stem: path for path in sorted(models_folder().glob("piper/*.onnx"))}


_ON_DISK: Mapping[str, Callable[[], dict[str, Path]]] = {"whisper": whisper_models, "piper": piper_voices}


def installed(engine: str) -> bool:
    """Whether an engine has a model to work with: one on disk, or its own."""
    return engine not in _ON_DISK or bool(_ON_DISK[engine]())


def find(engine: str, name: str) -> Path:
    """Find a model of an engine.

    Args:
        engine: ``whisper`` or ``piper``.
        name: of the model, a path to it, or empty for the first by name.

    Raises:
        EngineUnavailable: it is not on this machine; the message says where it was looked for.
    """
    if "/" in name or os.sep in name:
        path = Path(name).expanduser()
        if path.exists():
            return path
        raise EngineUnavailable(f"{engine}: there is no {name[:200]!r}")
    found = _ON_DISK[engine]()
    if name in found:
        return found[name]
    where = f"{models_folder() / engine}, which has {', '.join(found) or 'none'}"
    if name:
        raise EngineUnavailable(f"{engine}: the model {name[:64]!r} is not in {where}")
    if not found:
        raise EngineUnavailable(f"{engine}: no model is in {models_folder() / engine}")
    return next(iter(found.values()))
