"""The recordings of the tests, as workers are sent them."""

from __future__ import annotations

import wave
from pathlib import Path

SPEECH = Path(__file__).parents[2] / "data" / "speech"


def samples_of(name: str) -> bytes:
    """A recording's samples: linear16 at 16 kHz."""
    with wave.open(str(SPEECH / name)) as reader:
        return reader.readframes(reader.getnframes())
