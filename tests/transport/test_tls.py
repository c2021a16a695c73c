from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.hostile.raw import BINARY, connected, frame, text, upgraded
from tests.transport.apps import DeafApp, EchoApp, FloodApp
from voicesrv import metrics
from voicesrv.errors import ConfigError
from voicesrv.transport import tls, websocket_protocol
from voicesrv.transport.server import ServerOptions, running
from voicesrv.transport.tls import Certificate

pytestmark = pytest.mark.anyio

HELLO_BEGINS = b"\x16\x03\x01\x02\x00\x01"


def options(certificate: Certificate, **more: Any) -> ServerOptions:
    return ServerOptions(port=0, tls=certificate.context(), **more)


# --- those who speak TLS -------------------------------------------------------------------------


async def test_https_and_wss_for_who_trusts_the_certificate(certificate: Certificate, trust: ssl.SSLContext) -> None:
    async with running(EchoApp(), options(certificate)) as url:
        assert url.startswith("https://127.0.0.1:")
        async with connected(url, trust=trust) as client:
            assert (await client.request("GET /path HTTP/1.1")).body == b"/path"
            protocol = client.writer.get_extra_info("ssl_object")
            assert protocol.version() == "TLSv1.3"
        async with upgraded(url, trust=trust) as client:
            client.send(text("hi"), frame(BINARY, bytes(100_000)))
            assert await client.message() == "hi"
            assert await client.frame() == (BINARY, bytes(100_000))


async def test_an_app_sees_that_it_is_secure(certificate: Certificate, trust: ssl.SSLContext) -> None:
    schemes = []

    class App(EchoApp):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            schemes.append(scope.get("scheme"))
            await super().__call__(scope, receive, send)

    async with running(App(), options(certificate)) as url:
        async with connected(url, trust=trust) as client:
            await client.request()
        async with upgraded(url, trust=trust):
            pass
    assert schemes == [None, "https", "wss"]


