"""Who gives way where all places are taken. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Guest = TypeVar("Guest")


class Places(Generic[Guest]):
    """Places that guests hold for a moment, and that no address can keep from the others; how many is the caller's.

    Where all are taken, it is the oldest guest of the address with the most that gives way: one address that fills
    them all pays for each newcomer itself, and whoever comes from elsewhere stays. Those who share an address with an
    attacker (a proxy, a household) stay for as long as it takes that to fill all places anew, and so do all where an
    attack comes from everywhere. An address may hold every place while nobody else wants one.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._n_taken = 0
        self._by_address: dict[str, dict[Guest, None]] = {}
        """The oldest first, and first the address that has been here for longest."""

    def __len__(self) -> int:
        return self._n_taken

    def enter(self, guest: Guest, address: str) -> None:
        """Give a place to somebody who has none."""
        self._by_address.setdefault(address, {})[guest] = None
        self._n_taken += 1

    def leave(self, guest: Guest, address: str) -> None:
        """Take a place back, if it is still held."""
        guests = self._by_address.get(address, {})
        if guest in guests:
            del guests[guest]
            self._n_taken -= 1
            if not guests:
                del self._by_address[address]

    def evict(self, newcomer: str | None = None, *, may_go: Callable[[Guest], bool] = lambda _: True) -> Guest | None:
        """Take a place from whose turn it is to give way; None where there is nobody.

        Args:
            newcomer: the address of one that can be turned away instead. A guest gives way to it only where the
                guest's own address has no fewer even then.
            may_go: who is not to go now is passed over, and stays.
        """
        at_least = 1 if newcomer is None else 2 + len(self._by_address.get(newcomer, {}))
        for address, guests in sorted(self._by_address.items(), key=lambda each: len(each[1]), reverse=True):
            if len(guests) < at_least:
                break
            for guest in guests:
                if may_go(guest):
                    self.leave(guest, address)
                    return guest
        return None
