"""How many more streams a model has time for, from what the streams so far have cost. Pure."""

from __future__ import annotations

TARGET = 0.7
"""Share of its time that the model may be busy: above it the wait for a batch grows without bound (M/D/1: at 0.7
a job waits 1.2 times its own length on average, at 0.9 4.5 times)."""
_FORGET_S = 30.0
"""What was measured so much audio ago, over all streams, counts half."""


class Load:
    """What a second of speech costs, in seconds of the model."""

    def __init__(self, cost: float, workers: int = 1) -> None:
        """Args:
        cost: a first measure, from warming up.
        workers: batches that run at the same time.
        """
        self._workers = workers
        self._busy_s = cost * _FORGET_S
        self._audio_s = _FORGET_S
        self.streams = 0
        """How many are open."""

    def count(self, busy_s: float, audio_s: float) -> None:
        """The model was busy for so long with a stream that has ended, which lasted so long.

        Args:
            busy_s: as it would have been at the usual pace: where interims came late because the model
                was busy, those that it did not make are counted too, or an overloaded one would seem free.
            audio_s: above 0.
        """
        keep = 0.5 ** (audio_s / _FORGET_S)
        self._busy_s = self._busy_s * keep + busy_s
        self._audio_s = self._audio_s * keep + audio_s

    @property
    def cost(self) -> float:
        """Seconds of the model for a second of speech."""
        return self._busy_s / self._audio_s

    def room(self) -> int:
        """How many more streams fit, were all to speak at once; 0 when full. One fits on any machine."""
        return max(0, max(1, int(TARGET * self._workers / self.cost)) - self.streams)
