"""Sending no faster than allowed, without falling behind what comes in real time."""

from __future__ import annotations


class Pacer:
    """A token bucket that says how long to wait; pure, the time is an argument.

    What comes at the right pace is never held back, as a microphone's audio; what comes all at once,
    as a file's, leaves at ``rate`` after the first ``burst``.
    """

    def __init__(self, rate: float, burst: float) -> None:
        """Start with a full bucket.

        Args:
            rate: units a second.
            burst: units that may leave at once after a rest.
        """
        self._rate = rate
        self._burst = burst
        self._free = burst
        self._at_s: float | None = None

    def wait_s(self, units: float, now_s: float) -> float:
        """Count ``units`` as sent, and say how many seconds from now they are to leave."""
        elapsed_s = 0.0 if self._at_s is None else now_s - self._at_s
        self._at_s = now_s
        self._free = min(self._burst, self._free + elapsed_s * self._rate) - units
        return max(0.0, -self._free / self._rate)
