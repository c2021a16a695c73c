"""The child's side of the pipe, with a real process on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicesrv.engines.workers.frames import Frame, FrameReader, Kind, encode

ROOT = Path(__file__).parents[3]


class Child:
    """A worker process that is spoken to without a pool."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.engines.workers.echo_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        self._reader = FrameReader()
        self._frames: list[Frame] = []
        assert self.read().kind is Kind.HELLO

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read(self) -> Frame:
        assert self.process.stdout is not None
        while not self._frames:
            data = os.read(self.process.stdout.fileno(), 4096)
            assert data, "it ended"
            self._frames += self._reader.feed(data)
        return self._frames.pop(0)


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child()
    yield made
    made.process.kill()
    made.process.wait()
    for pipe in (made.process.stdin, made.process.stdout, made.process.stderr):
        assert pipe is not None
        pipe.close()


def test_it_answers_pings(child: Child) -> None:
    child.write(encode(Kind.PING, 0))
    assert child.read() == Frame(Kind.PONG, 0)


def test_it_ends_with_its_parent(child: Child) -> None:
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(5) == 0


def test_it_ends_with_its_parent_even_when_the_engine_is_stuck(child: Child) -> None:
    child.write(encode(Kind.OPEN, 1, {"do": "hang"}))
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(5) == 0


def test_an_interrupt_is_for_the_parent(child: Child) -> None:
    child.process.send_signal(signal.SIGINT)
    child.write(encode(Kind.PING, 0))
    assert child.read() == Frame(Kind.PONG, 0)


def test_standard_output_carries_frames_alone(child: Child) -> None:
    child.write(encode(Kind.OPEN, 1, {"do": "print"}))
    assert child.read() == Frame(Kind.END, 1)
    assert child.process.stderr is not None
    assert child.process.stderr.readline() == b"a library prints this\n"


def test_what_is_no_frame_ends_it(child: Child) -> None:
    child.write(b"\xff" * 20)
    assert child.process.wait(5) == 0
    assert child.process.stderr is not None
    assert b"is no frame" in child.process.stderr.read()
