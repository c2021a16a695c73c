"""TLS on the listening port: a certificate's context, and the first byte that tells who speaks TLS and who does not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from voicesrv import metrics
from voicesrv.errors import ClientError, Code, ConfigError
from voicesrv.transport.addresses import network_of
from voicesrv.transport.places import Places
from voicesrv.transport.refusal import refuse

_HANDSHAKE = b"\x16"
"""How every TLS connection begins (RFC 8446, section 5.1: the content type ``handshake``)."""
_SHUTDOWN_S = 2.0
"""For a client to take the rest and say goodbye, once we have."""
_MAX_HANDSHAKES = 512
"""Handshakes that may be under way at once. Each holds 58 KiB, and a connection that has said
nothing yet 3 KiB (resident memory over 500 of them; uvloop 0.23, Python 3.11)."""
_ACCEPT_RETRY_S = 1.0
"""Between tries where the system gives no more sockets."""

MakeProtocol = Callable[[], asyncio.Protocol]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that the server shows, and what there is to say of it."""

    file: Path
    """PEM: the certificate and its chain."""
    key: Path
    """PEM: its private key; may be the same file."""
    names: tuple[str, ...] = ()
    """The names and addresses that it stands for; an address without brackets."""
    fingerprint: str = ""
    """SHA-256 of it, as browsers show it: ``AB:CD:…``."""
    public: Path | None = None
    """Where it lies without its key, of one that was made here; a device that is given it trusts this server."""

    def context(self) -> ssl.SSLContext:
        """What the server speaks TLS with: 1.2 or later, with the ciphers that Python holds for good.

        Raises:
            ConfigError: a file cannot be read, is no PEM, or the two do not belong together.
        """
        for name, path in (("tls", self.file), ("tls_key", self.key)):
            try:
                path.open("rb").close()
            except OSError as error:
                raise ConfigError(f"{name}: {path} cannot be read: {error.strerror}") from error
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # An empty password, so that nobody is asked for one on the terminal.
            context.load_cert_chain(self.file, self.key, password="")
        except ssl.SSLError as error:
            raise ConfigError(self._why_not(error)) from error
        return context

    def _why_not(self, error: ssl.SSLError) -> str:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"tls_key: {self.key} is not the key of the certificate {self.file}"
        if b"ENCRYPTED" in self.key.read_bytes():
            return f"tls_key: {self.key} is encrypted; it has to be readable without a password"
        of_key = "" if self.key == self.file else f" and its key {self.key}"
        return f"tls: {self.file}{of_key}: no certificate with a private key in PEM ({error.reason or error})"


