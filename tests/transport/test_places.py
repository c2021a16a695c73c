from __future__ import annotations

import pytest

from voicesrv.transport.places import Places


def places(size: int, *guests: tuple[str, str]) -> Places[str]:
    made: Places[str] = Places(size)
    for guest, address in guests:
        made.enter(guest, address)
    return made


def test_the_address_with_the_most_gives_way_and_of_it_the_oldest() -> None:
    full = places(5, ("a1", "a"), ("b1", "b"), ("b2", "b"), ("a2", "a"), ("b3", "b"))
    assert [full.evict() for _ in range(5)] == ["b1", "a1", "b2", "a2", "b3"]
    assert full.evict() is None


def test_among_equals_it_is_the_one_that_came_first() -> None:
    full = places(3, ("one", "a"), ("two", "b"), ("three", "c"))
    full.leave("one", "a")
    full.enter("four", "a")
    assert [full.evict() for _ in range(3)] == ["two", "three", "four"]


def test_an_attacker_pays_for_each_newcomer_itself() -> None:
    full = places(100, ("honest", "there"), *((f"attacker {i}", "here") for i in range(99)))
    for i in range(99, 1000):
        assert full.is_full()
        assert full.evict() == f"attacker {i - 99}"
        full.enter(f"attacker {i}", "here")
    assert len(full) == 100


@pytest.mark.parametrize("leaver", [("a1", "a"), ("stranger", "a"), ("a1", "nowhere")])
def test_a_place_is_given_back_once(leaver: tuple[str, str]) -> None:
    full = places(2, ("a1", "a"), ("a2", "a"))
    full.leave(*leaver)
    full.leave(*leaver)
    assert len(full) == (1 if leaver == ("a1", "a") else 2)
    assert full.is_full() == (len(full) == 2)
