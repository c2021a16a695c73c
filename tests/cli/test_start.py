"""What commands begin with: which values are flags, and where warnings go."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicesrv.cli.start import read_settings
from voicesrv.errors import ConfigError


def test_a_flag_that_was_not_given_leaves_the_setting_alone(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("port = 9000\nlead_ms = 500\n")
    settings = read_settings(config, port=None, lead_ms=700)
    assert (settings.port, settings.origin("port")) == (9000, str(config))
    assert (settings.lead_ms, settings.origin("lead_ms")) == (700, "--lead-ms")


def test_warnings_go_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICESRV_HOTS", "1")
    read_settings(None)
    told = capsys.readouterr()
    assert told.err == "voicesrv: warning: VOICESRV_HOTS sets nothing; did you mean VOICESRV_HOST?\n"
    assert told.out == ""


def test_a_mistake_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_settings(tmp_path / "missing.toml")