@contextlib.asynccontextmanager
async def accepting(
    listening: socket.socket,
    context: ssl.SSLContext,
    secure: MakeProtocol,
    plain: MakeProtocol,
    *,
    timeout_s: float,
    max_silent: int,
) -> AsyncIterator[None]:
    """Accept connections for as long as the context lasts.

    Args:
        listening: bound, and not blocking.
        context: of a server.
        secure: makes the protocol of a connection that speaks TLS; it sees what was decrypted.
        plain: makes the one of a connection that does not.
        timeout_s: for the first byte, and again for the handshake.
        max_silent: connections that may have sent nothing yet.

    For one connection more than may be silent, or in a handshake, one is dropped (``Places`` says which): those who
    mean to speak begin at once, and those who mean to shake hands are done within a few round trips.

    Cancelling is safe; handshakes under way are dropped.
    """
    port = _Port(context, secure, plain, timeout_s, max_silent)
    task = asyncio.create_task(port.accept(listening), name="accepting")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class _Port:
    """Sorts what comes in by its first byte."""

    def __init__(
        self, context: ssl.SSLContext, secure: MakeProtocol, plain: MakeProtocol, timeout_s: float, max_silent: int
    ) -> None:
        self._context = context
        self._secure = secure
        self._plain = plain
        self._timeout_s = timeout_s
        self._silent = _Room("tls_silent", max_silent)
        """Connections without a first byte."""
        self._handshakes = _Room("tls_handshake", _MAX_HANDSHAKES)

    async def accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as arrivals:
            while True:
                try:
                    connection, peer = await loop.sock_accept(listening)
                except OSError as error:  # no more sockets, or a client that was gone before it was taken
                    if error.errno in (errno.EMFILE, errno.ENFILE):
                        dropped = max(self._handshakes, self._silent, key=len).drop()
                        if dropped is not None:
                            await asyncio.wait((dropped,))
                            continue
                    logger.error("no connection can be accepted: %s", error.strerror)
                    await asyncio.sleep(_ACCEPT_RETRY_S)
                    continue
                arrivals.create_task(self._take(connection, network_of(peer[0])))
                await asyncio.sleep(0)  # a task that is cancelled before it has begun would close nothing

    async def _take(self, connection: socket.socket, address: str) -> None:
        """Give a connection its protocol; one that never begins, or whose handshake fails, ends without a word.

        Not even in the log: browsers drop a handshake for each certificate that they do not know, and scanners
        try all there is.
        """
        loop = asyncio.get_running_loop()
        try:
            try:
                with self._silent.place(address):
                    async with asyncio.timeout(self._timeout_s):
                        first = await _first_byte(connection)
            except BaseException:
                connection.close()
                raise
            if first == _HANDSHAKE:
                with self._handshakes.place(address):
                    await loop.connect_accepted_socket(
                        self._secure,
                        connection,
                        ssl=self._context,
                        ssl_handshake_timeout=self._timeout_s,
                        ssl_shutdown_timeout=_SHUTDOWN_S,
                    )
            elif first:
                await loop.connect_accepted_socket(self._plain, connection)
            else:
                connection.close()
        except OSError as error:  # ssl.SSLError and TimeoutError are among them
            logger.debug("a connection ended before it began: %s", error)
        except Exception:  # whatever it is, the others are let in
            logger.exception("a connection could not be taken")


class _Room:
    """Tasks that bring connections through one stage; for one more than there are places, one is cancelled."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size  # the count may go over it until those who give way have left
        self._places: Places[asyncio.Task[Any]] = Places()

    def __len__(self) -> int:
        return len(self._places)

    @contextlib.contextmanager
    def place(self, address: str) -> Iterator[None]:
        """Hold a place for the running task; whoever gives way for it ends when the loop turns."""
        task = asyncio.current_task()
        assert task is not None
        if len(self) >= self._size:
            self.drop()
        self._places.enter(task, address)
        try:
            yield
        finally:
            self._places.leave(task, address)

    def drop(self) -> asyncio.Task[Any] | None:
        """Cancel the task whose turn it is to give way and return it; None where there is none."""
        task = self._places.evict()
        if task is not None:
            metrics.DROPS.labels(self._name).inc()
            task.cancel()
        return task


async def _first_byte(connection: socket.socket) -> bytes:
    """Wait for the first byte and leave it where it is; empty where the client has gone."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)


def towards_tls(app: ASGIApp) -> ASGIApp:
    """Answer those who come to the port without TLS: where to go. The probe of life alone is answered by ``app``."""
    error = ClientError(Code.BAD_PARAMETER, "this port speaks TLS; use https:// and wss://")

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        if scope["type"] == "http" and scope["path"] == "/healthz":
            await app(scope, receive, send)
        elif host and _is_page(scope):  # what is no host got no further than the protocol
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            url = f"https://{host}{(scope['raw_path'] + query).decode('latin-1')}"
            headers = {"cache-control": "no-store", "connection": "close"}
            await RedirectResponse(url, 307, headers)(scope, receive, send)
        else:
            await refuse(error, scope, receive, send, {"connection": "close"})

    return door


def _is_page(scope: Scope) -> bool:
    """Whether a page was asked for, by a path; what is no path would become a part of the host's name."""
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["raw_path"].startswith(b"/")
