"""What callers measured, and its way from process to process."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass, field, fields


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

    def to_json(self) -> str:
        """Write everything as one line of JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return json.dumps({name: list(v) if isinstance(v, array) else v for name, v in values.items()})

    def add_json(self, line: str) -> None:
        """Add what another process wrote with ``to_json``."""
        for name, value in json.loads(line).items():
            mine = getattr(self, name)
            if isinstance(mine, array):
                mine.extend(value)
            elif isinstance(mine, dict):
                mine.update({kind: mine.get(kind, 0) + n for kind, n in value.items()})
            else:
                setattr(self, name, mine + value)
