from __future__ import annotations

import logging
from typing import Any

import pytest

from voicesrv.transport import descriptors

resource = pytest.importorskip("resource")
ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [
        (1024, 524_288, 4608),
        (1024, ENDLESS, 4608),
        (1024, 4096, 4096),
        (4608, 524_288, None),
        (65_536, 524_288, None),
        (ENDLESS, ENDLESS, None),
    ],
)
def test_the_limit_is_raised_and_never_lowered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, soft: int, hard: int, then: int | None
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: made.append(limits))
    with caplog.at_level(logging.WARNING):
        descriptors.allow(4096)
    assert made == ([(then, hard)] if then else [])
    assert ("too few for 4096 connections" in caplog.text) == (hard == 4096)


@pytest.mark.parametrize("error", [ValueError("current limit exceeds maximum limit"), PermissionError("sandbox")])
def test_a_limit_that_cannot_be_raised_is_told_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(which: int, limits: tuple[int, int]) -> None:
        raise error

    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, ENDLESS))
    monkeypatch.setattr(resource, "setrlimit", fail)
    with caplog.at_level(logging.WARNING):
        descriptors.allow(4096)
    assert "allows 1024 open files, too few for 4096 connections" in caplog.text
