"""Snapshots on disk: found again, for a time, by their owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from voicesrv.stores.files import FileStore


def test_a_snapshot_is_found_again_until_it_is_dropped(tmp_path: Path) -> None:
    FileStore(tmp_path / "state").put("cv_1", {"said": "hé"}, keep_s=60)
    store = FileStore(tmp_path / "state")  # another process
    assert store.get("cv_1") == {"said": "hé"}
    store.drop("cv_1")
    assert store.get("cv_1") is None
    store.drop("cv_1")


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    FileStore(folder).put("cv_1", {}, keep_s=60)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]


def test_what_is_over_is_gone_and_swept(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put("old", {}, keep_s=-1)
    store.put("new", {}, keep_s=60)
    (tmp_path / "broken.json").write_text("{")
    assert store.get("old") is None
    store.sweep()
    assert [path.name for path in tmp_path.iterdir()] == ["new.json"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"until": 1e12}', '{"until": 1e12, "conversation": []}', "[" * 10000]
)
def test_a_damaged_file_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "cv.json").write_text(text)
    assert FileStore(tmp_path).get("cv") is None


@pytest.mark.parametrize("id", ["../x", "a/b", "", "x" * 65, "a\0"])
def test_an_id_is_no_path(tmp_path: Path, id: str) -> None:
    with pytest.raises(ValueError, match="no conversation's id"):
        FileStore(tmp_path).get(id)


def test_what_another_process_is_writing_may_vanish_under_the_sweep(tmp_path: Path) -> None:
    """Both use one folder: a part is renamed at any time, here between the listing and the look at it."""
    (tmp_path / "gone.part").symlink_to(tmp_path / "nowhere")  # listed, and not to be found
    store = FileStore(tmp_path)
    store.put("old", {}, keep_s=-1)
    store.sweep()
    assert not (tmp_path / "old.json").exists()
