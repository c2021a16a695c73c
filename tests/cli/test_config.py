"""``voicesrv config``: every setting, its value, its origin, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from voicesrv.cli.config import config
from voicesrv.settings import Settings

app = typer.Typer()
app.command()(config)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder with settings of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICESRV_API_KEYS", "canary-one")
    Path("voicesrv.toml").write_text("port = 9000\n[engines.pydantic]\napi_key = 'canary-two'\nbase_url = 'http://x'\n")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "canary" not in done.output
    return done.stdout


def test_as_json_every_setting_has_its_value_and_origin() -> None:
    shown = json.loads(run("--json"))
    assert shown["port"] == {"value": 9000, "origin": "voicesrv.toml"}
    assert shown["host"] == {"value": "127.0.0.1", "origin": "default"}
    assert shown["api_keys"] == {"value": ["**********"], "origin": "VOICESRV_API_KEYS"}
    assert shown["engines.pydantic.base_url"] == {"value": "http://x", "origin": "voicesrv.toml"}
    assert {path.partition(".")[0] for path in shown} == set(Settings.model_fields)


def test_the_table_says_the_same() -> None:
    rows = {cells[0]: cells[1:] for line in run().splitlines() if len(cells := line.split()) == 3}
    assert rows["port"] == ["9000", "voicesrv.toml"]
    assert rows["engines.pydantic.base_url"] == ['"http://x"', "voicesrv.toml"]
    assert rows["engines.pydantic.api_key"] == ['"**********"', "voicesrv.toml"]


def test_mistakes_in_the_environment_are_warned_of_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESRV_PROT", "1")
    done = CliRunner().invoke(app, ["--json"])
    assert done.stderr == "voicesrv: warning: VOICESRV_PROT sets nothing; did you mean VOICESRV_PORT?\n"
    assert json.loads(done.stdout)
