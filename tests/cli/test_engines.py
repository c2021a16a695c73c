"""``voicesrv engines``: what is listed, and what is told of one engine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from voicesrv.cli.engines import engines, options_of
from voicesrv.errors import ClientError

app = typer.Typer()
app.command()(engines)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings file."""
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_all_engines_are_listed_with_what_they_are() -> None:
    rows = {(row["kind"], row["name"]): row for row in json.loads(run("--json"))}
    assert {("vad", "webrtc"), ("stt", "pocketsphinx"), ("llm", "echo"), ("tts", "espeak")} <= set(rows)
    assert rows["llm", "echo"]["about"] == "Says back the last thing said to it, word by word and without delay."


def test_the_table_has_a_row_for_each() -> None:
    lines = run().splitlines()
    assert lines[0].split()[:2] == ["kind", "name"]
    assert sum(line.split()[:2] == ["llm", "echo"] for line in lines) == 1


def test_one_engine_is_told_with_capabilities_and_options() -> None:
    told = json.loads(run("null", "--json"))
    assert list(told) == ["vad", "stt", "llm", "tts"]
    assert told["tts"]["capabilities"]["voices"] == ["tone"]
    assert told["tts"]["options"]["tts_first_ms"] == ["20.0", "From the request to the first audio."]
    shown = run("null")
    assert "[engines.null] tts_first_ms = 20.0" in shown
    assert "voices: tone" in shown


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ClientError, match="'nope' is no engine here; there are echo, "):
        run("nope")


@dataclass(frozen=True)
class Options:
    """Options of an engine."""

    workers: int = 2
    """Worker processes, at most
    one a processor."""
    silent: bool = False
    path: str = "/models"
    """Where models lie."""


def test_meanings_are_the_docstrings_below_the_fields() -> None:
    assert options_of(Options) == {
        "workers": ("2", "Worker processes, at most one a processor."),
        "silent": ("false", ""),
        "path": ('"/models"', "Where models lie."),
    }
