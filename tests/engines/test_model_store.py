"""Models on disk are checked by their record or the catalogue, and deleted with all that belongs to them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from voicesrv.engines import model_store
from voicesrv.errors import EngineUnavailable

VOICE = "en_US-lessac-medium"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds a voice of the catalogue's name, with other contents, and no record."""
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    (tmp_path / "piper").mkdir()
    (tmp_path / "piper" / f"{VOICE}.onnx").write_bytes(b"weights")
    (tmp_path / "piper" / f"{VOICE}.onnx.json").write_text("{}")
    return tmp_path


def test_checksums_are_those_that_others_compute(tmp_path: Path) -> None:
    (tmp_path / "hello").write_bytes(b"hello\n")
    assert model_store.checksums(tmp_path / "hello", 6) == {
        "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",  # sha256sum
        "md5": "b1946ac92492d2347c6235b4d2611184",  # md5sum
        "git": "ce013625030ba8dba906f756967f9e9ca394464a",  # git hash-object
    }


def test_a_copied_model_is_checked_by_the_catalogue(folder: Path) -> None:
    with pytest.raises(EngineUnavailable, match=rf"{VOICE}.onnx is damaged: its md5.*models pull piper:{VOICE}"):
        model_store.verify("piper", VOICE)


def test_a_pulled_model_is_checked_by_its_record(folder: Path) -> None:
    record = model_store.record_file("piper", VOICE)
    assert record == folder / "piper" / f"{VOICE}.voicesrv.json"
    sums = {f"{VOICE}.onnx": {"sha256": hashlib.sha256(b"weights").hexdigest()}}
    record.write_text(json.dumps({"files": sums}))
    assert model_store.verify("piper", VOICE)
    record.write_text(json.dumps({"files": sums | {"lost.bin": {"sha256": "0"}}}))
    with pytest.raises(EngineUnavailable, match=r"lost\.bin is missing"):
        model_store.verify("piper", VOICE)
    record.write_text("{half")
    with pytest.raises(EngineUnavailable, match="its md5 checksum"):
        model_store.verify("piper", VOICE)


def test_of_a_model_of_ones_own_no_checksum_is_known(folder: Path) -> None:
    for end in ("", ".json"):
        (folder / "piper" / f"{VOICE}.onnx{end}").rename(folder / "piper" / f"mine.onnx{end}")
    assert not model_store.verify("piper", "mine")
    with pytest.raises(EngineUnavailable, match="is not in"):
        model_store.verify("piper", VOICE)


def test_removing_takes_all_that_belongs_to_it_and_nothing_else(folder: Path) -> None:
    (folder / "piper" / f"{VOICE}.MODEL_CARD").write_text("card")
    (folder / "piper" / "mine.onnx").write_bytes(b"mine")
    partial = model_store.staging_folder("piper", VOICE)
    partial.mkdir(parents=True)
    (partial / "weights.0123").write_bytes(bytes(100))
    assert model_store.waiting("piper") == {VOICE: 100} and model_store.waiting("whisper") == {}
    assert model_store.remove("piper", VOICE) == len(b"weights" + b"{}" + b"card") + 100
    assert [path.name for path in (folder / "piper").iterdir()] == ["mine.onnx"]
    assert model_store.waiting("piper") == {}
    with pytest.raises(EngineUnavailable, match=f"piper:{VOICE} is not here"):
        model_store.remove("piper", VOICE)


def test_a_linked_model_is_unlinked_and_not_deleted(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "model.bin").write_bytes(b"precious")
    (folder / "whisper").mkdir()
    (folder / "whisper" / "mine").symlink_to(elsewhere)
    assert model_store.remove("whisper", "mine") == 0
    assert (elsewhere / "model.bin").read_bytes() == b"precious" and not (folder / "whisper" / "mine").exists()