async def test_who_does_not_trust_it_is_no_noise_in_the_log(
    certificate: Certificate, trust: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = ssl.create_default_context()
    with caplog.at_level(logging.INFO):
        async with running(EchoApp(), options(certificate)) as url:
            with pytest.raises(ssl.SSLCertVerificationError):
                async with connected(url, trust=stranger):
                    pass
            async with connected(url, trust=trust) as client:
                assert (await client.request()).status == 200
    assert [record.name for record in caplog.records] == ["uvicorn.access"]


async def test_old_versions_are_not_spoken(certificate: Certificate) -> None:
    assert certificate.context().minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_reader_that_stops_is_let_go_here_too(certificate: Certificate, trust: ssl.SSLContext) -> None:
    app = FloodApp()
    bounds = options(certificate, ws_ping_interval_s=0.2, ws_ping_timeout_s=0.2, tcp_user_timeout_ms=60_000)
    async with running(app, bounds) as url, upgraded(url, receive_buffer=4096, trust=trust) as client:
        client.send(text("go"))
        async with asyncio.timeout(10):
            await app.gone.get()
            await app.flooding
        wire = await app.wires.get()
        assert wire.write_buffer_size() == 0


async def test_those_who_are_there_when_the_server_stops_are_told(
    certificate: Certificate, trust: ssl.SSLContext
) -> None:
    app = DeafApp()
    ready = asyncio.Event()

    async def stay(url: str) -> tuple[int, str]:
        async with upgraded(url, trust=trust) as client:
            ready.set()
            return await client.close()

    async with running(app, options(certificate)) as url:
        client = asyncio.create_task(stay(url))
        await ready.wait()
    assert await client == (1012, "shutting_down")


async def test_who_answers_a_close_need_not_wait_for_the_end(
    certificate: Certificate, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_protocol, "LINGER_S", 60.0)
    app = EchoApp()
    async with running(app, options(certificate)) as url, upgraded(url, trust=trust) as client:
        (await app.wires.get()).cut(4503, "forbidden")
        assert await client.close() == (4503, "forbidden")


# --- those who begin and do not go on ------------------------------------------------------------


@pytest.mark.parametrize("begin", [b"", HELLO_BEGINS, b"GET / HT"])
async def test_a_slow_beginning_ends(certificate: Certificate, begin: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with running(EchoApp(), options(certificate, header_timeout_s=0.2)) as url, connected(url) as client:
        client.send(begin)
        answer = await client.end()
    assert answer == b"" or b" 408 " in answer
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.parametrize("sent", [b"\x16" + bytes(600), b"\x16\x03\x01\xff\xff" + b"\xff" * 600])
async def test_what_only_looks_like_tls_ends_at_once(
    certificate: Certificate, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(EchoApp(), options(certificate)) as url, connected(url) as client:
        client.send(sent)
        await client.end()
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def dropped(what: str) -> float:
    return float(metrics.DROPS.labels(what)._value.get())


async def test_handshakes_are_bounded(
    certificate: Certificate, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_MAX_HANDSHAKES", 2)
    before = dropped("tls_handshake")
    async with (
        running(EchoApp(), options(certificate)) as url,
        connected(url) as oldest,
        connected(url) as second,
    ):
        for each in (oldest, second):
            each.send(HELLO_BEGINS)
        async with connected(url, trust=trust) as speaks:
            assert (await speaks.request()).status == 200
            assert await oldest.end() == b""
        async with connected(url, trust=trust) as later:  # the place of the one that is done is free
            assert (await later.request()).status == 200
    assert dropped("tls_handshake") == before + 1


@pytest.mark.parametrize("sent", [b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
async def test_an_attack_on_all_places_keeps_nobody_out(
    certificate: Certificate, trust: ssl.SSLContext, sent: bytes, address: str
) -> None:
    """Three hundred at a time more than fill the places, from an address of their own and from the victim's."""
    loop = asyncio.get_running_loop()
    before = dropped("tls_handshake")
    async with running(EchoApp(), options(certificate)) as url, contextlib.AsyncExitStack() as stack:
        port = urlsplit(url).port
        for _ in range(3):
            attackers = []
            for _ in range(300):
                attacker = stack.enter_context(socket.socket())
                attacker.bind((address, 0))
                attacker.setblocking(False)
                attackers.append(attacker)
            await asyncio.gather(*(loop.sock_connect(each, ("127.0.0.1", port)) for each in attackers))
            await asyncio.gather(*(loop.sock_sendall(each, sent) for each in attackers))
            async with asyncio.timeout(2), connected(url, trust=trust) as honest:
                assert (await honest.request()).status == 200
    assert dropped("tls_handshake") > before


async def test_the_silent_keep_nobody_out(
    certificate: Certificate, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_MAX_HANDSHAKES", 1)
    before = dropped("tls_silent")
    async with (
        running(EchoApp(), options(certificate, max_connections=3)) as url,
        connected(url) as oldest,
        connected(url) as second,
        connected(url) as third,
    ):
        async with connected(url, trust=trust) as speaks:
            assert (await speaks.request()).status == 200
            assert await oldest.end() == b""
        for each in (second, third):  # they have waited, and are as welcome as ever
            assert (await each.request("GET /healthz HTTP/1.1")).status == 200
    assert dropped("tls_silent") == before + 1


async def test_the_silent_give_their_sockets_to_newcomers(
    certificate: Certificate, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.SelectorEventLoop):
        pytest.skip("uvloop's methods cannot be replaced")
    accept, n_tries = loop.sock_accept, 0

    async def sock_accept(listening: socket.socket) -> Any:
        nonlocal n_tries
        n_tries += 1
        if n_tries == 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", sock_accept)
    async with running(EchoApp(), options(certificate)) as url, connected(url) as silent:
        assert await silent.end() == b""
        async with connected(url, trust=trust) as client:
            assert (await client.request()).status == 200
    assert "no connection can be accepted" not in caplog.text


async def test_so_do_those_that_are_in_a_handshake(
    certificate: Certificate, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.SelectorEventLoop):
        pytest.skip("uvloop's methods cannot be replaced")
    accept, n_tries = loop.sock_accept, 0

    async def sock_accept(listening: socket.socket) -> Any:
        nonlocal n_tries
        n_tries += 1
        if n_tries == 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", sock_accept)
    async with running(EchoApp(), options(certificate)) as url, connected(url) as half:
        half.send(HELLO_BEGINS)
        async with connected(url, trust=trust) as client:
            assert (await client.request()).status == 200
        assert await half.end() == b""
    assert "no connection can be accepted" not in caplog.text


async def test_a_server_without_sockets_left_goes_on_when_there_are_some(
    certificate: Certificate, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.SelectorEventLoop):
        pytest.skip("uvloop's methods cannot be replaced")
    accept, failures = loop.sock_accept, [OSError(errno.EMFILE, "Too many open files")]

    async def sock_accept(listening: socket.socket) -> Any:
        if failures:
            raise failures.pop()
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", sock_accept)
    monkeypatch.setattr(tls, "_ACCEPT_RETRY_S", 0)
    async with running(EchoApp(), options(certificate)) as url, connected(url, trust=trust) as client:
        assert (await client.request()).status == 200
    assert "no connection can be accepted: Too many open files" in caplog.text


async def test_a_stop_does_not_wait_for_a_beginning(certificate: Certificate) -> None:
    async with asyncio.timeout(2):
        async with running(EchoApp(), options(certificate)) as url:
            silent, half = connected(url), connected(url)
            await silent.__aenter__()
            (await half.__aenter__()).send(HELLO_BEGINS)
        await silent.__aexit__(None, None, None)
        await half.__aexit__(None, None, None)


# --- those who speak no TLS ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/console?agent=a&b=%20", "//evil.example/%0d%0aX:%20y"])
async def test_a_page_asked_for_over_http_is_moved(certificate: Certificate, path: str) -> None:
    async with running(EchoApp(), options(certificate)) as url, connected(url) as client:
        answer = await client.request(f"GET {path} HTTP/1.1")
        assert answer.status == 307
        assert answer.headers["location"] == f"https://{client.host}{path}"
        assert "x" not in answer.headers


@pytest.mark.parametrize("path", ["*.evil.example/", "*@evil.example/"])
async def test_nobody_is_moved_by_what_is_no_path(certificate: Certificate, path: str) -> None:
    async with running(EchoApp(), options(certificate)) as url, connected(url) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert b" 400 " in (await client.end()).partition(b"\r\n")[0]


@pytest.mark.parametrize("host", ["evil/..", "a b", "a@b", "[::1", ""])
async def test_nobody_is_moved_to_what_is_no_host(certificate: Certificate, host: str) -> None:
    async with running(EchoApp(), options(certificate)) as url, connected(url) as client:
        answer = await client.request("GET / HTTP/1.1", f"Host: {host}")
    assert answer.status == 400
    assert "location" not in answer.headers


async def test_nobody_is_moved_who_names_no_host(certificate: Certificate) -> None:
    async with running(EchoApp(), options(certificate)) as url, connected(url) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = await client.answer()
    assert answer.status == 400
    assert "https://" in answer.json()["message"]


async def test_other_requests_and_sockets_are_told(certificate: Certificate) -> None:
    app = EchoApp()
    async with running(app, options(certificate)) as url:
        async with connected(url) as client:
            answer = await client.request("POST /v1/token HTTP/1.1", "Content-Length: 0")
            assert (answer.status, answer.json()["code"]) == (400, "bad_parameter")
        async with connected(url) as client:
            answer = await client.upgrade("/ws")
            assert answer.status == 400
            assert "wss://" in answer.json()["message"]
        async with upgraded(url, "/ws?refuse=socket") as client:
            assert "wss://" in (await client.message())["message"]
            assert await client.close() == (1008, "bad_parameter")
    assert not app.asked.is_set()


async def test_the_probe_of_life_is_answered(certificate: Certificate) -> None:
    async with running(EchoApp(), options(certificate)) as url, connected(url) as client:
        assert (await client.request("GET /healthz HTTP/1.1")).body == b"/healthz"


async def test_noise_is_refused_quickly(certificate: Certificate, caplog: pytest.LogCaptureFixture) -> None:
    async with running(EchoApp(), options(certificate)) as url, connected(url) as client:
        client.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        assert b" 400 " in await client.end()
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_a_client_that_says_nothing_and_leaves(certificate: Certificate, trust: ssl.SSLContext) -> None:
    async with running(EchoApp(), options(certificate)) as url:
        async with connected(url) as client:
            client.writer.write_eof()
            assert await client.end() == b""
        async with connected(url, trust=trust) as client:
            assert (await client.request()).status == 200


# --- files that are no certificate ---------------------------------------------------------------


def test_files_that_cannot_be_read_are_named(certificate: Certificate, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(ConfigError, match=rf"tls: {missing} cannot be read: No such file"):
        Certificate(missing, missing).context()
    with pytest.raises(ConfigError, match=rf"tls_key: {missing} cannot be read"):
        Certificate(certificate.file, missing).context()
    with pytest.raises(ConfigError, match=rf"tls: {tmp_path} cannot be read: Is a directory"):
        Certificate(tmp_path, tmp_path).context()


def test_files_that_hold_something_else_are_named(certificate: Certificate, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text("not a certificate")
    with pytest.raises(ConfigError, match=rf"tls: {other}: no certificate with a private key in PEM"):
        Certificate(other, other).context()
    assert certificate.public is not None
    with pytest.raises(ConfigError, match=rf"tls: {certificate.public}: no certificate with a private key"):
        Certificate(certificate.public, certificate.public).context()


def test_a_key_that_is_another_ones_or_locked_is_told(certificate: Certificate, tmp_path: Path) -> None:
    key, path = ec.generate_private_key(ec.SECP256R1()), tmp_path / "key.pem"
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    path.write_bytes(key.private_bytes(*pem, serialization.NoEncryption()))
    with pytest.raises(ConfigError, match=rf"tls_key: {path} is not the key of the certificate {certificate.file}"):
        Certificate(certificate.file, path).context()
    path.write_bytes(key.private_bytes(*pem, serialization.BestAvailableEncryption(b"canary")))
    with pytest.raises(ConfigError, match=rf"tls_key: {path} is encrypted"):
        Certificate(certificate.file, path).context()
