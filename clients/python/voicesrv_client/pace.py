"""Keeps text messages within the rate that the server takes: one over it is not obeyed, and lost. Pure."""

from __future__ import annotations

_SHARE = 0.9
"""Of the server's rate: the two clocks differ, and the network delivers by fits."""
_BURST_SHARE = 0.5
"""Of the server's burst; the rest is for what a second of standstill on the network heaps up."""
_RESERVE = 5
"""Kept by commands for pings and reports, which come now and then."""


class Pace:
    """A bucket of allowances: one for each message, refilled at the rate. The twin of clients/web/src/pace.ts."""

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        """A connection begins.

        Args:
            per_s: messages that the server takes in a second.
            burst: how many of them at once.
            now_s: of a clock in seconds, here and below.
        """
        self._per_s = _SHARE * per_s
        self._most = max(_RESERVE + 1, _BURST_SHARE * burst)
        self._left = self._most
        self._at_s = now_s

    def wait_s(self, now_s: float) -> float:
        """How long until a command may be sent; 0 for at once."""
        return max(0.0, (_RESERVE + 1 - self._allowance(now_s)) / self._per_s)

    def has_any(self, now_s: float) -> bool:
        """Whether anything may be sent that can as well be forgotten."""
        return self._allowance(now_s) >= 1

    def spend(self, now_s: float) -> None:
        """A message is sent."""
        self._left = self._allowance(now_s) - 1
        self._at_s = now_s

    def _allowance(self, now_s: float) -> float:
        return min(self._most, self._left + (now_s - self._at_s) * self._per_s)
