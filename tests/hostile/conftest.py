"""Servers with null engines, each a process of its own, and a watch over them while tests are rude to them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.hostile.raw import RawClient, upgraded

ROOT = Path(__file__).parents[2]
NULL = {"vad": "null", "stt": "null", "llm": "null", "tts": "null"}
KEYS = ("alice:alices-own-key", "bob:bobs-own-key", "kiosk+listen:kiosks-own-key")
CANARY = "c4nary"
"""In everything that is secret or said; it must not be in any log."""
HEALTH_S = 0.25
"""In which ``/healthz`` must answer, whatever goes on."""


class Server:
    """One process."""

    def __init__(self, **settings: Any) -> None:
        self.log = ""
        self._is_told = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.server", json.dumps({**NULL, **settings})],
            cwd=ROOT,
            text=True,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log += line
            if "listening on " in line:
                self.url = line.split()[-1]
                break
        else:
            self._process.wait()
            self._process.stderr.close()
            raise AssertionError(f"the server did not start: {self.log}")
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def get(self, path: str, timeout_s: float = 5.0) -> tuple[int, str]:
        """Ask over HTTP; return status and body."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def metric(self, name: str) -> float:
        """The value of a metric, by its name and labels as Prometheus writes them."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0

    def rss_mb(self) -> float:
        """Memory of the process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]  # every process has it

    def begin_to_stop(self) -> None:
        """Tell it to end, as an operator does; telling it twice would end it at once."""
        if not self._is_told:
            self._is_told = True
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """End it; return its exit code."""
        self.begin_to_stop()
        code = self._process.wait(timeout=20)
        self._reader.join()
        return code

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self.log += line


@contextlib.contextmanager
def server_with(**settings: Any) -> Iterator[Server]:
    """Run a server; at its end nothing of what it went through may show."""
    with tempfile.TemporaryDirectory() as state_dir:
        server = Server(state_dir=state_dir, **settings)
        try:
            yield server
        finally:
            code = server.stop()
    assert code == 0
    assert "Traceback" not in server.log
    assert CANARY not in server.log


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with server_with() as running:
        yield running


@pytest.fixture(scope="session")
def keyed() -> Iterator[Server]:
    """Asks for a key."""
    with server_with(api_keys=KEYS) as running:
        yield running


@pytest.fixture(scope="session")
def impatient() -> Iterator[Server]:
    """Waits one second for anything."""
    with server_with(idle_timeout_s=1, resume_window_s=1) as running:
        yield running


@pytest.fixture(scope="session")
def small() -> Iterator[Server]:
    """Has room for one conversation."""
    with server_with(max_conversations=1) as running:
        yield running


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest) -> Iterator[None]:
    """See that the test's server stays healthy from its first to its last byte."""
    names = {"server", "keyed", "impatient", "small"} & set(request.fixturenames)
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(watching(request.getfixturevalue(name)))
        yield


@contextlib.contextmanager
def watching(server: Server) -> Iterator[None]:
    """Ask for the server's health again and again; it must answer in time, each time."""
    done = threading.Event()
    late: list[float] = []

    def ask() -> None:
        while True:
            began = time.monotonic()
            status, _ = server.get("/healthz")
            took_s = time.monotonic() - began
            # What the machine keeps this thread waiting for a plain wait is not the server's doing.
            began = time.monotonic()
            ended = done.wait(0.03)
            lag_s = time.monotonic() - began - 0.03
            if status != 200 or took_s - max(0.0, lag_s) > HEALTH_S:
                late.append(took_s)
            if ended:
                return

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert not late


@contextlib.asynccontextmanager
async def joined(
    server: Server, query: str = "", *headers: str, receive_buffer: int | None = None
) -> AsyncIterator[tuple[RawClient, dict[str, Any]]]:
    """Connect by the native protocol; with the client comes its ``ready``."""
    path = f"/ws?{query}" if query else "/ws"
    async with upgraded(server.url, path, *headers, receive_buffer=receive_buffer) as client:
        ready = await client.message()
        assert ready["type"] == "ready"
        yield client, ready
