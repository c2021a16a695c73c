"""The command as a process: that it starts at once, and that our faults are one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voicesrv.cli import app as module
from voicesrv.errors import ClientError, Code, ConfigError, EngineUnavailable

VOICESRV = Path(sys.executable).with_name("voicesrv")
COMMANDS = ("serve", "talk", "pipe", "say", "transcribe", "engines", "doctor", "config", "bench")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([VOICESRV, *arguments], capture_output=True, text=True, check=False)


def test_help_names_every_command() -> None:
    said = run("--help").stdout
    assert [command for command in COMMANDS if command not in said] == []


def test_help_loads_nothing_heavy() -> None:
    """What takes long to import is the whole of the half second that --help may take; so look for that."""
    heavy = "numpy", "pydantic", "starlette", "uvicorn", "av", "websockets", "onnxruntime", "matplotlib"
    code = f"import sys, voicesrv.cli.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = CliRunner().invoke(module.app, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.stdout


def test_a_bad_setting_is_one_line_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("port = -1\n")
    done = run("config", "--config", tmp_path / "bad.toml")
    assert done.returncode == 2
    assert done.stderr.startswith("voicesrv: port (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (ClientError(Code.NOT_FOUND, "x"), 2),
        (EngineUnavailable("x"), 1),
    ],
)
def test_our_faults_are_no_tracebacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(module, "app", fail)
    with pytest.raises(SystemExit) as caught:
        module.main()
    assert caught.value.code == code
    assert capsys.readouterr().err == "voicesrv: x\n"
