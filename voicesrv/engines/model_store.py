"""Models on disk: what they must be, whether they are, and deleting them.

A model that was pulled has a record beside it, of where it came from and of its checksums: ``voicesrv.json`` in a
Whisper model's folder, ``NAME.voicesrv.json`` beside a voice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from voicesrv.engines.model_catalogue import known
from voicesrv.engines.model_files import find, models_folder, on_disk, place
from voicesrv.errors import EngineUnavailable

_BLOCK = 2**20


def record_file(engine: str, name: str) -> Path:
    """Where the record of a model lies, if it was pulled."""
    path = place(engine, name)
    return path.with_name(f"{name}.voicesrv.json") if engine == "piper" else path / "voicesrv.json"


def staging_folder(engine: str, name: str) -> Path:
    """Where a model gathers while it is downloaded: on the same disk as all of them, and seen by nobody."""
    return models_folder() / ".partial" / engine / name


def megabytes(n_bytes: int) -> str:
    """A size for people."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def checksums(path: Path, size: int) -> dict[str, str]:
    """Checksums of a file in one reading: SHA-256, MD5, and what git calls a file (SHA-1 behind a header)."""
    kinds = {"sha256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}
    kinds["git"] = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            for each in kinds.values():
                each.update(block)
    return {kind: each.hexdigest() for kind, each in kinds.items()}


def verify(engine: str, name: str) -> bool:
    """Check a model on disk against what was recorded as it was pulled, else against the catalogue.

    Returns:
        Whether there was a checksum to check; a model that was copied by hand and that the catalogue does not have is
        only seen to be whole.

    Raises:
        EngineUnavailable: it is not there, or not what it must be.
    """
    path = find(engine, name)
    folder = path.parent if engine == "piper" else path
    wanted = dict(_wanted(engine, name))
    for file, (kind, value) in wanted.items():
        if not (folder / file).is_file():
            raise EngineUnavailable(f"{engine}:{name}: {file} is missing; {_anew(engine, name)}")
        found = checksums(folder / file, (folder / file).stat().st_size)[kind]
        if found != value:
            told = f"{file} is damaged: its {kind} checksum is {found}, not {value}"
            raise EngineUnavailable(f"{engine}:{name}: {told}; {_anew(engine, name)}")
    return bool(wanted)


def _wanted(engine: str, name: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """The checksums that are known of a model's files."""
    try:
        record = json.loads(record_file(engine, name).read_text("utf-8"))
        for file, sums in record["files"].items():
            yield file, ("sha256", str(sums["sha256"]))
        return
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # not pulled, or its record is broken: the catalogue may know
    model = known(engine, name)
    for each in model.files if model else ():
        if each.sha256 or each.md5:
            yield each.name, ("sha256", each.sha256) if each.sha256 else ("md5", each.md5)


def _anew(engine: str, name: str) -> str:
    if known(engine, name):
        return f"get it anew: voicesrv models pull {engine}:{name}"
    return "copy it anew from where it came"


def remove(engine: str, name: str) -> int:
    """Delete a model, whole or not, and what a stopped download left of it.

    Returns:
        Bytes that this freed.

    Raises:
        EngineUnavailable: nothing of it is here, or it cannot be deleted.
    """
    path = place(engine, name)
    partial = staging_folder(engine, name)
    if engine == "piper":
        ends = (".onnx", ".onnx.json", ".MODEL_CARD", ".voicesrv.json")
        paths = [path.with_name(name + end) for end in ends]
    else:
        paths = [path]
    paths = [
        each for each in (*paths, partial, partial.with_name(f"{name}.lock")) if each.exists() or each.is_symlink()
    ]
    if not paths:
        found = ", ".join(f"{engine}:{each}" for each in on_disk(engine)) or "none"
        raise EngineUnavailable(f"{engine}:{name} is not here; of {engine} there is {found}")
    freed = 0
    try:
        for each in paths:
            freed += _bytes(each)
            _delete(each)
    except OSError as error:
        raise EngineUnavailable(f"{engine}:{name} cannot be deleted: {error.strerror or error}") from error
    return freed


def _delete(path: Path) -> None:
    delete: Callable[[Path], object] = shutil.rmtree if path.is_dir() and not path.is_symlink() else Path.unlink
    delete(path)


def _bytes(path: Path) -> int:
    """How much a file or folder holds; a link holds nothing itself."""
    if path.is_symlink():
        return 0
    return sum(each.stat().st_size for each in (path, *path.rglob("*")) if each.is_file())


def waiting(engine: str) -> dict[str, int]:
    """Bytes that stopped downloads left, by the name of the model."""
    folder = staging_folder(engine, "")
    found = {path.name: _bytes(path) for path in sorted(folder.glob("*")) if path.is_dir()}
    return {name: n_bytes for name, n_bytes in found.items() if n_bytes}
