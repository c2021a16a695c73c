from __future__ import annotations

import pytest

from voicesrv.transport.places import Places


def places(*guests: tuple[str, str]) -> Places[str]:
    made: Places[str] = Places()
    for guest, address in guests:
        made.enter(guest, address)
    return made


def test_the_address_with_the_most_gives_way_and_of_it_the_oldest() -> None:
    full = places(("a1", "a"), ("b1", "b"), ("b2", "b"), ("a2", "a"), ("b3", "b"))
    assert [full.evict() for _ in range(5)] == ["b1", "a1", "b2", "a2", "b3"]
    assert full.evict() is None


def test_among_equals_it_is_the_one_that_came_first() -> None:
    full = places(("one", "a"), ("two", "b"), ("three", "c"))
    full.leave("one", "a")
    full.enter("four", "a")
    assert [full.evict() for _ in range(3)] == ["two", "three", "four"]


def test_an_attacker_pays_for_each_newcomer_itself() -> None:
    full = places(("honest", "there"), *((f"attacker {i}", "here") for i in range(99)))
    for i in range(99, 1000):
        assert full.evict() == f"attacker {i - 99}"
        full.enter(f"attacker {i}", "here")
    assert len(full) == 100


@pytest.mark.parametrize("leaver", [("a1", "a"), ("stranger", "a"), ("a1", "nowhere")])
def test_a_place_is_given_back_once(leaver: tuple[str, str]) -> None:
    full = places(("a1", "a"), ("a2", "a"))
    full.leave(*leaver)
    full.leave(*leaver)
    assert len(full) == (1 if leaver == ("a1", "a") else 2)


@pytest.mark.parametrize(
    ("newcomer", "evicted"), [("elsewhere", "a1"), ("c", "a1"), ("b", None), ("a", None)], ids=["0", "1", "2", "3"]
)
def test_one_gives_way_to_a_newcomer_whose_address_has_fewer(newcomer: str, evicted: str | None) -> None:
    full = places(("c1", "c"), ("b1", "b"), ("a1", "a"), ("a2", "a"), ("b2", "b"), ("a3", "a"))
    assert full.evict(newcomer) == evicted
    assert len(full) == (6 if evicted is None else 5)


def test_who_is_not_to_go_now_is_passed_over_and_stays() -> None:
    full = places(("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("b2", "b"))
    busy = {"a1", "a2", "a3", "b1"}
    assert full.evict("elsewhere", may_go=lambda guest: guest not in busy) == "b2"
    assert full.evict("elsewhere", may_go=lambda guest: guest not in busy) is None
    busy.remove("a2")
    assert full.evict("elsewhere", may_go=lambda guest: guest not in busy) == "a2"
    assert [full.evict() for _ in range(3)] == ["a1", "a3", "b1"]


def test_where_all_have_one_nobody_gives_way_to_a_newcomer() -> None:
    assert places(("a1", "a"), ("b1", "b")).evict("elsewhere") is None
    assert places().evict("elsewhere") is None
