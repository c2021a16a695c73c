"""What callers measured, and its way from process to process: a file."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass, field, fields
from pathlib import Path


@dataclass(slots=True)
class Samples:
    """What callers measured, in ms; ``Spread`` is made of it."""

    voice_to_voice: array[float] = field(default_factory=lambda: array("d"))
    transcript: array[float] = field(default_factory=lambda: array("d"))
    late: array[float] = field(default_factory=lambda: array("d"))
    clear: array[float] = field(default_factory=lambda: array("d"))
    pong: array[float] = field(default_factory=lambda: array("d"))
    generator_late: array[float] = field(default_factory=lambda: array("d"))
    turns: int = 0
    lost: int = 0
    failed: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    """What failed, counted by kind."""

    def fail(self, kind: str) -> None:
        """Count a failure."""
        self.failed += 1
        self.faults[kind] = self.faults.get(kind, 0) + 1

    def lose(self, kind: str, breaks: int) -> None:
        """Count breaks in what should be whole."""
        self.lost += breaks
        self.faults[f"lost {kind}"] = self.faults.get(f"lost {kind}", 0) + breaks

    def write(self, path: Path) -> None:
        """Write everything as JSON; the file is there once it is whole.

        Raises:
            OSError: it cannot be written.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        part = path.with_suffix(".part")
        part.write_text(json.dumps({name: list(v) if isinstance(v, array) else v for name, v in values.items()}))
        part.replace(path)

    def add(self, path: Path) -> None:
        """Add what another process wrote.

        Raises:
            OSError: there is nothing, or it cannot be read.
        """
        for name, value in json.loads(path.read_text()).items():
            mine = getattr(self, name)
            if isinstance(mine, array):
                mine.extend(value)
            elif isinstance(mine, dict):
                mine.update({kind: mine.get(kind, 0) + n for kind, n in value.items()})
            else:
                setattr(self, name, mine + value)
