from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.hostile.raw import connected, text, upgraded
from tests.transport.apps import DeafApp, EchoApp
from voicesrv.errors import ConfigError
from voicesrv.transport.server import ServerOptions, running

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


async def test_the_app_starts_before_and_ends_after_its_connections() -> None:
    app = EchoApp()
    async with running(app) as url:
        assert app.events == ["started"]
        async with upgraded(url) as client:
            client.send(text("hi"))
            assert await client.message() == "hi"
    assert app.events == ["started", "ended"]


async def test_state_of_the_lifespan_reaches_connections() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["engine"] = "loaded"
            await EchoApp().live(receive, send)
            return
        seen.append(scope["state"]["engine"])
        await EchoApp()(scope, receive, send)

    async with running(app) as url:
        async with connected(url) as client:
            await client.request()
        async with upgraded(url):
            pass
    assert seen == ["loaded", "loaded"]


async def test_a_taken_port_is_told_before_the_app_starts() -> None:
    app = EchoApp()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port: {port} of 127\.0\.0\.1 is taken.*choose another"):
            async with running(app, ServerOptions(port=port)):
                pass
    assert app.events == []


async def test_a_host_that_is_not_ours_is_told() -> None:
    with pytest.raises(ConfigError, match=r"host: '192\.0\.2\.1' is no address of this machine"):
        async with running(EchoApp(), ServerOptions(host="192.0.2.1", port=0)):
            pass


async def test_ipv6() -> None:
    try:
        async with running(EchoApp(), ServerOptions(host="::1", port=0)) as url, connected(url) as client:
            assert url.startswith("http://[::1]:")
            assert (await client.request("GET /six HTTP/1.1")).body == b"/six"
    except ConfigError:
        pytest.skip("no IPv6 here")


@pytest.mark.parametrize("after", [True, False])
async def test_what_the_app_raises_at_its_start_is_raised(after: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if after:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "as Starlette does"})
        raise ConfigError("engines.x: no such engine")

    with pytest.raises(ConfigError, match="no such engine"):
        async with running(app):
            pass


async def test_an_app_that_returns_instead_of_starting_is_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    with pytest.raises(RuntimeError, match="returned before it had started"):
        async with running(app):
            pass


async def test_an_error_of_the_body_passes_and_the_app_still_ends() -> None:
    app = EchoApp()
    with pytest.raises(TimeoutError, match="mine"):
        async with running(app) as url:
            async with connected(url) as client:
                await client.request()
            raise TimeoutError("mine")
    assert app.events == ["started", "ended"]


async def test_draining_comes_first_and_newcomers_are_refused() -> None:
    app = EchoApp()
    answers: dict[str, Any] = {}
    told: list[Any] = []

    async def drain() -> None:
        async with connected(at) as late:
            answers["live"] = await late.request("GET /healthz HTTP/1.1")
        async with connected(at) as late:
            answers["ready"] = await late.request("GET /readyz HTTP/1.1")
        async with connected(at) as late:
            answers["socket"] = await late.upgrade("/ws")
        async with upgraded(at, "/ws?refuse=socket") as late:
            told.append((await late.message(), await late.close()))
        (await app.wires.get()).cut(4001, "goodbye")

    async with running(draining(app, drain)) as at:
        client = await staying_client(at)
    assert answers["live"].status == 200
    for name in ("ready", "socket"):
        assert (answers[name].status, answers[name].json()["code"]) == (503, "shutting_down")
        assert answers[name].headers["retry-after"] == "5"
    ((error, close),) = told
    assert (error["code"], error["retry_after_ms"], close) == ("shutting_down", 5000, (1012, "shutting_down"))
    assert await client == (4001, "goodbye")


def draining(app: EchoApp, drain: Any) -> EchoApp:
    app.state.drain = drain
    return app


async def staying_client(url: str) -> asyncio.Task[tuple[int, str]]:
    """Connect a client that stays until it is closed; the task returns how."""
    ready = asyncio.Event()

    async def stay() -> tuple[int, str]:
        async with upgraded(url) as client:
            ready.set()
            return await client.close()

    task = asyncio.create_task(stay())
    await ready.wait()
    return task


async def test_connections_that_nobody_closed_are_closed_with_a_frame() -> None:
    app = EchoApp()
    async with running(app) as url:
        client = await staying_client(url)
    assert await client == (1012, "shutting_down")
    assert (await app.gone.get())["code"] == 1012


async def test_draining_has_an_end_and_so_have_apps_that_hang(caplog: pytest.LogCaptureFixture) -> None:
    app = DeafApp()

    async def drain() -> None:
        await asyncio.Event().wait()

    async with running(draining(app, drain), ServerOptions(port=0, drain_s=0.1)) as url:
        client = await staying_client(url)
        wire = await app.wires.get()
    assert await client == (1012, "shutting_down")
    assert wire.write_buffer_size() == 0
    assert "still open after 0.1 s" in caplog.text


async def test_a_drain_that_fails_does_not_stop_the_stop(caplog: pytest.LogCaptureFixture) -> None:
    async def drain() -> None:
        raise RuntimeError("the canary")

    app = EchoApp()
    async with running(draining(app, drain)):
        pass
    assert app.events == ["started", "ended"]
    assert "the canary" in caplog.text


# --- as a process of its own ----------------------------------------------------------------------

PROGRAM = """
    import asyncio, logging
    from tests.transport.apps import EchoApp
    from voicesrv.transport.server import ServerOptions, serve

    logging.basicConfig(level="INFO")

    async def drain():
        print("draining", flush=True)
        await asyncio.sleep({drain_s})

    class App(EchoApp):
        async def live(self, receive, send):
            await super().live(receive, send)
            print("ended", flush=True)

    app = App()
    app.state.drain = drain
    serve(app, ServerOptions(port=0, drain_s=5))
    print("returned", flush=True)
"""


def started(drain_s: float) -> tuple[subprocess.Popen[str], str]:
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM.format(drain_s=drain_s))],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert program.stderr is not None
    line = program.stderr.readline()
    assert "listening on http://127.0.0.1:" in line
    return program, line.split()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_the_exit_code_is_0(number: signal.Signals) -> None:
    program, url = started(drain_s=0)
    with program, socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)):
        program.send_signal(number)
        out, err = program.communicate(timeout=10)
    assert program.returncode == 0
    assert out.split() == ["draining", "ended", "returned"]
    assert "Traceback" not in err


def test_it_may_have_all_the_sockets_that_it_says() -> None:
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("Linux alone tells another process's limits")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))  # the program inherits it
    try:
        program, _ = started(drain_s=0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with program:
        allowed = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)[0]
        program.terminate()
    assert allowed == min(4096 + 512, hard)


def test_a_second_signal_ends_at_once() -> None:
    program, _ = started(drain_s=60)
    with program:
        program.send_signal(signal.SIGTERM)
        assert program.stdout is not None
        assert program.stdout.readline() == "draining\n"
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=5) == -signal.SIGTERM


def test_an_app_that_ends_by_itself_ends_the_server() -> None:
    program = textwrap.dedent("""
        from voicesrv.transport.server import ServerOptions, serve

        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            raise RuntimeError("an engine is gone")

        serve(app, ServerOptions(port=0))
    """)
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, timeout=20, check=False
    )
    assert ended.returncode == 1
    assert "an engine is gone" in ended.stderr
