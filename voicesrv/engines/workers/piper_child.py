"""Piper as a worker process: text in, samples with words and mouth shapes out.

One voice is loaded once and speaks for everybody, a piece of a sentence at a time; next is whoever has the least speech
in hand. The network runs on a thread beside, so that pings are answered meanwhile and a text that is no longer wanted
stops it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import onnxruntime

from voicesrv.engines.workers import phoneme_times
from voicesrv.engines.workers.child import Link
from voicesrv.engines.workers.frames import Frame, Kind
from voicesrv.engines.workers.phoneme_cuts import pieces
from voicesrv.engines.workers.piper_voice import BadVoice, Manner, Spoken, Voice
from voicesrv.engines.workers.spoken_words import SpokenWords

SLOTS = 8
"""Texts at once: a voice of medium size runs at 0.12 of real time on two busy cores; with more there would be gaps."""
BLOCK_MS = 400
"""Speech in one frame. All of a piece is there at once, so shorter ones would only be more of them."""
POLL_S = 0.005
"""How often the pipe is looked at while the network runs."""
RUN_LIMIT_S = 30.0
"""The longest that one piece, at most 9 s of speech, may take; a network that takes longer hangs."""


@dataclass(slots=True)
class _Job:
    """One text on its way."""

    stream: int
    text: str
    manner: Manner
    pause_ms: int
    words: SpokenWords
    parts: Iterator[tuple[list[str], bool]] | None = None
    """What is left to say: symbols, and whether a pause follows them."""
    begun: float = 0.0
    """When its first piece was sent."""
    sent: int = 0
    """Samples."""
    spoken: set[int] = field(default_factory=set)
    """Words that were told."""
    cancelled: bool = False


class PiperProgram:
    """Speaks texts in turn, a piece of each at a time.

    Args:
        link: the pipe.
        path: of the voice's ONNX file.
        threads: for one piece.

    Raises:
        BadVoice: see ``Voice``.
        MemoryError: the voice does not fit in memory.
    """

    def __init__(self, link: Link, path: Path, threads: int) -> None:
        self._link = link
        self._thread = ThreadPoolExecutor(1)
        # Loaded on the thread that speaks, which is there from now on: when memory is short none can be started.
        self._voice = voice = self._thread.submit(Voice, path, threads).result()
        self._jobs: dict[int, _Job] = {}
        link.send(
            Kind.HELLO,
            0,
            {
                "slots": SLOTS,
                "sample_rate": voice.sample_rate,
                "language": voice.language,
                "speakers": voice.speakers,
                "length_scale": voice.length_scale,
                "tells_lengths": voice.tells_lengths,
            },
        )

    def take(self, frame: Frame) -> None:
        if frame.kind is Kind.OPEN:
            self._jobs[frame.stream] = self._job(frame.stream, frame.json())
        elif frame.kind is Kind.CANCEL and frame.stream in self._jobs:
            self._jobs.pop(frame.stream).cancelled = True

    def work(self) -> bool:
        """Speak the next piece of the text that has the least speech in hand."""
        if not self._jobs:
            return False
        now = time.monotonic()
        job = min(self._jobs.values(), key=lambda job: self._in_hand_s(job, now))
        try:
            if job.parts is None:
                job.parts = self._parts(job.text)
            part = next(job.parts, None)
            if part is not None:
                self._speak(job, *part)
        except ValueError as error:
            self._end(job, Kind.FAIL, {"message": str(error)})
            return True
        except MemoryError:
            self._give_up("out of memory; give it more, or try a smaller voice")
        if part is None:
            self._end(job, Kind.END, {})
        return True

    def _job(self, stream: int, asked: Mapping[str, Any]) -> _Job:
        text = asked["text"].replace("\0", " ").encode("utf-8", "replace").decode()
        return _Job(stream, text, Manner(**asked["manner"]), asked["pause_ms"], SpokenWords(text, self._voice.alone))

    def _in_hand_s(self, job: _Job, now: float) -> float:
        """How much of what was sent is not heard yet, if it is played from its first piece on."""
        return job.sent / self._voice.sample_rate - (now - job.begun) if job.sent else float("-inf")

    def _parts(self, text: str) -> Iterator[tuple[list[str], bool]]:
        n_before = 0
        for symbols in self._voice.phonemes(text):
            for start, end in pieces(symbols, n_before):
                n_before += 1
                yield symbols[start:end], end == len(symbols) and symbols[-1] in ".?!"

    def _speak(self, job: _Job, symbols: list[str], ends_a_sentence: bool) -> None:
        """Speak one piece and send it, unless the text is cancelled meanwhile."""
        if not any(map(str.isalnum, symbols)):
            return
        spoken = self._spoken(job, symbols)
        if spoken is None or job.cancelled or not len(spoken.samples):
            return
        rate = self._voice.sample_rate
        pause = job.pause_ms * rate // 1000 if ends_a_sentence else 0
        signs = [phoneme_times.BEGIN, *symbols, phoneme_times.END]
        lengths = spoken.lengths or phoneme_times.usual_lengths(signs)
        ends = phoneme_times.sample_ends(lengths, len(spoken.samples))
        words = phoneme_times.words(ends[1:-1], job.words.owners(symbols), ends[0])
        ends[-1] += pause
        timed = [(job.words.word(index), start, end) for index, start, end in words if index not in job.spoken]
        job.spoken.update(index for index, _, _ in words)
        shapes = phoneme_times.shapes(signs, ends, rate)
        self._send(job, spoken.samples.tobytes() + bytes(2 * pause), {"words": timed, "visemes": shapes})

    def _spoken(self, job: _Job, symbols: list[str]) -> Spoken | None:
        """Run the network, and see to the pipe meanwhile; None where the text was cancelled."""
        options = onnxruntime.RunOptions()
        run = self._thread.submit(self._voice.speak, symbols, job.manner, options)
        until = time.monotonic() + RUN_LIMIT_S
        while True:
            try:
                return run.result(POLL_S)
            except TimeoutError:
                if time.monotonic() > until:
                    self._give_up(f"{len(symbols)} phonemes took longer than {RUN_LIMIT_S:g} s; try a smaller voice")
            except ValueError:
                if job.cancelled:
                    return None
                raise
            self._link.poll()
            options.terminate = job.cancelled

    def _give_up(self, why: str) -> NoReturn:
        """End the process, and let a fresh one take over; whoever has a text here is told why."""
        for stream in self._jobs:
            self._link.send(Kind.EVENT, stream, {"unavailable": why})
        print(f"piper: {why}", file=sys.stderr, flush=True)
        os._exit(1)  # leaving in any other way would wait for the network's thread

    def _send(self, job: _Job, pcm: bytes, timed: Mapping[str, list[phoneme_times.Timed]]) -> None:
        """Send speech, in front of each block the words and mouth shapes that begin in it."""
        rate = self._voice.sample_rate
        job.begun = job.begun or time.monotonic()
        n_samples = len(pcm) // 2
        block = BLOCK_MS * rate // 1000
        for start in range(0, n_samples, block):
            until = start + block
            timing = {
                kind: [
                    [text, round((job.sent + first) * 1000 / rate), round((job.sent + last) * 1000 / rate)]
                    for text, first, last in all_timed
                    if start <= first < until
                ]
                for kind, all_timed in timed.items()
            }
            if any(timing.values()):
                self._link.send(Kind.EVENT, job.stream, timing)
            self._link.send(Kind.PCM, job.stream, pcm[2 * start : 2 * until])
        job.sent += n_samples

    def _end(self, job: _Job, kind: Kind, payload: Mapping[str, Any]) -> None:
        if not job.cancelled:
            del self._jobs[job.stream]
            self._link.send(kind, job.stream, payload or b"")


def main() -> None:
    path, threads = json.loads(sys.argv[1])
    # Piper logs each symbol that a voice has no sound for.
    logging.getLogger("piper").setLevel(logging.ERROR)
    try:
        Link().run(lambda link: PiperProgram(link, Path(path), threads))
    except BadVoice as error:
        sys.exit(f"piper: {error}")
    except MemoryError as error:
        sys.exit(f"piper: out of memory; give it more, or try a smaller voice: {error}")


if __name__ == "__main__":
    main()
