"""The models that ``voicesrv models`` knows: what they are, where they come from, and what they need.

The data is in ``catalogue.json`` beside this file. Whisper models are there best first, as far as a conversation goes
(the large ones by their delay on a GPU, the others by size, one for English alone before its sibling for all
languages), and so are the voices of each language; this order decides what ``auto`` takes of several.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from voicesrv.engines.machine import Machine
from voicesrv.errors import ClientError, Code

ENGINES = ("whisper", "piper")
"""Engines whose models can be downloaded; one of each makes a pair."""
RECOMMENDED = "recommended"
"""Stands for the pair that suits this machine."""
_DATA = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a model in its repository on the hub."""

    path: str
    size: int | None = None
    """In bytes; None where it is not known before the hub is asked."""
    sha256: str = ""
    md5: str = ""
    """Checksums in hex that were published, of the weights; empty where none was. Of the small files, and of weights
    without one, the hub states a checksum as they are downloaded."""

    @property
    def name(self) -> str:
        """Without the folders it lies in."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be downloaded."""

    engine: str
    """``whisper`` or ``piper``."""
    name: str
    repo: str
    """``OWNER/NAME`` on the Hugging Face hub."""
    revision: str
    """The commit that is downloaded, so that everybody gets the same."""
    licence: str
    """Of a Whisper model; of the recordings that a voice was made from, and empty where only its model card tells."""
    note: str
    """What one should know before using it; usually empty."""
    languages: tuple[str, ...]
    """BCP-47 tags; empty: all of Whisper's."""
    cpus: int
    """With fewer it does not keep up with one conversation; 0: it takes a GPU."""
    ram_mb: int
    """Memory that a machine should have, in MiB."""
    gpu_mb: int
    """Memory that a GPU should have, in MiB; 0: it makes no use of one."""
    files: tuple[HubFile, ...]

    def __str__(self) -> str:
        return f"{self.engine}:{self.name}"

    @property
    def size(self) -> int:
        """Bytes to download, without files whose size is not known; those are small."""
        return sum(file.size or 0 for file in self.files)

    @property
    def page(self) -> str:
        """Where its files can be seen, below the hub's address."""
        folder = self.files[0].path.rpartition("/")[0]
        return "/".join(filter(None, (self.repo, "tree", self.revision, folder)))

    def suits(self, machine: Machine) -> bool:
        """Whether one conversation should run well; an unknown amount of memory is taken for enough."""
        if self.gpu_mb and machine.gpu_mb >= self.gpu_mb:
            return True
        return 0 < self.cpus <= machine.cpus and (not machine.ram_mb or machine.ram_mb >= self.ram_mb)

    def match(self, language: str) -> int:
        """How well it knows a language: 2 fully, 1 in the accent of another region, 0 not at all.

        Args:
            language: BCP-47 tag; ``auto`` or empty for any, which asks for a Whisper model of all languages.
        """
        if language in ("", "auto"):
            return 2 if not self.languages or self.engine == "piper" else 0
        if not self.languages or language in self.languages:
            return 2
        if not any(_primary(language) == _primary(each) for each in self.languages):
            return 0
        return 2 if self.engine == "whisper" else 1


def _primary(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0].lower()


@lru_cache(maxsize=1)
def catalogue() -> tuple[Model, ...]:
    """All models, in the order of the data."""
    rows: list[dict[str, Any]] = json.loads(_DATA.read_text("utf-8"))["models"]
    return tuple(
        Model(**row | {"languages": tuple(row["languages"]), "files": tuple(HubFile(**file) for file in row["files"])})
        for row in rows
    )


def known(engine: str, name: str) -> Model | None:
    """The entry of a model, or None."""
    return next((model for model in catalogue() if (model.engine, model.name) == (engine, name)), None)


def recommended(machine: Machine, language: str) -> tuple[Model, ...]:
    """The best Whisper model for a machine and the best voice for a language.

    Where nothing suits the machine, the smallest of those that know the language; where no voice speaks the language,
    no voice.
    """
    return tuple(model for engine in ENGINES if (model := _best(engine, machine, language)))


def _best(engine: str, machine: Machine, language: str) -> Model | None:
    able = [model for model in catalogue() if model.engine == engine and model.match(language)]
    if not able:
        return None
    fitting = [model for model in able if model.suits(machine)]
    if not fitting:
        return min(able, key=lambda model: model.size)
    return max(fitting, key=lambda model: model.match(language))  # the first of equals


def named(name: str) -> Model:
    """Find a model by ``ENGINE:NAME``, or by its name alone.

    Raises:
        ClientError: ``not_found``; the message names those that are nearest.
    """
    engine, colon, short = name.partition(":")
    found = [model for model in catalogue() if name == str(model) or (not colon and name == model.name)]
    if found:
        return found[0]
    if colon and engine not in ENGINES:
        raise ClientError(
            Code.NOT_FOUND,
            f"{name[:80]!r}: models are for whisper and piper, such as whisper:base.en; not for {engine!r}",
        )
    other = next((model for model in catalogue() if model.name == short), None)
    if other:
        raise ClientError(Code.NOT_FOUND, f"{short!r} is no model of {engine}; it is {other}")
    names = [model.name for model in catalogue() if not colon or model.engine == engine]
    near = difflib.get_close_matches(short if colon else name, names, n=3, cutoff=0.4)
    nearest = " or ".join(str(model) for each in near for model in catalogue() if model.name == each)
    raise ClientError(
        Code.NOT_FOUND,
        f"{name[:80]!r} is not in the catalogue"
        + (f"; did you mean {nearest}?" if nearest else "")
        + " All of them: voicesrv models",
    )
