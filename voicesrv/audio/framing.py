"""Samples as they arrive -> frames of fixed length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voicesrv.audio.pcm import Samples


class Framer:
    """Cuts a stream of samples into frames and keeps what is left over for the next call.

    Args:
        frame_samples: samples in one frame, at least 1.
    """

    def __init__(self, frame_samples: int) -> None:
        if frame_samples < 1:
            raise ValueError(f"frame_samples is {frame_samples}; it must be at least 1")
        self.frame_samples = frame_samples
        self._held: Samples = np.empty(frame_samples, np.int16)
        self._n_held = 0
        self._none = np.empty((0, frame_samples), np.int16)

    @property
    def pending(self) -> int:
        """Samples that wait for the rest of their frame; below ``frame_samples``."""
        return self._n_held

    def feed(self, samples: Samples) -> NDArray[np.int16]:
        """Return the frames that ``samples`` completes, in order.

        Args:
            samples: int16, shape ``(n_samples,)``, any length.

        Returns:
            int16, shape ``(n_frames, frame_samples)``; ``n_frames`` may be 0. Where nothing was
            held back it is a view of ``samples``: do not write to either.
        """
        held, total = self._n_held, self._n_held + samples.size
        n_frames, rest = divmod(total, self.frame_samples)
        if n_frames == 0:
            self._held[held:total] = samples
            self._n_held = total
            return self._none
        used = samples.size - rest
        if held:
            whole = np.empty(total - rest, np.int16)
            whole[:held] = self._held[:held]
            whole[held:] = samples[:used]
        else:
            whole = samples[:used]
        self._held[:rest] = samples[used:]
        self._n_held = rest
        return whole.reshape(n_frames, self.frame_samples)

    def reset(self) -> None:
        """Forget what is held back."""
        self._n_held = 0


def message_size(waiting: int, least: int, most: int, *, ended: bool) -> int:
    """How much of ``waiting`` to send as the next message, so that all are ``least`` to ``most`` long.

    Before the end ``least`` is held back, for the last message must not be shorter; only audio that
    is shorter as a whole is sent as it is. Lengths are in any one unit; ``most`` is at least twice ``least``.

    Returns:
        0 where nothing is to be sent yet.
    """
    if not ended:
        spare = waiting - least
        return min(spare, most) if spare >= least else 0
    if waiting <= most:
        return waiting
    return most if waiting >= most + least else waiting // 2
