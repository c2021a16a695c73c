"""Processes that are told what to do in a line of JSON and answer in lines."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from voicesrv.errors import VoicesrvError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_END_S = 15.0
"""A server drains for up to 10 s; a process that takes longer than this is killed."""
_GIVE_UP_S = 3.0
"""The same where something else went wrong and somebody waits to hear it: engines' processes end with their server."""


class Worker:
    """A module of ours run as a process; a context manager that ends it by ending its stdin."""

    def __init__(self, module: str, order: DataclassInstance) -> None:
        """Start it.

        Args:
            module: run as ``python -m``; its first line of stdin is ``order`` as JSON.
        """
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            process_group=0,  # Ctrl-C in a terminal is for the parent, which ends the others in good order
        )
        self.pid = self._process.pid
        self._stdin.write(json.dumps(dataclasses.asdict(order)) + "\n")

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def line(self) -> str:
        """Wait for its next line.

        Raises:
            VoicesrvError: it ended instead.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith("\n"):
            code = self._process.wait()
            raise VoicesrvError(f"{self._module} ended before its time with exit code {code}")
        return line.rstrip("\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=_END_S if exc is None else _GIVE_UP_S)
        except subprocess.TimeoutExpired:
            pass
        finally:  # a second Ctrl-C comes this way, too
            self._process.kill()
            self._process.communicate()
