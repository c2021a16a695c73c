from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicesrv_client.events import Audio, AudioStart, Clear, Pong, Ready
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


def test_takes_events_and_forgets_a_conversation_that_is_lost() -> None:
    playout = Playout()
    playout.take(Ready("voicesrv.v1", "c1"))
    playout.take(Audio(1, b"a" * 960, 0))
    playout.take(Audio(2, b"b" * 960, 0))
    assert playout.pull(480) == b"a" * 480
    playout.take(Clear(1))
    playout.take(Ready("voicesrv.v1", "c1"))  # a resume
    playout.take(Pong())
    assert playout.pull(480) == b"b" * 480
    assert playout.played_ms() == {1: 10, 2: 10}
    playout.take(Ready("voicesrv.v1", "c2"))
    assert playout.waiting_ms == 0
    playout.take(Audio(1, b"c" * 960, 0))
    assert playout.pull(4800) == b"c" * 960
    assert playout.played_ms() == {1: 20}


def test_a_reply_that_is_joined_in_the_middle_is_heard_from_there() -> None:
    playout = Playout()
    playout.take(AudioStart(3, start_ms=700))
    playout.take(Audio(3, b"a" * 960, 700))
    playout.pull(480)
    assert playout.played_ms() == {3: 710}


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
