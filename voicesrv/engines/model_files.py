"""Where models lie, ``whisper/NAME/`` and ``piper/NAME.onnx`` in one folder of the user's, and which is the best."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from voicesrv.engines.machine import Machine, this_machine
from voicesrv.engines.model_catalogue import catalogue, known
from voicesrv.errors import EngineUnavailable

WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json")
"""What the folder of a Whisper model has at least."""
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_VOICE = re.compile(r"(?P<language>[a-z]{2,3})_(?P<region>[A-Z]{2})-")
"""How the name of a piper voice begins."""
_UNKNOWN = len(catalogue())
"""Place in the order of models that the catalogue does not have: behind those it has."""


def models_folder() -> Path:
    """The folder of all models: ``VOICESRV_MODELS``, else ``voicesrv/models`` in the user's cache folder."""
    named = os.environ.get("VOICESRV_MODELS")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voicesrv" / "models"


def is_name(text: str) -> bool:
    """Whether a model can be named so: a letter or digit, then letters, digits, ``.``, ``_``, ``+`` and ``-``.

    So a name never leads out of its engine's folder, nor to that itself; what lies there under another name is no
    model, but can be given by its path.
    """
    return _NAME.fullmatch(text) is not None


def whisper_models() -> dict[str, Path]:
    """The whole Whisper models on this machine by name, each a folder in CTranslate2's format."""
    folders = sorted(path.parent for path in models_folder().glob("whisper/*/model.bin"))
    return {folder.name: folder for folder in folders if is_name(folder.name) and not _lacking(folder)}


def piper_voices() -> dict[str, Path]:
    """The whole piper voices on this machine by name, each an ``.onnx`` file beside its ``.onnx.json``."""
    paths = sorted(models_folder().glob("piper/*.onnx"))
    return {path.stem: path for path in paths if is_name(path.stem) and not _lacking(path)}


_ON_DISK: Mapping[str, Callable[[], dict[str, Path]]] = {"whisper": whisper_models, "piper": piper_voices}


def on_disk(engine: str) -> dict[str, Path]:
    """The models of an engine on this machine by name; none for an engine that has its own."""
    return _ON_DISK[engine]() if engine in _ON_DISK else {}


def installed(engine: str) -> bool:
    """Whether an engine has a model to work with: one on disk, or its own."""
    return engine not in _ON_DISK or bool(_ON_DISK[engine]())


def place(engine: str, name: str) -> Path:
    """Where a model lies, or would: a folder for Whisper, an ``.onnx`` file for piper.

    Raises:
        EngineUnavailable: no model can be named so.
    """
    if not is_name(name):
        raise EngineUnavailable(f"{engine}: {name[:64]!r} is no name of a model")
    return models_folder() / engine / (f"{name}.onnx" if engine == "piper" else name)


def preferred(engine: str, language: str = "", machine: Machine | None = None) -> str:
    """The name of the model that is taken where none is named; empty where none is on disk.

    In this order: it knows the language; it suits the machine; it stands first in the catalogue. What the catalogue
    does not have is taken to suit, and comes behind what it has, by name.

    Args:
        engine: of its models; an engine that has its own model prefers none.
        language: BCP-47 tag of what will be said; ``auto`` or empty for any.
        machine: to run on; None: this one.
    """
    names = on_disk(engine)
    if len(names) < 2:
        return next(iter(names), "")
    machine = machine or this_machine()

    def rank(name: str) -> tuple[int, bool, int, str]:
        model = known(engine, name)
        if model:
            return -model.match(language), not model.suits(machine), catalogue().index(model), name
        return -_match(name, language), False, _UNKNOWN, name

    return min(names, key=rank)


def _match(name: str, language: str) -> int:
    """As ``Model.match``, for a model that the catalogue does not have, by what its name tells."""
    voice = _VOICE.match(name)
    if voice is None or language in ("", "auto", f"{voice['language']}-{voice['region']}"):
        return 2
    return int(voice["language"] == language.partition("-")[0])


def find(engine: str, name: str) -> Path:
    """Find a model of an engine.

    Args:
        engine: ``whisper`` or ``piper``.
        name: of the model, a path to it, or empty for the one that is ``preferred``.

    Raises:
        EngineUnavailable: it is not on this machine, or not whole, or another engine's; the message says where it was
            looked for and what to do.
    """
    if "/" in name or os.sep in name:
        path = Path(name).expanduser()
        if not path.exists():
            raise EngineUnavailable(f"{engine}: there is no {name[:200]!r}")
        return _whole(engine, path)
    name = name or preferred(engine)
    if name and (path := place(engine, name)).exists():
        return _whole(engine, path)
    raise EngineUnavailable(f"{engine}: {_missing(engine, name)}")


def _missing(engine: str, name: str) -> str:
    """What to do about a model that is not there."""
    if not name:
        return f"no model is in {models_folder() / engine}; get one: voicesrv models pull recommended"
    others = [other for other in _ON_DISK if other != engine and (known(other, name) or name in _ON_DISK[other]())]
    if others:
        return f"{name[:64]!r} is a model of {others[0]}: name it {others[0]}:{name[:64]}"
    found = ", ".join(_ON_DISK[engine]()) or "none"
    advice = f"; get it: voicesrv models pull {engine}:{name}" if known(engine, name) else ""
    return f"the model {name[:64]!r} is not in {models_folder() / engine}, which has {found}{advice}"


def _whole(engine: str, path: Path) -> Path:
    """The model at a path that exists, once it is seen to be one, and the engine's.

    Raises:
        EngineUnavailable: it is not.
    """
    if engine == "piper":
        if path.is_dir() or path.suffix != ".onnx":
            what = "a Whisper model" if (path / "model.bin").is_file() else "no file" if path.is_dir() else "no voice"
            raise EngineUnavailable(f"piper: {path} is {what}; a voice is a file that ends in .onnx")
        if _lacking(path):
            raise EngineUnavailable(
                f"piper: {path.name} has no {path.name}.json beside it, which tells how to speak it: "
                f"copy that too, or {_again('piper', path.stem)}"
            )
        return path
    if not path.is_dir():
        other = "is a piper voice, or another engine's" if path.suffix == ".onnx" else "is no folder"
        raise EngineUnavailable(f"whisper: {path} {other}; a model is a folder with model.bin in it")
    lacking = _lacking(path)
    if "model.bin" in lacking and (voices := sorted(path.glob("*.onnx"))):
        raise EngineUnavailable(
            f"whisper: {path} holds {voices[0].name}, which is another engine's; a piper voice belongs into "
            f"{models_folder() / 'piper'}"
        )
    if lacking:
        raise EngineUnavailable(
            f"whisper: the model {path.name} has no {', '.join(lacking)}: it is half a download, or another "
            f"engine's; copy the rest, or {_again('whisper', path.name)}"
        )
    return path


def _lacking(path: Path) -> list[str]:
    """Names of the files that a model at ``path`` lacks."""
    if path.suffix == ".onnx":
        return [] if Path(f"{path}.json").is_file() else [f"{path.name}.json"]
    return [file for file in WHISPER_FILES if not (path / file).is_file()]


def _again(engine: str, name: str) -> str:
    """How to get a model anew, if the catalogue has it, else another."""
    return f"get it anew: voicesrv models pull {engine}:{name if known(engine, name) else 'NAME'}"
