"""How much a client may send: pure, with the time as an argument."""

from __future__ import annotations

import math
from typing import Literal


class TokenBucket:
    """Lets ``rate`` things a second through on average, and ``burst`` at once.

    Times are seconds of any clock that does not go back.
    """

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        """Start full.

        Args:
            rate: over 0, in things a second.
            burst: at least 1.
            now: in seconds.
        """
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = now

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take ``amount`` if there is as much; otherwise take nothing and return False."""
        left = self.left(now)
        if left < amount:
            return False
        self._left = left - amount
        self._at = now
        return True

    def left(self, now: float) -> float:
        """How much could be taken."""
        return min(self._burst, self._left + (now - self._at) * self._rate)

    def wait_ms(self, now: float, amount: float = 1.0) -> int:
        """Milliseconds until ``amount`` can be taken, rounded up; 0 where it can be now."""
        return math.ceil(max(0.0, amount - self.left(now)) / self._rate * 1000)


class AudioPace:
    """Tells input audio that comes faster than ``pace`` times real time.

    An account in seconds of audio: it holds at most ``burst_s``, gains ``pace`` a second, and pays for
    all audio that comes. Overdrawn is too fast. Ten seconds' gain below zero is as far as it goes, and
    ends the connection: a client that slows down in time is back within the averaging window.
    """

    __slots__ = ("_at", "_burst_s", "_floor_s", "_left_s", "_pace")

    AVERAGED_S = 10.0

    def __init__(self, pace: float, burst_s: float, now: float) -> None:
        """Start with the whole burst.

        Args:
            pace: times real time, over 0.
            burst_s: audio that may come at once, in seconds.
            now: in seconds.
        """
        self._pace = pace
        self._burst_s = burst_s
        self._floor_s = -pace * self.AVERAGED_S
        self._left_s = burst_s
        self._at = now

    def add(self, ms: float, now: float) -> Literal["over", "fatal"] | None:
        """Count ``ms`` of audio; say whether it is too fast, or has been for too long."""
        self._left_s = min(self._burst_s, self._left_s + (now - self._at) * self._pace) - ms / 1000
        self._at = now
        if self._left_s >= 0:
            return None
        if self._left_s > self._floor_s:
            return "over"
        self._left_s = self._floor_s
        return "fatal"

    def wait_ms(self, now: float) -> int:
        """Milliseconds without audio until the account is even, rounded up."""
        left_s = self._left_s + (now - self._at) * self._pace
        return math.ceil(max(0.0, -left_s) / self._pace * 1000)
