from __future__ import annotations

import dataclasses

import pytest

from tests.hostile.raw import upgraded
from tests.transport.apps import EchoApp
from voicesrv.transport.server import running
from voicesrv.transport.wire import ServerOptions, wire_of


@pytest.mark.anyio
async def test_our_server_puts_the_wire_into_the_scope() -> None:
    app = EchoApp()
    async with running(app) as url, upgraded(url):
        wire = await app.wires.get()
        assert wire.write_buffer_size() == 0
        assert wire.farewell is None


def test_another_server_has_no_wire() -> None:
    with pytest.raises(KeyError):
        wire_of({"type": "websocket", "extensions": {}})


def test_options_cannot_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ServerOptions().port = 1  # type: ignore[misc]
