"""Playout: what is sent when, for any interleaving of what may happen to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.conversation.playout import BYTES_PER_MS, MAX_MESSAGE_MS, MIN_MESSAGE_MS, Playout

LEAD_MS = 2000


def pcm(ms: float) -> bytes:
    return bytes(round(ms * 24) * 2)


def numbered(n_samples: int, first: int) -> bytes:
    return b"".join((n % 65536).to_bytes(2, "little") for n in range(first, first + n_samples))


def send_all(playout: Playout, now_ms: float = 0.0) -> bytes:
    """What is sent at one moment."""
    sent = b""
    while (piece := playout.next(now_ms)[0]) is not None:
        sent += piece
    return sent


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 6000)),  # samples
        st.tuples(st.just("wait"), st.integers(0, 400)),  # ms
        st.tuples(st.just("next"), st.integers(1, 6)),  # messages at most
        st.tuples(st.just("report"), st.integers(0, 5000)),
        st.tuples(st.just("hold"), st.just(0)),
        st.tuples(st.just("release"), st.just(0)),
    ),
    max_size=60,
)


class Listener:
    """A client that plays what has arrived, and stands still when it has nothing or nobody listens."""

    def __init__(self) -> None:
        self.received_ms = 0.0
        self.played_ms = 0.0
        self.listening = True

    def wait(self, ms: float) -> None:
        if self.listening:
            self.played_ms = min(self.received_ms, self.played_ms + ms)


@given(STEPS, st.sampled_from([100, 250, 2000]))
def test_nothing_is_lost_or_early_whatever_happens(steps: list[tuple[str, int]], lead_ms: int) -> None:
    """Bytes come out as they went in, in messages of 20-100 ms, at most ``lead_ms`` before they are played."""
    playout = Playout(lead_ms)
    listener = Listener()
    now = 0.0
    pushed = sent = b""
    sizes: list[int] = []
    heard = 0.0
    reported = False

    def take() -> bool:
        nonlocal sent
        piece, wait_ms = playout.next(now)
        assert piece is None or wait_ms is None
        if piece is None:
            assert wait_ms is None or wait_ms > 0
            return False
        assert listener.listening
        sent += piece
        sizes.append(len(piece))
        listener.received_ms += len(piece) / BYTES_PER_MS
        assert listener.received_ms <= listener.played_ms + lead_ms + 1e-6
        return True

    for step, n in steps:
        match step:
            case "push":
                piece = numbered(n, len(pushed) // 2)
                playout.push(piece)
                pushed += piece
            case "wait":
                now += n
                listener.wait(n)
            case "next":
                for _ in range(n):
                    if not take():
                        break
            case "report":
                playout.report(n)
                reported = True
            case "hold":
                playout.hold(now)
                listener.listening = False
            case "release":
                playout.release(now)
                listener.listening = True
        assert playout.sent_ms == len(sent) / BYTES_PER_MS
        assert playout.waiting_ms == (len(pushed) - len(sent)) / BYTES_PER_MS
        assert 0 <= playout.played_ms(now) <= playout.sent_ms + 0.5
        if not reported:  # without reports it never goes back
            assert playout.played_ms(now) >= heard - 1e-6
            heard = playout.played_ms(now)
    playout.end()
    playout.release(now)
    listener.listening = True
    while not playout.drained:
        if not take():
            wait_ms = playout.next(now)[1]
            assert wait_ms is not None  # nothing else could ever wake it
            now += wait_ms
            listener.wait(wait_ms)
    assert sent == pushed
    low, high = MIN_MESSAGE_MS * BYTES_PER_MS, MAX_MESSAGE_MS * BYTES_PER_MS
    assert all(low <= size <= high for size in sizes[:-1])
    assert all(size <= high for size in sizes)
    assert all(size % BYTES_PER_MS == 0 for size in sizes[:-1])


def test_the_first_lead_goes_out_at_once_and_the_rest_in_time() -> None:
    playout = Playout(LEAD_MS)
    playout.push(pcm(5000))
    assert len(send_all(playout)) == LEAD_MS * BYTES_PER_MS
    assert playout.next(0) == (None, 100.0)
    assert playout.next(60) == (None, 40.0)
    assert len(send_all(playout, 100)) == 100 * BYTES_PER_MS


def test_little_audio_waits_for_more_or_the_end() -> None:
    """20 ms are held back, so that the last message is no shorter."""
    playout = Playout(LEAD_MS)
    playout.push(pcm(39))
    assert playout.next(0) == (None, None)
    playout.push(pcm(1))
    assert len(send_all(playout)) == 20 * BYTES_PER_MS
    playout.push(pcm(3.5))
    assert playout.next(0) == (None, None)
    playout.end()
    assert len(send_all(playout)) == 564 * 2
    assert playout.drained


def test_a_whole_that_is_little_is_sent_as_it_is() -> None:
    playout = Playout(LEAD_MS)
    playout.push(pcm(3.5))
    playout.end()
    assert len(send_all(playout)) == 84 * 2 and playout.drained


def test_messages_begin_at_whole_milliseconds() -> None:
    playout = Playout(LEAD_MS)
    playout.push(pcm(70.5))
    assert len(send_all(playout)) == 50 * BYTES_PER_MS
    assert playout.waiting_ms == 20.5


def test_an_empty_reply_is_drained_at_its_end() -> None:
    playout = Playout(LEAD_MS)
    playout.push(b"")
    assert not playout.drained and playout.next(0) == (None, None)
    playout.end()
    assert playout.drained and playout.left_ms(0) == 0


def test_the_clock_stands_still_while_nothing_is_there() -> None:
    playout = Playout(LEAD_MS)
    playout.push(pcm(520))
    send_all(playout, 1000)
    assert playout.played_ms(1200) == 200
    assert playout.played_ms(9000) == 500  # it ran dry at 1500
    playout.push(pcm(3000))
    assert len(send_all(playout, 9000)) == LEAD_MS * BYTES_PER_MS  # the whole lead, as at the beginning
    assert playout.played_ms(9100) == 600
    assert playout.left_ms(9100) == 500 + 2000 - 600


def test_the_clock_stands_still_while_nobody_listens() -> None:
    playout = Playout(LEAD_MS)
    playout.push(pcm(3000))
    send_all(playout, 0)
    playout.hold(300)
    playout.hold(900)  # once is enough
    assert playout.next(50_000) == (None, None)
    assert playout.left_ms(50_000) is None
    assert playout.played_ms(50_000) == 300
    playout.release(60_000)
    playout.release(70_000)
    assert playout.played_ms(60_000) == 300
    assert playout.next(60_000)[0] is not None
    assert playout.left_ms(60_100) == playout.sent_ms - 400


def test_held_before_it_began_it_begins_when_released() -> None:
    playout = Playout(LEAD_MS)
    playout.hold(0)
    playout.push(pcm(120))
    assert playout.next(5000) == (None, None)
    playout.release(6000)
    assert len(send_all(playout, 6000)) == 100 * BYTES_PER_MS
    assert playout.played_ms(6050) == 50


def test_what_the_client_reports_counts_before_the_clock() -> None:
    playout = Playout(LEAD_MS)
    playout.push(pcm(1000))
    playout.end()
    send_all(playout, 0)
    playout.report(150)
    assert playout.played_ms(700) == 150
    assert playout.left_ms(700) == 300  # it says no more? then the clock ends it
    playout.report(100)  # another listener, who is behind
    assert playout.played_ms(700) == 150
    playout.report(99_999)
    assert playout.played_ms(700) == 1000  # no more than was sent
    assert playout.left_ms(700) == 0


def test_no_wait_is_too_short_to_end() -> None:
    """A clock of many ms cannot tell what a rounding error leaves to wait for."""
    playout = Playout(LEAD_MS)
    playout.push(pcm(5000))
    playout.end()
    now = 1e9 + 1 / 3
    send_all(playout, now)
    for _ in range(200):
        wait_ms = playout.next(now)[1]
        if wait_ms is not None:
            assert now + wait_ms >= now + 0.5
            now += wait_ms - 1e-7  # a timer may ring early
    assert playout.waiting_ms == 0
    assert playout.left_ms(now + LEAD_MS - 2) > 0 == playout.left_ms(now + LEAD_MS - 1e-7)


@pytest.mark.parametrize("lead_ms", [MAX_MESSAGE_MS, 500, 60_000])
def test_any_lead_of_a_message_or_more_keeps_going(lead_ms: int) -> None:
    playout = Playout(lead_ms)
    playout.push(pcm(1000))
    playout.end()
    now = 0.0
    for _ in range(100):
        if playout.drained:
            break
        wait_ms = playout.next(now)[1]
        now += wait_ms or 0
    assert playout.drained and now == max(0, 1000 - lead_ms)
