"""A model appears whole or not at all; what goes wrong before leaves what is there as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.hub_server import COMMIT, LARGE, Hub, point_at, running_hub
from voicesrv.engines import model_files, model_hub, model_pull, model_store
from voicesrv.engines.model_catalogue import HubFile, Model
from voicesrv.errors import EngineUnavailable

WEIGHTS = b"w" * LARGE
NAMES = ("config.json", "tokenizer.json", "model.bin")
FILES = tuple(HubFile(name, sha256=hashlib.sha256(WEIGHTS).hexdigest() * (name == "model.bin")) for name in NAMES)
MODEL = Model("whisper", "micro", "us/micro", COMMIT, "MIT", "", (), 1, 1, 0, FILES)


class Told:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.come = 0
        self.seen: list[bool] = []
        """Whether the model was to be seen, at each piece and as it was checked."""

    def begin(self, model: Model, total: int, have: int) -> None:
        self.begun.append((total, have))

    def advance(self, n_bytes: int) -> None:
        self.come += n_bytes
        self.seen.append("micro" in model_files.whisper_models())

    def check(self, model: Model) -> None:
        self.seen.append("micro" in model_files.whisper_models())


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    with running_hub() as hub:
        point_at(hub.url, monkeypatch)
        hub.files |= {f"us/micro/{name}": b"{}" for name in NAMES} | {"us/micro/model.bin": WEIGHTS}
        yield hub


def test_it_is_seen_when_it_is_whole(hub: Hub, tmp_path: Path) -> None:
    told = Told()
    assert model_pull.pull(MODEL, told)
    assert told.begun == [(LARGE + 4, 0)] and told.come == LARGE + 4
    assert set(told.seen) == {False} and list(model_files.whisper_models()) == ["micro"]
    assert sorted(path.name for path in (tmp_path / "whisper" / "micro").iterdir()) == sorted([*NAMES, "voicesrv.json"])
    assert model_store.verify("whisper", "micro")
    assert not model_pull.pull(MODEL, told), "once is enough"


def test_a_part_of_an_earlier_try_counts(hub: Hub) -> None:
    part = model_store.staging_folder("whisper", "micro") / f"model.bin.{FILES[2].sha256[:16]}"
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS[:1000])
    told = Told()
    assert model_pull.pull(MODEL, told)
    assert told.begun == [(LARGE + 4, 1000)] and told.come == LARGE + 4 - 1000


def test_what_is_here_and_broken_is_replaced(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "whisper" / "micro").mkdir(parents=True)
    (tmp_path / "whisper" / "micro" / "model.bin").write_bytes(b"half")
    assert model_pull.pull(MODEL, Told())
    assert (tmp_path / "whisper" / "micro" / "model.bin").read_bytes() == WEIGHTS


def test_another_size_than_the_catalogues_is_refused_before_it_is_fetched(hub: Hub) -> None:
    other = replace(MODEL, files=(replace(FILES[0], size=3), *FILES[1:]))
    with pytest.raises(EngineUnavailable, match=r"offers another config\.json .* 2 bytes, not 3"):
        model_pull.pull(other, Told())
    assert all(method == "HEAD" for method, _, _ in hub.asked)


def test_another_file_than_the_catalogues_is_refused_before_it_is_fetched(hub: Hub) -> None:
    other = replace(MODEL, files=(*FILES[:2], replace(FILES[2], sha256="0" * 64)))
    with pytest.raises(EngineUnavailable, match=r"whisper:micro: the hub offers another model\.bin"):
        model_pull.pull(other, Told())
    assert hub.ranges() == []


def test_a_folder_that_cannot_be_written_to_is_named(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path / "file"))
    with pytest.raises(EngineUnavailable, match=r"whisper:micro: .*/file cannot be written to: "):
        model_pull.pull(MODEL, Told())


def test_while_another_process_pulls_it_nothing_is_done(hub: Hub) -> None:
    staging = model_store.staging_folder("whisper", "micro")
    staging.mkdir(parents=True)
    with (
        model_hub.alone(staging.with_name("micro.lock")),
        pytest.raises(EngineUnavailable, match="whisper:micro: it is being downloaded by another process"),
    ):
        model_pull.pull(MODEL, Told())
    assert hub.asked == []
