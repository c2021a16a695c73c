"""Whether the null voice's audio arrived whole: its blocks are numbered (``engines.null.NullTts``)."""

from __future__ import annotations

import numpy as np

from voicesrv.engines.null import MARK_SAMPLES, read_marks

_BLOCK_BYTES = MARK_SAMPLES * 2


class MarkedAudio:
    """Follows the numbers through one reply; pure."""

    def __init__(self) -> None:
        self._rest = b""
        self._next = 0  # number of the block that is due
        self._n_blocks = 0  # that its segment has; 0 between segments
        self._segment = -1

    def feed(self, pcm: bytes) -> int:
        """Take the next audio, 24 kHz linear16; give the number of blocks that are not the one due."""
        data = self._rest + pcm
        whole = len(data) - len(data) % _BLOCK_BYTES
        self._rest = data[whole:]
        breaks = 0
        for segment, block, n_blocks in read_marks(np.frombuffer(data[:whole], dtype="<i2")).tolist():
            starts = self._next == self._n_blocks
            follows = block == 0 if starts else (segment == self._segment and block == self._next)
            breaks += not follows
            # After a break it goes on from what is there, so that one loss is counted once.
            self._segment, self._next, self._n_blocks = segment, block + 1, n_blocks
        return breaks

    def finish(self) -> int:
        """The reply's audio has ended; give 1 where its end is missing, else 0."""
        return int(bool(self._rest) or self._next != self._n_blocks)
