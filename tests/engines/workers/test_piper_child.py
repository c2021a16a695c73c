"""How one voice shares its time between texts: a real voice, and the pipe replaced by a list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from tests.engines.workers.voices import MICRO
from voicesrv.engines.workers.child import Link
from voicesrv.engines.workers.frames import Frame, Kind, encode
from voicesrv.engines.workers.piper_child import BLOCK_MS, PiperProgram

SENTENCE = "Some sentence to speak. "
LONG = "one two three four five six seven eight nine ten " * 4
RATE = 16000


class Sent(Link):
    """Keeps what a program sends, and cancels a text when the pipe is next looked at."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.cancels: list[tuple[PiperProgram, int]] = []

    def send(self, kind: Kind, stream: int, payload: bytes | Mapping[str, Any] = b"") -> None:
        self.frames.append(Frame(kind, stream, encode(kind, stream, payload)[9:]))

    def poll(self) -> None:
        while self.cancels:
            program, stream = self.cancels.pop()
            program.take(Frame(Kind.CANCEL, stream))


class Worker:
    def __init__(self) -> None:
        self.link = Sent()
        self.program = PiperProgram(self.link, MICRO, 1)

    def open(self, stream: int, text: str, *, pause_ms: int = 0, **manner: Any) -> None:
        manner = {"noise_scale": 0, "noise_w_scale": 0} | manner
        asked = json.dumps({"text": text, "pause_ms": pause_ms, "manner": manner}).encode()
        self.program.take(Frame(Kind.OPEN, stream, asked))

    def worked(self) -> list[Frame]:
        """Work until there is nothing to do; what was sent meanwhile."""
        self.link.frames.clear()
        while self.program.work():
            pass
        return list(self.link.frames)


@pytest.fixture(scope="module")
def worker() -> Worker:
    made = Worker()
    (hello,) = made.link.frames
    assert hello.kind is Kind.HELLO
    assert hello.json()["sample_rate"] == RATE
    assert hello.json()["tells_lengths"]
    return made


def n_samples(frames: list[Frame], stream: int) -> int:
    return sum(len(frame.payload) // 2 for frame in frames if (frame.kind, frame.stream) == (Kind.PCM, stream))


def test_a_text_is_pieces_and_an_end(worker: Worker) -> None:
    worker.open(1, SENTENCE * 3)
    frames = worker.worked()
    assert frames[-1].kind is Kind.END
    blocks = [frame for frame in frames if frame.kind is Kind.PCM]
    assert max(len(block.payload) for block in blocks) == 2 * RATE * BLOCK_MS // 1000
    words = [word for frame in frames if frame.kind is Kind.EVENT for word in frame.json()["words"]]
    assert [text for text, _, _ in words] == SENTENCE.replace(".", "").split() * 3
    shapes = [shape for frame in frames if frame.kind is Kind.EVENT for shape in frame.json()["visemes"]]
    assert all(a[2] == b[1] for a, b in pairwise(shapes))
    assert shapes[-1][2] == round(n_samples(frames, 1) * 1000 / RATE)


def test_a_pause_follows_each_sentence(worker: Worker) -> None:
    for stream, pause_ms in ((2, 0), (3, 500)):
        worker.open(stream, "One. Two? Three", pause_ms=pause_ms)
    frames = worker.worked()
    assert n_samples(frames, 3) - n_samples(frames, 2) == 2 * RATE // 2


def test_who_has_the_least_speech_in_hand_is_next(worker: Worker) -> None:
    worker.open(4, LONG + ". " + LONG)
    worker.program.work()
    worker.open(5, SENTENCE * 2)
    worker.open(6, SENTENCE)
    order = [frame.stream for frame in worker.worked() if frame.kind is Kind.PCM]
    # Those that have nothing come first, in turn; then those with one sentence in hand before the one with ten seconds.
    assert list(dict.fromkeys(order)) == [5, 6, 4]
    assert order.index(4) > max(i for i, stream in enumerate(order) if stream == 5)


def test_what_is_cancelled_while_it_waits_is_not_spoken(worker: Worker) -> None:
    worker.open(7, SENTENCE)
    worker.open(8, SENTENCE)
    worker.program.take(Frame(Kind.CANCEL, 7))
    assert {frame.stream for frame in worker.worked()} == {8}


def test_what_is_cancelled_while_it_is_spoken_is_not_sent(worker: Worker) -> None:
    worker.open(9, LONG)
    worker.link.cancels.append((worker.program, 9))
    worker.open(10, SENTENCE)
    assert {frame.stream for frame in worker.worked()} == {10}


def test_what_the_voice_cannot_speak_fails_alone(worker: Worker) -> None:
    worker.open(11, SENTENCE, speaker=99)
    worker.open(12, SENTENCE)
    frames = worker.worked()
    (failed,) = [frame for frame in frames if frame.stream == 11]
    assert failed.kind is Kind.FAIL
    assert "cannot speak this" in failed.json()["message"]
    assert n_samples(frames, 12) > 0


def test_text_without_sound(worker: Worker) -> None:
    worker.open(13, "… – ?!")
    assert [frame.kind for frame in worker.worked()] == [Kind.END]


def test_a_frame_of_a_text_that_is_over_is_ignored(worker: Worker) -> None:
    worker.program.take(Frame(Kind.CANCEL, 1))
    assert worker.worked() == []
