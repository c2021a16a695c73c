from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from voicesrv.transport import state
from voicesrv.transport.state import ServerState


def test_the_date_is_todays_and_made_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000.2
    monkeypatch.setattr(state.time, "time", lambda: now)
    shared = ServerState()
    [(name, value)] = shared.default_headers
    assert name == b"date"
    assert parsedate_to_datetime(value.decode()).timestamp() == 1_800_000_000
    now += 0.5
    assert shared.default_headers[0][1] is value
    now += 0.5
    assert shared.default_headers[0][1] != value


def test_it_is_empty_when_the_last_connection_has_gone() -> None:
    shared = ServerState()
    shared.connections |= {"one", "two"}  # type: ignore[arg-type]  # any objects will do
    for each in ("one", "two"):
        assert not shared.empty.is_set()
        shared.connections.discard(each)  # type: ignore[arg-type]
        shared.left()
    assert shared.empty.is_set()
