from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.client.scripted import Peer, scripted
from tests.client.wire import CERTIFICATE
from voicesrv.app import create_app, server_options
from voicesrv.cli import reach
from voicesrv.cli.reach import Server, is_voicesrv, trust
from voicesrv.errors import ConfigError
from voicesrv.settings import Settings
from voicesrv.transport import certificates
from voicesrv.transport.server import running
from voicesrv_client.events import Ready

pytestmark = pytest.mark.anyio

MODELS = Path(__file__).parents[2] / "models"


@asynccontextmanager
async def http(answer: bytes) -> AsyncIterator[int]:
    """A server that answers every request with these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert request.startswith(b"GET /ws ")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


HOW_TO = b'{"type": "error", "code": "bad_parameter", "usage": "", "parameters": {}, "example": ""}'


@pytest.mark.parametrize(
    ("answer", "ours"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + HOW_TO, True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n{}", False),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", False),
        (b"HTTP/1.1 200 OK\r\n\r\n[]", False),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
        (b"", False),
    ],
)
async def test_knows_a_voicesrv_by_what_it_says(answer: bytes, ours: bool) -> None:
    async with http(answer) as port:
        assert await asyncio.to_thread(is_voicesrv, "127.0.0.1", port) is ours


async def test_nobody_there_is_none() -> None:
    async with http(b"") as port:
        pass
    assert await asyncio.to_thread(is_voicesrv, "127.0.0.1", port) is False


async def listen(peer: Peer) -> None:
    assert peer.query == {"mode": "listen"}
    await peer.ready()
    await peer.socket.wait_closed()


async def test_talks_to_the_server_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(host: str, port: int) -> bool:
        raise AssertionError

    monkeypatch.setattr(reach, "is_voicesrv", unexpected)
    async with scripted(listen) as url, Server(url, None, None).connected({"mode": "listen"}) as client:
        assert client.conversation == "c1"


async def test_talks_to_the_server_that_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Callable[[str, int], bool] = lambda host, port: True  # noqa: E731
    monkeypatch.setattr(reach, "is_voicesrv", answers)
    async with scripted(listen) as url:
        monkeypatch.setattr(reach, "PORT", int(url.rpartition(":")[2]))
        async with Server(None, None, None).connected({"mode": "listen"}) as client:
            assert client.conversation == "c1"


async def test_talks_to_the_server_that_runs_here_with_a_certificate_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is trusted because its certificate lies where this machine's server put it."""
    monkeypatch.setenv("VOICESRV_STATE_DIR", str(tmp_path))
    certificate = certificates.self_signed(tmp_path / "tls", ["localhost"])
    settings = Settings(port=0, stt="null", llm="null", tts="null", vad="null", state_dir=str(tmp_path))
    options = server_options(settings, certificate)
    async with running(create_app(settings, keeps=False, certificate=certificate), options) as url:
        monkeypatch.setattr(reach, "PORT", int(url.rpartition(":")[2]))
        async with Server(None, None, None).connected({"mode": "listen"}) as client:
            ready = await anext(aiter(client))
    assert isinstance(ready, Ready) and ready.engines["stt"] == "null"


async def test_a_server_of_its_own_has_the_engines_that_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also by path, which no client may give to a server of somebody else's."""
    nobody: Callable[[str, int], bool] = lambda host, port: False  # noqa: E731
    monkeypatch.setattr(reach, "is_voicesrv", nobody)
    tts = f"piper:{MODELS / 'micro-voice' / 'en_US-micro-low.onnx'}"
    wanted = {"stt": f"whisper:{MODELS / 'micro-whisper'}", "tts": tts, "llm": "echo"}
    async with Server(None, None, None).connected(wanted) as client:
        await client.send_text("Stop.")
        first = await anext(aiter(client))
    assert isinstance(first, Ready)
    assert (first.engines["stt"], first.engines["tts"]) == ("whisper", "piper")
    assert "starting one for this conversation" in capsys.readouterr().err


async def test_a_bad_address_is_a_setting_to_put_right() -> None:
    with pytest.raises(ConfigError, match="no address of a server"):
        async with Server("localhost", None, None).connected({}):
            pass


@pytest.mark.parametrize("url", [None, "http://localhost:8000", "https://localhost:8000"])
def test_whom_this_system_trusts_is_enough_where_nothing_is_said(url: str | None) -> None:
    assert trust(url, None, False) is None


def test_a_certificate_or_any() -> None:
    named, any_ = trust("https://h", CERTIFICATE, False), trust("wss://h", None, True)
    assert named is not None and any_ is not None
    assert (named.verify_mode, any_.verify_mode) == (ssl.CERT_REQUIRED, ssl.CERT_NONE)


@pytest.mark.parametrize(
    ("url", "ca", "insecure", "fault"),
    [
        (None, CERTIFICATE, False, "for a server with TLS"),
        ("http://h", None, True, "for a server with TLS"),
        ("https://h", CERTIFICATE, True, "cannot go together"),
        ("https://h", Path("none.pem"), False, r"none\.pem: cannot be read: No such file"),
        ("https://h", Path(__file__), False, r"test_reach\.py: is no certificate in PEM"),
    ],
)
def test_trust_that_makes_no_sense(url: str | None, ca: Path | None, insecure: bool, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        trust(url, ca, insecure)


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Server(None, "secret", None))
