"""The hub is asked and its files fetched, by the real huggingface_hub, from a small hub on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.hub_server import COMMIT, LARGE, Hub, point_at, running_hub
from voicesrv.engines import model_hub
from voicesrv.engines.model_catalogue import HubFile, Model
from voicesrv.engines.model_hub import HubUnreachable, Remote
from voicesrv.errors import EngineUnavailable

DATA = bytes(range(256)) * (2 * LARGE // 256)
WEIGHTS = HubFile("model.bin")
MODEL = Model("whisper", "micro", "us/micro", COMMIT, "MIT", "", (), 1, 1, 0, (WEIGHTS,))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(model_hub, "_WAIT_S", 0.0)
    with running_hub() as hub:
        point_at(hub.url, monkeypatch)
        hub.files["us/micro/model.bin"] = DATA
        yield hub


def fetched(remote: Remote, part: Path) -> list[int]:
    """Fetch, and tell the pieces' sizes."""
    sizes: list[int] = []
    model_hub.fetch(MODEL, WEIGHTS, remote, part, sizes.append)
    return sizes


def test_it_tells_size_checksum_and_commit(hub: Hub) -> None:
    remote = model_hub.ask(MODEL, WEIGHTS)
    assert (remote.size, len(remote.etag), remote.commit) == (len(DATA), 64, COMMIT)
    assert remote.url == f"{hub.url}/us/micro/resolve/{COMMIT}/model.bin"


@pytest.mark.parametrize("ignores_range", [False, True])
@pytest.mark.parametrize("have", [0, 1, 70_000, len(DATA)])
def test_a_fetch_goes_on_where_the_part_ends(hub: Hub, tmp_path: Path, have: int, ignores_range: bool) -> None:
    hub.ignores_range = ignores_range
    part = tmp_path / "part"
    part.write_bytes(DATA[:have])
    assert sum(fetched(model_hub.ask(MODEL, WEIGHTS), part)) == len(DATA) - have
    assert part.read_bytes() == DATA
    assert hub.ranges() == ([] if have == len(DATA) else [f"bytes={have}-" if have else ""])


def test_no_more_is_taken_than_the_hub_said(hub: Hub, tmp_path: Path) -> None:
    remote = replace(model_hub.ask(MODEL, WEIGHTS), size=1000)
    part = tmp_path / "part"
    with pytest.raises(EngineUnavailable, match=r"more comes of model\.bin than the 1000 bytes") as caught:
        fetched(remote, part)
    assert not isinstance(caught.value, HubUnreachable)
    assert part.read_bytes() == b"" and len(hub.ranges()) == 1


def test_a_connection_that_brings_nothing_is_tried_a_few_times(hub: Hub, tmp_path: Path) -> None:
    remote = model_hub.ask(MODEL, WEIGHTS)
    hub.answers = {"model.bin": (500, "")}
    with pytest.raises(HubUnreachable, match=r"us/micro answers 500 for model\.bin"):
        fetched(remote, tmp_path / "part")
    assert [method for method, _, _ in hub.asked].count("GET") == model_hub.TRIES + 1


def test_a_refusal_is_not_tried_again(hub: Hub, tmp_path: Path) -> None:
    remote = model_hub.ask(MODEL, WEIGHTS)
    hub.answers = {"model.bin": (403, "GatedRepo")}
    with pytest.raises(EngineUnavailable, match="accepted its terms") as caught:
        fetched(remote, tmp_path / "part")
    assert not isinstance(caught.value, HubUnreachable)
    assert [method for method, _, _ in hub.asked].count("GET") == 1


def test_one_that_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        point_at(f"http://127.0.0.1:{silent.getsockname()[1]}", monkeypatch)
        with pytest.raises(HubUnreachable, match=r"does not answer within 0\.2 s|cannot be reached"):
            model_hub.ask(MODEL, WEIGHTS, 0.2)


def test_something_that_is_no_hub_is_told(hub: Hub) -> None:
    hub.answers = {"model.bin": (200, "")}  # as a login page of a hotel answers to everything
    with pytest.raises(HubUnreachable, match="answers, but not as a hub does"):
        model_hub.ask(MODEL, WEIGHTS)


def test_only_one_may_be_alone(tmp_path: Path) -> None:
    with model_hub.alone(tmp_path / "lock"):
        with pytest.raises(EngineUnavailable, match="by another process"), model_hub.alone(tmp_path / "lock"):
            pytest.fail("two are alone")
        with pytest.raises(TimeoutError, match="mine"), model_hub.alone(tmp_path / "other"):
            raise TimeoutError("mine")
