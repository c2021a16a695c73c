"""What the first run wants; that it gets it is in ``test_models.py``, as a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voicesrv.cli import models_first_run
from voicesrv.cli.models_first_run import begin
from voicesrv.engines.machine import Machine
from voicesrv.engines.model_catalogue import Model
from voicesrv.errors import EngineUnavailable


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The models that would be pulled, on a small machine whose folder is empty."""
    names: list[str] = []

    def pull(model: Model, show: object, timeout_s: float) -> bool:
        assert timeout_s == models_first_run.ANSWER_S
        names.append(str(model))
        return True

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models_first_run, "pull", pull)
    monkeypatch.setattr(models_first_run, "this_machine", lambda: Machine(2, 8192, 0))
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    return names


def test_the_pair_of_the_language(pulled: list[str], tmp_path: Path) -> None:
    begin(None, language="de")
    assert pulled == ["whisper:tiny", "piper:de_DE-thorsten-medium"]
    begin(None, language="de")
    assert len(pulled) == 2, "once"


def test_nothing_is_begun_where_the_server_has_ended_already(pulled: list[str], tmp_path: Path) -> None:
    begin(None, beside=os.getpid())  # which is not the parent, as of an orphan
    assert pulled == [] and not (tmp_path / ".first-run").exists(), "the next server is for it"
    begin(None, beside=os.getppid())
    assert len(pulled) == 2


def test_settings_of_a_file_count(pulled: list[str], tmp_path: Path) -> None:
    (tmp_path / "voicesrv.toml").write_text('stt = "pocketsphinx"\nlanguage = "en-GB"\n')
    begin(None)
    assert pulled == ["piper:en_GB-cori-medium"]


def test_broken_settings_are_for_the_server_to_tell(
    pulled: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "voicesrv.toml").write_text("port = 'none'\n")
    begin(None)
    assert pulled == [] and capsys.readouterr().err == ""
    assert not (tmp_path / ".first-run").exists()


def test_a_failure_is_told_and_not_tried_again(
    pulled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pull(model: Model, show: object, timeout_s: float) -> bool:
        raise EngineUnavailable(f"{model}: the disk is full")

    monkeypatch.setattr(models_first_run, "pull", pull)
    begin(None)
    assert "whisper:tiny.en: the disk is full. Later: voicesrv models pull recommended" in capsys.readouterr().err
    begin(None)
    assert capsys.readouterr().err == ""
