"""A worker process for the tests of the pool: does to each stream what its opening asks for."""

from __future__ import annotations

import os
import sys
import time

from voicesrv.engines.workers.child import Link
from voicesrv.engines.workers.frames import Frame, Kind


class EchoProgram:
    """Sends samples back; ``do`` in the opening makes it die, hang, print, fail, flood or say nothing."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._asked: dict[int, str] = {}
        link.send(Kind.HELLO, 0, {"slots": 2, "arguments": sys.argv[1:], "environment": dict(os.environ)})

    def take(self, frame: Frame) -> None:
        if frame.kind is Kind.OPEN:
            self._asked[frame.stream] = frame.json()["do"]
            self._begin(frame.stream, self._asked[frame.stream])
        elif frame.kind is Kind.CANCEL:
            self._asked.pop(frame.stream, None)
        elif frame.stream in self._asked:
            self._echo(frame)

    def work(self) -> bool:
        return False

    def _begin(self, stream: int, do: str) -> None:
        if do == "die":
            sys.stderr.write("my last words\n")
            sys.stderr.flush()
            os._exit(3)
        elif do == "hang":
            while True:
                time.sleep(1)  # it stands for an engine that is stuck
        elif do == "print":
            os.write(1, b"a library prints this\n")
            self._link.send(Kind.END, stream)
        elif do == "fail":
            self._link.send(Kind.FAIL, stream, {"message": "I cannot"})
        elif do == "flood":
            for _ in range(5000):
                self._link.send(Kind.EVENT, stream, {})
        elif do == "count":
            self._link.send(Kind.EVENT, stream, {"streams": len(self._asked)})

    def _echo(self, frame: Frame) -> None:
        if frame.kind is Kind.END:
            self._link.send(Kind.END, frame.stream)
        elif self._asked[frame.stream] != "deaf":
            self._link.send(Kind.CREDIT, frame.stream, {"bytes": len(frame.payload)})
            self._link.send(Kind.PCM, frame.stream, frame.payload)


if __name__ == "__main__":
    if "--broken" in sys.argv:
        sys.exit("no model here")
    if "--slow" in sys.argv:
        time.sleep(30)  # it stands for a model that is never loaded
    Link().run(EchoProgram)
