from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.test_stats import GOOD
from voicesrv.cli.bench import draw, parsed, write
from voicesrv.errors import ConfigError


def test_parses_numbers_of_conversations() -> None:
    assert parsed("5,1, 20,5") == [1, 5, 20]


@pytest.mark.parametrize("text", ["", "one", "0", "1,-5", "1,,2", "100000"])
def test_refuses_what_are_no_numbers_of_conversations(text: str) -> None:
    with pytest.raises(ConfigError, match=r"-n '.*' is not a list of numbers from 1 to 10000"):
        parsed(text)


def test_says_what_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path / "bench.json", "{}")
    assert (tmp_path / "bench.json").read_text() == "{}"
    with pytest.raises(ConfigError, match="cannot be written"):
        write(tmp_path / "no" / "bench.json", "{}")
    with pytest.raises(ConfigError, match="cannot be written"):
        draw(tmp_path / "no" / "bench.png", [GOOD])


def test_says_what_drawing_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match="--plot needs matplotlib"):
        draw(tmp_path / "bench.png", [GOOD])
