"""Download a model: whole or not at all.

It gathers in ``.partial/`` of the models folder and moves to its place in one step when all of it is there and its
checksums are right; so what ``auto`` sees is never half a model.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from voicesrv.engines import model_hub
from voicesrv.engines.model_catalogue import HubFile, Model
from voicesrv.engines.model_files import find, models_folder, place
from voicesrv.engines.model_hub import HubUnreachable, Remote
from voicesrv.engines.model_store import checksums, megabytes, record_file, staging_folder, verify
from voicesrv.errors import EngineUnavailable

SPARE_BYTES = 64 * 2**20
"""Room on the disk that a download leaves free."""


class Show(Protocol):
    """Is told how far a download is."""

    def begin(self, model: Model, total: int, have: int) -> None:
        """A model is downloaded: ``total`` bytes, ``have`` of which are here from an earlier try."""

    def advance(self, n_bytes: int) -> None:
        """So many bytes more are here; a negative number takes back."""

    def check(self, model: Model) -> None:
        """All of it is here, and is being checked."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A file that is being downloaded."""

    file: HubFile
    remote: Remote
    part: Path

    @property
    def have(self) -> int:
        """Bytes that are here."""
        return self.part.stat().st_size if self.part.exists() else 0


def pull(model: Model, show: Show, timeout_s: float = model_hub.TIMEOUT_S) -> bool:
    """Download a model, or what is missing of it. Blocks.

    Args:
        model: of the catalogue.
        show: is told how far it is.
        timeout_s: to wait for the hub's first answer.

    Returns:
        Whether anything had to be downloaded; a model that is here and whole is left as it is.

    Raises:
        HubUnreachable: the message says how to get it without.
        EngineUnavailable: the hub has it not, the disk has no room, or a checksum is wrong.

    Ctrl-C leaves what has come, and so does every failure but a wrong checksum; the next call goes on there.
    """
    with suppress(EngineUnavailable):
        find(model.engine, model.name)
        if verify(model.engine, model.name):
            return False
    staging = staging_folder(model.engine, model.name)
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with model_hub.alone(staging.with_name(f"{model.name}.lock")):
            pieces = [_piece(model, file, staging, timeout_s) for file in model.files]
            _check_room(model, pieces)
            show.begin(model, sum(piece.remote.size for piece in pieces), sum(piece.have for piece in pieces))
            for piece in pieces:
                model_hub.fetch(model, piece.file, piece.remote, piece.part, show.advance)
            show.check(model)
            record = _record(model, pieces, {piece.file.name: _checked(model, piece) for piece in pieces})
            _appear(model, staging, pieces, record)
    except HubUnreachable as error:
        raise HubUnreachable(f"{model}: {error}\n{by_hand(model)}") from error
    except EngineUnavailable as error:
        raise EngineUnavailable(f"{model}: {error}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EngineUnavailable(f"{model}: the disk is full. {_MORE_ROOM}; what has come is kept") from error
        raise EngineUnavailable(
            f"{model}: {models_folder()} cannot be written to: {error.strerror or error}"
        ) from error
    return True


_MORE_ROOM = "Make room, or name a folder on another disk with VOICESRV_MODELS"


def by_hand(model: Model) -> str:
    """How to get a model where the hub cannot be reached; several lines."""
    folder = place(model.engine, model.name)
    folder = folder.parent if model.engine == "piper" else folder
    names = ", ".join(file.name for file in model.files if file.name != "MODEL_CARD")
    return (
        "  Behind a proxy, set HTTPS_PROXY; where there is a mirror, HF_ENDPOINT=https://its.address. Then run it\n"
        "  again: what has come is kept. Without a network, copy these files from a machine that has one:\n"
        f"    {names}\n"
        f"    from {model_hub.endpoint()}/{model.page}\n"
        f"    to   {folder}{os.sep}"
    )


def _piece(model: Model, file: HubFile, staging: Path, timeout_s: float) -> _Piece:
    remote = model_hub.ask(model, file, timeout_s)
    if file.sha256 and len(remote.etag) == 64 and remote.etag != file.sha256:
        raise EngineUnavailable(f"the hub offers another {file.name} than the catalogue knows: sha256 {remote.etag}")
    if file.size is not None and remote.size != file.size:
        raise EngineUnavailable(
            f"the hub offers another {file.name} than the catalogue knows: {remote.size} bytes, not {file.size}"
        )
    # Under its checksum, so that only parts of the same file are joined.
    return _Piece(file, remote, staging / f"{file.name}.{remote.etag[:16]}")


def _check_room(model: Model, pieces: list[_Piece]) -> None:
    wanted = sum(piece.remote.size - piece.have for piece in pieces)
    free = shutil.disk_usage(models_folder()).free
    if wanted + SPARE_BYTES > free:
        raise EngineUnavailable(
            f"it needs {megabytes(wanted)} in {models_folder()}, where {megabytes(free)} are free. {_MORE_ROOM}"
        )


def _checked(model: Model, piece: _Piece) -> str:
    """The SHA-256 of a file that has come, once it is seen to be the right one; a wrong one is removed."""
    sums = checksums(piece.part, piece.remote.size)
    expected = {"sha256": piece.file.sha256, "md5": piece.file.md5}
    expected |= {"sha256": piece.remote.etag} if len(piece.remote.etag) == 64 else {}
    expected |= {"git": piece.remote.etag} if len(piece.remote.etag) == 40 else {}
    for kind, value in expected.items():
        if value and sums[kind] != value:
            piece.part.unlink()
            raise EngineUnavailable(
                f"{piece.file.name} was damaged on its way: its {kind} checksum is {sums[kind]}, not {value}. "
                f"It is thrown away; run it again: voicesrv models pull {model}"
            )
    return sums["sha256"]


def _record(model: Model, pieces: list[_Piece], sums: dict[str, str]) -> dict[str, Any]:
    return {
        "repo": model.repo,
        "commit": pieces[0].remote.commit,
        "licence": model.licence,
        "pulled": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {_local(model, name): {"sha256": value} for name, value in sums.items()},
    }


def _local(model: Model, name: str) -> str:
    """The name that a file gets; voices lie side by side, so each needs a model card of its own."""
    return f"{model.name}.MODEL_CARD" if name == "MODEL_CARD" else name


def _appear(model: Model, staging: Path, pieces: list[_Piece], record: dict[str, Any]) -> None:
    """Move what was downloaded to its place; the step that makes it seen is the last, and is one step."""
    whole = staging / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    for piece in pieces:
        piece.part.rename(whole / _local(model, piece.file.name))
    told = record_file(model.engine, model.name)
    (whole / told.name).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    target = place(model.engine, model.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    if model.engine == "piper":
        target.unlink(missing_ok=True)  # a broken one is not to be seen with the new one's description
        for path in sorted(whole.iterdir(), key=lambda path: path.name == target.name):  # the voice itself last
            path.replace(target.with_name(path.name))
    else:
        if target.exists():
            target.rename(staging / "replaced")
        whole.rename(target)
    shutil.rmtree(staging, ignore_errors=True)
    staging.with_name(f"{model.name}.lock").unlink(missing_ok=True)
