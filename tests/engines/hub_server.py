"""A small Hugging Face hub on loopback: what huggingface_hub really asks for when a file is looked up and fetched.

Small files are answered by the hub itself, under git's name for them; large ones by a redirect to another origin, under
their SHA-256 and with the headers of Xet, as the real one does.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 100_000
"""From this size in bytes a file is a large one, kept apart from the repository."""


@dataclass
class Hub:
    """What it has, how it misbehaves, and what it was asked."""

    url: str = ""
    cdn: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    """By ``OWNER/REPO/PATH``."""
    cut_after: int | None = None
    """Bytes of a large file after which the connection is cut, once."""
    holds: threading.Event = field(default_factory=threading.Event)
    """A large file stops halfway until it is set."""
    halfway: threading.Event = field(default_factory=threading.Event)
    """Set when it stops there."""
    damages: bool = False
    """Whether large files come with one bit turned."""
    ignores_range: bool = False
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Status and error code, by what a path ends with."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range, oldest first."""

    def __post_init__(self) -> None:
        self.holds.set()

    def put(self, repo: str, path: str, source: Path) -> None:
        self.files[f"{repo}/{path}"] = source.read_bytes()

    def ranges(self) -> list[str]:
        """The ranges of large files that were asked for; empty where the whole was."""
        return [asked for method, path, asked in self.asked if method == "GET" and path.startswith("/blob/")]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        hub = self.hub
        hub.asked.append((self.command, self.path, self.headers.get("Range", "")))
        for end, (status, code) in hub.answers.items():
            if self.path.endswith(end):
                return self._send(status, {"X-Error-Code": code, "X-Error-Message": "as the test wants"}, b"", body)
        if self.path.startswith("/blob/"):
            return self._blob(next(data for data in hub.files.values() if _sha256(data) == self.path[6:]), body)
        repo, _, rest = self.path[1:].partition("/resolve/")
        path = rest.partition("/")[2]
        if not any(key.startswith(f"{repo}/") for key in hub.files):
            return self._send(404, {"X-Error-Code": "RepoNotFound"}, b"", body)
        data = hub.files.get(f"{repo}/{path}")
        if data is None:
            return self._send(404, {"X-Error-Code": "EntryNotFound"}, b"", body)
        told = {"X-Repo-Commit": COMMIT}
        if len(data) < LARGE:
            git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
            return self._send(200, told | {"ETag": f'"{git}"'}, data, body)
        told |= {
            "X-Linked-Etag": f'"{_sha256(data)}"',
            "X-Linked-Size": str(len(data)),
            "X-Xet-Hash": _sha256(data),
            "X-Xet-Refresh-Route": f"{hub.url}/api/models/{repo}/xet-read-token/{COMMIT}",
            "Location": f"{hub.cdn}/blob/{_sha256(data)}",
        }
        self._send(302, told, b"", body)

    def _blob(self, data: bytes, body: bool) -> None:
        hub, start = self.hub, 0
        asked = self.headers.get("Range", "")
        if asked and not hub.ignores_range:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        if hub.damages:
            data = data[:-1] + bytes([data[-1] ^ 1])
        headers = {"Content-Length": str(len(data) - start), "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        rest = data[start:]
        if hub.cut_after is not None:
            self.wfile.write(rest[: hub.cut_after])
            hub.cut_after = None
            self.close_connection = True
            return
        self.wfile.write(rest[: len(rest) // 2])
        self.wfile.flush()
        if not hub.holds.is_set():
            hub.halfway.set()
            hub.holds.wait(30)
        self.wfile.write(rest[len(rest) // 2 :])

    def _send(self, status: int, headers: dict[str, str], data: bytes, body: bool) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the tests."""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextmanager
def running_hub() -> Iterator[Hub]:
    """The hub, at ``url``, and its store of large files, at ``cdn``."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    servers = [_Server(("127.0.0.1", 0), handler) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in servers]
    hub.url, hub.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        hub.holds.set()
        for server in servers:
            server.shutdown()
            server.server_close()


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process take ``url`` for the hub, as ``HF_ENDPOINT`` would if it were read more than once."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + template.removeprefix(constants.ENDPOINT))
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
