"""How one worker shares its time between turns: real decoders, and the pipe replaced by a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.engines.workers.speech import samples_of
from voicesrv.engines.workers.child import Link
from voicesrv.engines.workers.frames import CREDIT_BYTES, Frame, Kind, encode
from voicesrv.engines.workers.pocketsphinx_child import PocketSphinxProgram

GO = samples_of("en_go_forward.wav")
LONG = samples_of("en_turns_austen.wav")


class Sent(Link):
    """Keeps what a program sends."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, kind: Kind, stream: int, payload: bytes | Mapping[str, Any] = b"") -> None:
        data = encode(kind, stream, payload)
        self.frames.append(Frame(kind, stream, data[9:]))


class Worker:
    def __init__(self) -> None:
        self.link = Sent()
        self.program = PocketSphinxProgram(self.link, 2)

    def open(self, stream: int, samples: bytes, *, end: bool) -> None:
        asked = b'{"interim": false, "every_ms": 250}'
        self.program.take(Frame(Kind.OPEN, stream, asked))
        self.program.take(Frame(Kind.PCM, stream, samples))
        if end:
            self.program.take(Frame(Kind.END, stream))

    def worked(self) -> list[Frame]:
        """Work until there is nothing to do; what was sent meanwhile."""
        self.link.frames.clear()
        while self.program.work():
            pass
        return self.link.frames


@pytest.fixture(scope="module")
def worker() -> Worker:
    made = Worker()
    assert [(frame.kind, frame.json()) for frame in made.link.frames] == [(Kind.HELLO, {"slots": 2})]
    return made


def test_the_end_of_a_turn_comes_before_audio_of_others(worker: Worker) -> None:
    worker.open(1, LONG[:128_000], end=False)
    worker.open(2, GO, end=True)
    sent = worker.worked()
    kinds = [(frame.kind, frame.stream) for frame in sent]
    assert kinds[-1] == (Kind.CREDIT, 1)
    assert kinds.index((Kind.END, 2)) < kinds.index((Kind.CREDIT, 1))
    worker.program.take(Frame(Kind.CANCEL, 1))


def test_all_that_is_heard_is_credited_but_less_than_a_block(worker: Worker) -> None:
    worker.open(3, LONG[:128_000], end=False)
    credits = [frame.json()["bytes"] for frame in worker.worked() if frame.kind is Kind.CREDIT]
    assert all(n_bytes >= CREDIT_BYTES for n_bytes in credits)
    assert 128_000 - CREDIT_BYTES < sum(credits) <= 128_000
    worker.program.take(Frame(Kind.CANCEL, 3))


def test_frames_of_a_turn_that_is_over_are_ignored(worker: Worker) -> None:
    worker.open(4, GO, end=True)
    assert worker.worked()[-1] == Frame(Kind.END, 4)
    for kind in (Kind.PCM, Kind.EVENT, Kind.END, Kind.CANCEL):
        worker.program.take(Frame(kind, 4, b""))
    assert worker.worked() == []


def test_turns_share_what_decoders_there_are(worker: Worker) -> None:
    for round_ in range(3):
        streams = [10 + 2 * round_, 11 + 2 * round_]
        for stream in streams:
            worker.open(stream, GO, end=True)
        finals = [frame for frame in worker.worked() if frame.kind is Kind.EVENT]
        assert {frame.stream for frame in finals} == set(streams)
        assert {frame.json()["text"] for frame in finals} == {"go forward ten meters"}
