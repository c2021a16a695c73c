"""``voicesrv doctor``: each finding says whether it is as it should be."""

from __future__ import annotations

import socket
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from voicesrv.cli import doctor as module
from voicesrv.cli.doctor import Finding, doctor, examine, extras, port

app = typer.Typer()
app.command()(doctor)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings with engines that need nothing, and a port that is surely free."""
    monkeypatch.chdir(tmp_path)
    Path("voicesrv.toml").write_text('port = 0\nvad = "null"\nstt = "null"\nllm = "echo"\ntts = "null"\n')


def test_all_is_well_where_it_is() -> None:
    done = CliRunner().invoke(app, [], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "✗" not in done.output
    assert "✓ llm        echo (voicesrv.toml)" in done.output


def test_an_engine_that_cannot_be_had_is_a_fault() -> None:
    Path("voicesrv.toml").write_text('vad = "null"\nstt = "nope"\nllm = "echo"\ntts = "null"\n')
    done = CliRunner().invoke(app, [], catch_exceptions=False)
    assert done.exit_code == 1
    assert "✗ engine" in done.output
    assert "'nope' is no engine here" in done.output


def test_a_broken_setting_ends_the_examination() -> None:
    Path("voicesrv.toml").write_text("port = -1\n")
    *_, last = examine(None)
    assert last.about == "settings"
    assert "port (voicesrv.toml): -1" in last.text
    assert last.well is False


def test_keys_are_counted_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESRV_API_KEYS", "canary-one,canary-two")
    monkeypatch.setenv("OPENAI_API_KEY", "canary-three")
    found = list(examine(None))
    assert Finding("keys", "2 for clients") in found
    assert any("OPENAI_API_KEY" in finding.text for finding in found)
    assert not any("canary" in finding.text for finding in found)


def test_every_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "piper-tts":
            raise PackageNotFoundError
        return "1.2"

    monkeypatch.setattr(module, "version", version)
    found = {finding.text.partition(":")[0]: finding for finding in extras()}
    assert list(found) == ["espeak", "mic", "piper", "pocketsphinx"]
    assert found["espeak"].text == "espeak: espeakng-loader 1.2"
    assert found["piper"] == Finding("extra", "piper: not installed; pip install 'voicesrv[piper]'")


def test_a_port_in_use_is_a_fault() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        assert port("127.0.0.1", number).well is False
    assert port("127.0.0.1", number) == Finding("port", f"127.0.0.1:{number} is free", well=True)


def test_an_address_that_is_not_ours_is_a_fault() -> None:
    found = port("192.0.2.1", 0)  # a documentation address, RFC 5737
    assert found.well is False
    assert "cannot be listened on" in found.text


def test_without_sounddevice_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert [f.text for f in examine(None) if f.about == "audio"] == [
        "no microphone and speaker for voicesrv talk: pip install 'voicesrv[mic]'"
    ]
