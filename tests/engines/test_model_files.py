"""Models are found by name in the user's folder, or by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicesrv.engines import model_files
from voicesrv.errors import EngineUnavailable


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds two Whisper models, one half a download without ``model.bin``, and no voice."""
    for name in ("whisper/small", "whisper/base.en", "whisper/half", "piper"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("small", "base.en"):
        (tmp_path / "whisper" / name / "model.bin").touch()
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    return tmp_path


def test_names_and_paths(folder: Path) -> None:
    assert list(model_files.whisper_models()) == ["base.en", "small"]
    assert model_files.find("whisper", "small") == folder / "whisper" / "small"
    assert model_files.find("whisper", "") == folder / "whisper" / "base.en"
    assert model_files.find("whisper", str(folder / "whisper" / "half")) == folder / "whisper" / "half"


@pytest.mark.parametrize(
    ("engine", "name", "message"),
    [
        ("whisper", "half", r"'half' is not in .*whisper, which has base.en, small"),
        ("whisper", "../whisper/none", r"there is no '../whisper/none'"),
        ("piper", "amy", r"'amy' is not in .*piper, which has none"),
        ("piper", "", r"no model is in .*piper"),
    ],
)
def test_what_is_not_there_is_told_with_where_it_was_looked_for(
    folder: Path, engine: str, name: str, message: str
) -> None:
    with pytest.raises(EngineUnavailable, match=message):
        model_files.find(engine, name)


def test_an_engine_without_a_model_is_not_installed(folder: Path) -> None:
    assert model_files.installed("whisper") and model_files.installed("espeak")
    assert not model_files.installed("piper")
    (folder / "piper" / "amy.onnx").touch()
    assert model_files.installed("piper") and list(model_files.piper_voices()) == ["amy"]


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert model_files.models_folder() == tmp_path / "voicesrv" / "models"
    monkeypatch.setenv("VOICESRV_MODELS", "~/models")
    assert model_files.models_folder() == Path.home() / "models"
