"""Who gives way where all places are taken. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

Guest = TypeVar("Guest")


class Places(Generic[Guest]):
    """Places that guests hold for a moment, and that no address can keep from the others.

    Where all are taken, it is the oldest guest of the address with the most that gives way: one address that fills
    them all pays for each newcomer itself, and whoever comes from elsewhere stays. Those who share an address with an
    attacker (a proxy, a household) stay for as long as it takes that to fill all places anew, and so do all where an
    attack comes from everywhere. An address may hold every place while nobody else wants one.
    """

    def __init__(self, size: int) -> None:
        """Begin empty.

        Args:
            size: at least 1.
        """
        self._size = size
        self._n_taken = 0
        self._by_address: dict[str, dict[Guest, None]] = {}
        """The oldest first, and first the address that has been here for longest."""

    def __len__(self) -> int:
        return self._n_taken

    def is_full(self) -> bool:
        """Whether somebody has to give way to a newcomer."""
        return self._n_taken >= self._size

    def enter(self, guest: Guest, address: str) -> None:
        """Give a place to somebody who has none; the count may go over the size until others have left."""
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

    def evict(self) -> Guest | None:
        """Take a place from whose turn it is to give way; None where nobody is here."""
        if not self._by_address:
            return None
        address, guests = max(self._by_address.items(), key=lambda each: len(each[1]))
        guest = next(iter(guests))
        self.leave(guest, address)
        return guest
