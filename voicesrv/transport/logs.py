"""Logging: one format, one line a record, no secret in it, and no flood of lines that strangers cause.

What is logged is ids, counts and durations; never what people said, in sound or in text.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from typing import IO
from urllib.parse import unquote_plus

from voicesrv.transport.limits import TokenBucket
from voicesrv.transport.state import REFUSED

_SECRET = re.compile(r"token|key|secret|password|passwd|auth|resume|signature|credential", re.IGNORECASE)
"""A query parameter with one of these in its name has a secret value; so has ``resume``'s token."""
_PAIR = re.compile(r"(?<=[?&])([^=&\s?]{1,256})=([^&\s]*)")
_BEARER = re.compile(r"(\bbearer\s+|\btoken\.)[^\s,;]+", re.IGNORECASE)
_HIDDEN = "[hidden]"

_LINES_PER_S = 2.0
_LINES_BURST = 20.0


def configure(level: str = "info", stream: IO[str] | None = None) -> None:
    """Log to stderr, this package's and uvicorn's records alike; replaces what was set up before.

    Args:
        level: the least severity, such as ``info``. Libraries stay at ``info``: below it they log what
            passes through them.
        stream: instead of stderr.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.INFO, _level(level)))
    logging.getLogger("voicesrv").setLevel(_level(level))
    redact = RedactFilter()
    for name in ("uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.filters[:] = [redact]
    # One line a request would be mostly probes and scrapes; their number is in the metrics.
    logging.getLogger("uvicorn.access").setLevel(max(logging.WARNING, _level(level)))
    REFUSED.filters[:] = [ThrottleFilter()]


def redact(text: str) -> str:
    """Hide the values of secrets in URLs and headers, also where a name is percent-encoded."""

    def hide(pair: re.Match[str]) -> str:
        name = pair[1]
        return f"{name}={_HIDDEN}" if _SECRET.search(unquote_plus(name)) else pair[0]

    return _BEARER.sub(rf"\1{_HIDDEN}", _PAIR.sub(hide, text))


class LineFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.000Z INFO logger: message``, in UTC; a traceback follows on lines of its own."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Write the line; what a client sent cannot begin another one."""
        return redact(super().formatMessage(record)).translate(_CONTROLS)

    def formatException(self, ei: object) -> str:
        """Write the traceback, without secrets."""
        return redact(super().formatException(ei))  # type: ignore[arg-type]  # the stub's own union


class RedactFilter(logging.Filter):
    """Hides secrets before any handler sees the record; for uvicorn's loggers, which log whole URLs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's texts; let it pass."""
        if isinstance(record.args, tuple):
            record.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in record.args)
        record.msg = redact(str(record.msg))
        return True


class ThrottleFilter(logging.Filter):
    """Lets two lines a second pass, twenty at once, and says how many it held back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._bucket = TokenBucket(_LINES_PER_S, _LINES_BURST, clock())
        self._n_held = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide about one record."""
        if not self._bucket.take(self._clock()):
            self._n_held += 1
            return False
        if self._n_held:
            record.msg = f"{record.getMessage()} (and {self._n_held} more like it)"
            record.args = ()
            self._n_held = 0
        return True


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def _level(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]
