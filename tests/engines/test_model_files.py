"""Models are found by name in the user's folder, or by path; of several the one that suits is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicesrv.engines import model_files
from voicesrv.engines.machine import Machine
from voicesrv.errors import EngineUnavailable

LAPTOP = Machine(cpus=2, ram_mb=8192, gpu_mb=0)
GPU = Machine(cpus=16, ram_mb=131072, gpu_mb=16384)


def put(folder: Path, *names: str) -> None:
    """Make empty files that look like models."""
    for name in names:
        engine, _, short = name.partition(":")
        if engine == "piper":
            paths = [folder / "piper" / f"{short}.onnx", folder / "piper" / f"{short}.onnx.json"]
        else:
            paths = [folder / "whisper" / short / file for file in model_files.WHISPER_FILES]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds two Whisper models, one half a download without ``tokenizer.json``, and no voice."""
    put(tmp_path, "whisper:small", "whisper:base.en", "whisper:half")
    (tmp_path / "whisper" / "half" / "tokenizer.json").unlink()
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", [".", "..", "../whisper", ".hidden", "-rf", "a b", "small\n", "a\0b"])
def test_what_is_no_name_lies_nowhere(folder: Path, name: str) -> None:
    with pytest.raises(EngineUnavailable, match="is no name of a model"):
        model_files.place("whisper", name)


def test_folders_whose_names_are_none_are_taken_by_path_alone(folder: Path) -> None:
    put(folder, "whisper:my model", "piper:.voice")
    assert list(model_files.whisper_models()) == ["base.en", "small"] and model_files.piper_voices() == {}
    assert model_files.find("whisper", f"{folder}/whisper/my model").name == "my model"


def test_names_and_paths(folder: Path) -> None:
    assert list(model_files.whisper_models()) == ["base.en", "small"], "what is not whole is not there for auto"
    assert model_files.find("whisper", "small") == folder / "whisper" / "small"
    assert model_files.find("whisper", str(folder / "whisper" / "base.en")) == folder / "whisper" / "base.en"


@pytest.mark.parametrize(
    ("engine", "name", "message"),
    [
        ("whisper", "nobody", r"'nobody' is not in .*whisper, which has base.en, small$"),
        ("whisper", "tiny", r"which has base.en, small; get it: voicesrv models pull whisper:tiny$"),
        (
            "whisper",
            "half",
            r"the model half has no tokenizer.json: it is half a download.*voicesrv models pull whisper",
        ),
        ("whisper", "../whisper/none", r"there is no '../whisper/none'"),
        ("whisper", "en_US-lessac-medium", r"is a model of piper: name it piper:en_US-lessac-medium"),
        ("piper", "base.en", r"'base.en' is a model of whisper: name it whisper:base.en"),
        ("piper", "amy", r"'amy' is not in .*piper, which has none$"),
        ("piper", "", r"no model is in .*piper; get one: voicesrv models pull recommended"),
    ],
)
def test_what_is_not_there_is_told_with_what_to_do(folder: Path, engine: str, name: str, message: str) -> None:
    with pytest.raises(EngineUnavailable, match=message):
        model_files.find(engine, name)


def test_a_model_of_another_engine_is_told_by_its_files(folder: Path) -> None:
    put(folder, "piper:amy")
    strange = folder / "whisper" / "amy"
    strange.mkdir()
    (folder / "piper" / "amy.onnx").rename(strange / "amy.onnx")
    for engine, path, message in (
        ("whisper", strange, r"holds amy.onnx, which is another engine's; a piper voice belongs into .*piper"),
        ("whisper", strange / "amy.onnx", r"is a piper voice, or another engine's; a model is a folder"),
        ("piper", folder / "whisper" / "small", r"small is a Whisper model; a voice is a file that ends in .onnx"),
        ("piper", strange, r"is no file; a voice is a file"),
        ("piper", strange / "amy.onnx", r"amy.onnx has no amy.onnx.json beside it"),
        ("piper", folder / "piper" / "amy.onnx.json", r"is no voice"),
    ):
        with pytest.raises(EngineUnavailable, match=message):
            model_files.find(engine, str(path))


def test_a_voice_without_its_description_is_not_there(folder: Path) -> None:
    put(folder, "piper:en_US-lessac-medium")
    (folder / "piper" / "en_US-lessac-medium.onnx.json").unlink()
    assert model_files.piper_voices() == {}
    with pytest.raises(EngineUnavailable, match=r"get it anew: voicesrv models pull piper:en_US-lessac-medium"):
        model_files.find("piper", "en_US-lessac-medium")


def test_an_engine_without_a_model_is_not_installed(folder: Path) -> None:
    assert model_files.installed("whisper") and model_files.installed("espeak")
    assert not model_files.installed("piper")
    put(folder, "piper:amy")
    assert model_files.installed("piper") and list(model_files.piper_voices()) == ["amy"]


@pytest.mark.parametrize(
    ("machine", "language", "names", "taken"),
    [
        (LAPTOP, "en", "base.en tiny.en large-v3", "tiny.en"),
        (GPU, "en", "base.en tiny.en large-v3", "large-v3"),
        (LAPTOP, "de", "base.en tiny.en large-v3", "large-v3"),
        (LAPTOP, "de", "base.en tiny large-v3", "tiny"),
        (LAPTOP, "auto", "tiny.en tiny", "tiny"),
        (LAPTOP, "en", "a-finetune tiny.en", "tiny.en"),
        (LAPTOP, "en", "a-finetune b-finetune", "a-finetune"),
        (LAPTOP, "en", "a-finetune large-v3", "a-finetune"),
        (LAPTOP, "en", "large-v3", "large-v3"),
    ],
)
def test_the_best_whisper_model_that_suits_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine, language: str, names: str, taken: str
) -> None:
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    put(tmp_path, *(f"whisper:{name}" for name in names.split()))
    assert model_files.preferred("whisper", language, machine) == taken


@pytest.mark.parametrize(
    ("language", "taken"),
    [
        ("en", "en_US-lessac-medium"),
        ("en-GB", "en_GB-mine-low"),
        ("de", "de_DE-thorsten-medium"),
        ("de-AT", "de_DE-thorsten-medium"),
        ("auto", "en_US-lessac-medium"),
        ("ja", "en_US-lessac-medium"),
    ],
)
def test_a_voice_of_the_language_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, taken: str
) -> None:
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    put(tmp_path, "piper:de_DE-thorsten-medium", "piper:en_GB-mine-low", "piper:en_US-lessac-medium")
    assert model_files.preferred("piper", language, LAPTOP) == taken
    assert model_files.preferred("espeak", language, LAPTOP) == ""


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert model_files.models_folder() == tmp_path / "voicesrv" / "models"
    monkeypatch.setenv("VOICESRV_MODELS", "~/models")
    assert model_files.models_folder() == Path.home() / "models"
