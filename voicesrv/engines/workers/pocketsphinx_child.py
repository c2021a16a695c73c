"""PocketSphinx as a worker process: several turns at once, each heard a tenth of a second at a time.

Arguments: how many turns at once.
"""

from __future__ import annotations

import sys
from collections import deque

from voicesrv.engines.workers.child import Link
from voicesrv.engines.workers.frames import CREDIT_BYTES, Frame, Kind
from voicesrv.engines.workers.hearing import START_MEAN, Hearing
from voicesrv.engines.workers.listening import PIECE_BYTES, Listening


class PocketSphinxProgram:
    """Shares its time between turns: first answers that are waited for, then audio in turn, then second hearings.

    There is one decoder more than turns, for second hearings.
    """

    def __init__(self, link: Link, slots: int) -> None:
        self._link = link
        self._slots = slots
        self._turns: dict[int, Listening] = {}
        self._order: deque[int] = deque()
        self._worked_off: dict[int, int] = {}
        self._free = [_warm_decoder() for _ in range(slots + 1)]
        link.send(Kind.HELLO, 0, {"slots": slots})

    def take(self, frame: Frame) -> None:
        if frame.kind is Kind.OPEN:
            asked = frame.json()
            self._turns[frame.stream] = Listening(
                self._free.pop(),
                self._spare,
                self._free.append,
                interim=asked["interim"],
                every_ms=asked["every_ms"],
            )
            self._worked_off[frame.stream] = 0
            self._order.append(frame.stream)
            return
        turn = self._turns.get(frame.stream)
        if turn is None:
            return
        if frame.kind is Kind.PCM:
            turn.append(frame.payload)
        elif frame.kind is Kind.EVENT:
            turn.pause()
        elif frame.kind is Kind.END:
            turn.ended = True
        elif frame.kind is Kind.CANCEL:
            self._close(frame.stream)

    def work(self) -> bool:
        self._order.rotate(-1)
        stream = next((n for n in self._order if self._turns[n].urgent), None)
        if stream is None:
            stream = next((n for n in self._order if self._turns[n].pending), None)
        if stream is not None:
            self._step(stream)
            return True
        for turn in self._turns.values():
            if turn.catching_up:
                turn.catch_up()
                return True
        return False

    def _step(self, stream: int) -> None:
        n_bytes, transcript = self._turns[stream].step()
        self._worked_off[stream] += n_bytes
        if self._worked_off[stream] >= CREDIT_BYTES:
            self._link.send(Kind.CREDIT, stream, {"bytes": self._worked_off[stream]})
            self._worked_off[stream] = 0
        if transcript:
            self._link.send(Kind.EVENT, stream, transcript)
            if transcript["final"]:
                self._link.send(Kind.END, stream)
                self._close(stream)

    def _close(self, stream: int) -> None:
        self._turns.pop(stream).close()
        self._order.remove(stream)
        del self._worked_off[stream]

    def _spare(self) -> Hearing | None:
        """A decoder that no turn can need."""
        return self._free.pop() if len(self._free) > self._slots - len(self._turns) else None


def _warm_decoder() -> Hearing:
    """A decoder that has been used: the first use is slower, because it allocates what it searches in."""
    hearing = Hearing()
    hearing.begin(START_MEAN)
    hearing.hear(bytes(PIECE_BYTES))
    hearing.drop()
    return hearing


if __name__ == "__main__":
    Link().run(lambda link: PocketSphinxProgram(link, int(sys.argv[1])))
