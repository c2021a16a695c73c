"""Servers with a self-signed certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.cli.end_to_end import null_server
from tests.client.wire import CERTIFICATE, self_signed, wire_to
from voicesrv_client import Closed, Unreachable, Untrusted, Upkeep, VoiceClient
from voicesrv_client.events import Pong, Ready
from voicesrv_client.tls import trusting, trusting_anyone

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("trust", [trusting(CERTIFICATE), trusting(str(CERTIFICATE)), trusting_anyone()])
async def test_a_conversation_with_whom_one_trusts(trust: ssl.SSLContext) -> None:
    upkeep = Upkeep(jitter=lambda: 0.0)
    async with (
        null_server() as server,
        wire_to(server, self_signed()) as (wire, url),
        VoiceClient(url, ssl=trust, upkeep=upkeep) as client,
    ):
        assert url.startswith("https:")
        events = aiter(client)
        first = await anext(events)
        wire.cut()
        back = await anext(events)  # trusted when it comes back, too
        assert isinstance(first, Ready) and isinstance(back, Ready)
        assert first.conversation == back.conversation
        await client.ping(1)
        assert await anext(events) == Pong(1, seq=2)


async def test_nobody_is_trusted_unasked() -> None:
    async with null_server() as server, wire_to(server, self_signed()) as (_, url):
        with pytest.raises(Untrusted, match=r"certificate of 127\.0\.0\.1:\d+ is not trusted: self-signed certificate"):
            async with VoiceClient(url):
                pass


async def test_who_is_trusted_no_more_is_not_waited_for() -> None:
    trust = trusting_anyone()
    async with (
        null_server() as server,
        wire_to(server, self_signed()) as (wire, url),
        VoiceClient(url, ssl=trust, upkeep=Upkeep(jitter=lambda: 0.0)) as client,
    ):
        events = aiter(client)
        assert isinstance(await anext(events), Ready)
        trust.verify_mode = ssl.CERT_REQUIRED
        wire.cut()
        with pytest.raises(Untrusted):
            await anext(events)
        with pytest.raises(Closed):
            await client.cancel()


async def test_tls_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="neither"):
        VoiceClient("http://127.0.0.1:8000", ssl=trusting_anyone())
    async with null_server() as url:
        with pytest.raises(Unreachable):
            async with VoiceClient(url.replace("http", "https"), ssl=trusting_anyone()):
                pass


def test_what_is_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        trusting(tmp_path / "none.pem")
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(ssl.SSLError):
        trusting(tmp_path / "empty.pem")
