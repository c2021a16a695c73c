from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator

import pytest

from tests.hostile.raw import connected, upgraded
from tests.transport.apps import EchoApp
from voicesrv.transport import logs
from voicesrv.transport.logs import LineFormatter, RedactFilter, ThrottleFilter, redact
from voicesrv.transport.server import running
from voicesrv.transport.state import REFUSED

CANARY = "c4nary-s3cret"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Logging as the product sets it up, into a string; undone afterwards."""
    names = ("", "voicesrv", "uvicorn.error", "uvicorn.access", REFUSED.name)
    loggers = [logging.getLogger(name) for name in names]
    before = [(each, each.level, each.handlers[:], each.filters[:]) for each in loggers]
    stream = io.StringIO()
    logs.configure("debug", stream)
    yield stream
    for each, level, handlers, filters in before:
        each.setLevel(level)
        each.handlers[:], each.filters[:] = handlers, filters


@pytest.mark.parametrize(
    "text",
    [
        f"GET /ws?token={CANARY} HTTP/1.1",
        f"/ws?mode=listen&token={CANARY}&language=en",
        f"/ws?TOKEN={CANARY}",
        f"/ws?t%6fken={CANARY}",
        f"/ws?api_key={CANARY}&x=1",
        f"/ws?resume={CANARY}",
        f"/ws?token=a;b'c\"{CANARY}",
        f"/ws?client_secret={CANARY}",
        f"Authorization: Bearer {CANARY}",
        f"Sec-WebSocket-Protocol: voicesrv.v1, token.{CANARY}",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    assert CANARY not in redact(text)
    assert "[hidden]" in redact(text)


def test_the_rest_stays() -> None:
    text = '127.0.0.1:5 - "WebSocket /ws?mode=listen&language=en&sample_rate=8000" [accepted]'
    assert redact(text) == text
    assert redact(f"/ws?a=1&token={CANARY}&b=2") == "/ws?a=1&token=[hidden]&b=2"


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("some.logger", logging.INFO, __file__, 1, message, args, None)


def test_one_line_a_record() -> None:
    line = LineFormatter().format(record("%s", "one\r\ntwo\x1b[31m\x00"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO some\.logger: one\\x0d\\x0atwo.*", line)
    assert line.isprintable()


def test_a_traceback_is_redacted_too() -> None:
    try:
        raise ValueError(f"/ws?token={CANARY}")
    except ValueError:
        import sys

        failed = logging.LogRecord("some.logger", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    text = LineFormatter().format(failed)
    assert "ValueError" in text
    assert CANARY not in text


def test_uvicorns_records_are_redacted_whoever_writes_them() -> None:
    one = record('%s - "WebSocket %s" [accepted]', "127.0.0.1:5", f"/ws?token={CANARY}")
    assert RedactFilter().filter(one)
    assert one.getMessage() == '127.0.0.1:5 - "WebSocket /ws?token=[hidden]" [accepted]'


def test_lines_that_strangers_cause_are_throttled_and_counted() -> None:
    now = 0.0
    throttle = ThrottleFilter(lambda: now)
    assert sum(throttle.filter(record("bad")) for _ in range(1000)) == 20
    now = 0.5
    later = record("%s is bad", "this")
    assert throttle.filter(later)
    assert later.getMessage() == "this is bad (and 980 more like it)"
    assert not throttle.filter(record("bad"))


@pytest.mark.anyio
async def test_a_canary_in_a_url_reaches_no_log(written: io.StringIO) -> None:
    async with running(EchoApp()) as url:
        async with upgraded(url, f"/ws?token={CANARY}", f"Authorization: Bearer {CANARY}"):
            pass
        async with connected(url) as client:
            await client.request(f"GET /v1/engines?to%6ben={CANARY} HTTP/1.1")
        async with connected(url) as client:
            await client.request(f"NOISE {CANARY}")
    assert "[accepted]" in written.getvalue()
    assert CANARY not in written.getvalue()


@pytest.mark.anyio
async def test_no_frame_is_logged_even_at_debug(written: io.StringIO) -> None:
    from tests.hostile.raw import text

    async with running(EchoApp()) as url, upgraded(url) as client:
        client.send(text(CANARY))
        assert await client.message() == CANARY
    assert CANARY not in written.getvalue()


def test_levels(written: io.StringIO) -> None:
    logging.getLogger("voicesrv.anything").debug("ours")
    logging.getLogger("some.library").debug("theirs")
    logging.getLogger("uvicorn.access").info("a probe")
    assert "ours" in written.getvalue()
    assert "theirs" not in written.getvalue()
    assert "a probe" not in written.getvalue()
