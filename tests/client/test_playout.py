from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicesrv_client.playout import Playout


def test_counts_what_was_heard_of_each_reply() -> None:
    playout = Playout(bytes_per_second=48_000)
    playout.push(1, b"a" * 960)
    playout.push(2, b"b" * 960)
    assert playout.waiting_ms == 40
    assert playout.pull(1440) == b"a" * 960 + b"b" * 480
    assert playout.played_ms() == {1: 20, 2: 10}
    assert playout.pull(4800) == b"b" * 480
    assert playout.pull(4800) == b""
    assert playout.played_ms() == {1: 20, 2: 20}
    assert playout.waiting_ms == 0


def test_clear_drops_one_reply_alone() -> None:
    playout = Playout()
    playout.push(1, b"a" * 960)
    playout.pull(48)
    playout.push(2, b"b" * 96)
    playout.clear(1)
    assert playout.waiting_ms == 2
    assert playout.pull(4800) == b"b" * 96
    assert playout.played_ms() == {1: 1, 2: 2}


def test_remembers_the_latest_replies_only() -> None:
    playout = Playout()
    for reply in range(100):
        playout.push(reply, b"ab")
        playout.pull(2)
    assert list(playout.played_ms()) == list(range(84, 100))


@given(st.lists(st.binary(min_size=1, max_size=99)), st.lists(st.integers(0, 150)))
def test_any_split_comes_out_in_order(pushed: list[bytes], pulled: list[int]) -> None:
    playout = Playout()
    for pcm in pushed:
        playout.push(1, pcm)
    whole = b"".join(pushed)
    out = b"".join(playout.pull(n) for n in pulled)
    assert out == whole[: sum(pulled)]
    assert playout.pull(1 << 20) == whole[sum(pulled) :]
