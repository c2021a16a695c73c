"""The journal: what a connection missed, exactly once and in order, or the plain answer that it is lost."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.conversation import journal as journals
from voicesrv.conversation.journal import MAX_AUDIO_BYTES, MAX_ENDED_BYTES, MAX_EVENT_BYTES, MAX_EVENTS, Journal
from voicesrv.conversation.playout import BYTES_PER_MS
from voicesrv.events import (
    AudioEnded,
    AudioSince,
    AudioStarted,
    Cleared,
    Configured,
    Event,
    Failed,
    Pong,
    Ready,
    ReplyAudio,
    ReplyCause,
    ReplyEnded,
    ReplyText,
    ReplyVisemes,
    ReplyWords,
    SpokenWord,
    ToolCall,
    ToolCalled,
    TurnUpdated,
    Viseme,
    Word,
)

ME, OTHER = "cn_me", "cn_other"


def audio(reply: int, start_ms: int, ms: int) -> ReplyAudio:
    """Audio whose every byte tells its place."""
    places = range(start_ms * BYTES_PER_MS, (start_ms + ms) * BYTES_PER_MS)
    return ReplyAudio(reply, bytes((place * 31 + place // 251) % 256 for place in places), start_ms)


def ended(reply: int, cause: ReplyCause = ReplyCause.COMPLETE) -> ReplyEnded:
    return ReplyEnded(reply, "text", "text", cause)


@dataclass
class Client:
    """What a connection has been told, in order, and the audio of the last reply from where it began for it."""

    seq: int = 0
    told: list[Event] = field(default_factory=list)
    reply: int = 0
    start_ms: int = 0
    audio: bytes = b""

    def take(self, seq: int, event: Event) -> None:
        if isinstance(event, ReplyAudio):
            assert (event.reply, event.start_ms) == (self.reply, self.at_ms)  # nothing twice, nothing left out
            self.audio += event.pcm
            return
        assert seq > self.seq
        self.seq = seq
        self.told.append(event)
        if isinstance(event, AudioStarted):
            self.reply, self.start_ms, self.audio = event.reply, event.start_ms, b""

    @property
    def at_ms(self) -> int:
        return self.start_ms + len(self.audio) // BYTES_PER_MS

    @property
    def has(self) -> AudioSince | None:
        return AudioSince(self.reply, self.at_ms) if self.reply else None


_EVENTS = st.one_of(
    st.tuples(st.just("event"), st.integers(0, 9)),
    st.tuples(st.just("other"), st.integers(0, 9)),
    st.tuples(st.just("mine"), st.integers(0, 9)),
)
_AUDIO = st.tuples(st.just("audio"), st.integers(20, 100))


def _reply(begin: list[tuple[str, int]], end: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [("start", 0), *begin, *end]


_REPLY = st.builds(
    _reply,
    st.lists(st.one_of(_AUDIO, _AUDIO, _EVENTS), max_size=8),
    st.sampled_from([[], [("clear", 0)], [("audio end", 0)], [("audio end", 0), ("complete", 0)]]),
)
STEPS = st.lists(st.one_of(_REPLY, st.lists(_EVENTS, max_size=3)), min_size=1, max_size=6).map(
    lambda parts: [step for part in parts for step in part]
)


def written(
    journal: Journal, steps: list[tuple[str, int]], goes_on: AudioSince | None = None
) -> list[tuple[int, Event, bool]]:
    """Play a conversation into a journal; return all of it, and what of it ``ME`` is to be told.

    It begins in the middle of the audio of ``goes_on``, where that is given.
    """
    history: list[tuple[int, Event, bool]] = []
    reply, at_ms = (goes_on.reply, goes_on.ms) if goes_on else (last_reply(journal), 0)
    sounding = goes_on is not None

    def tell(event: Event, only_for: str | None = None) -> None:
        history.append((journal.append(event, only_for), event, only_for in (None, ME)))

    for step, n in steps:
        match step:
            case "event":
                tell(ReplyText(reply, "x" * n))
            case "other":
                tell(Pong(n), OTHER)
            case "mine":
                tell(Pong(n), ME)
            case "start" if not sounding:
                reply, at_ms, sounding = reply + 1, 0, True
                tell(AudioStarted(reply))
            case "audio" if sounding:
                piece = audio(reply, at_ms, n)
                at_ms += n
                journal.append_audio(piece)
                history.append((journal.last_seq, piece, True))
            case "audio end" if sounding:
                tell(AudioEnded(reply, at_ms))
            case "complete" if sounding:
                sounding = False
                tell(ended(reply))
            case "clear" if sounding:
                sounding = False
                tell(Cleared(reply))
                tell(ended(reply, ReplyCause.INTERRUPTED))
            case _:
                pass
    return history


def last_reply(journal: Journal) -> int:
    """The number of the last reply that was heard."""
    return max((entry.event.reply for entry in journal.entries() if isinstance(entry.event, AudioStarted)), default=0)


def undisturbed(history: list[tuple[int, Event, bool]]) -> list[Event]:
    return [event for _, event, mine in history if mine and not isinstance(event, ReplyAudio)]


def cleared(history: list[tuple[int, Event, bool]]) -> set[int]:
    return {event.reply for _, event, _ in history if isinstance(event, Cleared)}


@given(STEPS, st.data())
def test_a_client_that_lost_the_end_gets_exactly_what_it_missed(
    steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Whatever was said, and wherever its network broke, it ends up with what an undisturbed one has."""
    journal = Journal()
    history = written(journal, steps)
    cut = data.draw(st.integers(0, len(history)), label="messages that arrived")
    client, whole = Client(), Client()
    for seq, event, mine in history:
        if mine:
            whole.take(seq, event)
    for seq, event, mine in history[:cut]:
        if mine:
            client.take(seq, event)
    missed = journal.since(client.seq, ME, client.has)
    assert missed is not None
    for seq, event in missed:
        client.take(seq, event)
    assert client.told == undisturbed(history)
    if client.reply not in cleared(history):  # what was to be dropped need not come
        assert client.audio == whole.audio


def joined(journal: Journal) -> Client:
    """Who comes now is told so, and of the audio under way, as ``Conversation`` does it."""
    journal.append(Ready("c", ME, "t", {}, {}, 2000, 0, 0, {}), ME)
    return Client(journal.last_seq)


@given(STEPS, STEPS, st.data())
def test_who_joined_late_and_lost_the_end_gets_what_it_missed_and_nothing_from_before(
    before: list[tuple[str, int]], later: list[tuple[str, int]], data: st.DataObject
) -> None:
    journal = Journal()
    written(journal, [step for step in before if step[0] != "mine"])
    client, whole = joined(journal), Client(journal.last_seq)
    sounding = journal.sounding
    history: list[tuple[int, Event, bool]] = []
    if sounding is not None:
        start = AudioStarted(sounding.reply, start_ms=sounding.ms)
        history.append((journal.append(start, ME), start, True))
    history += written(journal, later, sounding)
    cut = data.draw(st.integers(0, len(history)), label="messages that arrived")
    for number, (seq, event, mine) in enumerate(history):
        for each in (whole, client) if number < cut else (whole,):
            if mine:
                each.take(seq, event)
    missed = journal.since(client.seq, ME, client.has)
    assert missed is not None
    for seq, event in missed:
        client.take(seq, event)
    assert client.told == undisturbed(history)
    if client.reply not in cleared(history):
        assert (client.start_ms, client.audio) == (whole.start_ms, whole.audio)


@given(STEPS, st.integers(-3, 60))
def test_any_number_is_answered_whole_or_not_at_all(steps: list[tuple[str, int]], after: int) -> None:
    journal = Journal()
    history = written(journal, steps)
    missed = journal.since(after, ME)
    if not 0 <= after <= journal.last_seq:
        assert missed is None
        return
    assert missed is not None
    events = [(seq, event) for seq, event in missed if not isinstance(event, ReplyAudio)]
    told = [(seq, event) for seq, event, mine in history if mine and not isinstance(event, ReplyAudio) and seq > after]
    assert events == told
    assert [seq for seq, _ in missed] == sorted(seq for seq, _ in missed)


@pytest.mark.parametrize("n", [MAX_EVENTS - 1, MAX_EVENTS, MAX_EVENTS + 1, 3 * MAX_EVENTS])
def test_what_is_too_long_ago_is_lost_not_left_out(n: int) -> None:
    journal = Journal()
    for number in range(n):
        journal.append(Pong(number))
    kept = min(n, MAX_EVENTS)
    assert len(journal.entries()) == kept
    missed = journal.since(n - kept, ME)
    assert missed is not None and [seq for seq, _ in missed] == list(range(n - kept + 1, n + 1))
    if n > kept:
        assert journal.since(n - kept - 1, ME) is None


WORDS = tuple(Word("word", 0, 1) for _ in range(100))
LARGE: list[Event] = [
    TurnUpdated(1, "x" * 20_000, 0, WORDS),
    ReplyText(1, "x" * 20_000),
    ReplyWords(1, tuple(SpokenWord("w", 0, 1) for _ in range(200))),
    ReplyVisemes(1, tuple(Viseme("aa", 0, 1) for _ in range(300))),
    ReplyEnded(1, "x" * 20_000, "x" * 20_000, ReplyCause.COMPLETE),
    Failed("internal", "x" * 20_000),
    Failed("bad_parameter", "id: is no tool call", id="x" * 20_000),
    Configured({"instructions": "x" * 20_000, "tools": []}),
    Configured({"instructions": "", "tools": [{"name": "t", "parameters": {"x": ["y"] * 5000}}]}),
    ToolCalled(1, ToolCall("id", "name", {"x": "y" * 20_000})),
]


@pytest.mark.parametrize("event", LARGE, ids=lambda event: type(event).__name__)
def test_large_events_are_kept_within_a_bound(event: Event) -> None:
    journal = Journal()
    for _ in range(MAX_EVENTS):
        journal.append(event)
    assert len(journal.entries()) <= MAX_EVENT_BYTES // 15_000
    assert journal.since(journal.last_seq - 1, ME) == [(journal.last_seq, event)]


def test_audio_is_kept_for_30_s() -> None:
    journal = Journal()
    journal.append(AudioStarted(1))
    piece = bytes(100 * BYTES_PER_MS)
    for number in range(310):
        journal.append_audio(ReplyAudio(1, piece, number * 100))
    kept = journal.since(1, ME, AudioSince(1, 1000))
    assert kept is not None and sum(len(event.pcm) for _, event in kept if isinstance(event, ReplyAudio)) == (
        MAX_AUDIO_BYTES
    )
    assert journal.since(1, ME, AudioSince(1, 999)) is None  # a piece is missing: no partial replay
    assert journal.since(0, ME) is None
    assert journal.since(1, ME) == []  # it has the beginning: what was sent of it is taken as received
    assert journal.since(1, ME, audio=False) == []  # who is sent none misses none
    journal.append(Cleared(1))
    assert journal.since(1, ME) == journal.since(1, ME, AudioSince(1, 999)) == [(2, Cleared(1))]


def test_audio_is_cut_to_the_millisecond() -> None:
    journal = Journal()
    journal.append(AudioStarted(3))
    pieces = [audio(3, 0, 60), audio(3, 60, 100)]
    for piece in pieces:
        journal.append_audio(piece)
    whole = b"".join(piece.pcm for piece in pieces)
    for ms in (0, 1, 59, 60, 61, 159):
        missed = journal.since(1, ME, AudioSince(3, ms))
        assert missed is not None
        got = [event for _, event in missed if isinstance(event, ReplyAudio)]
        assert b"".join(event.pcm for event in got) == whole[ms * BYTES_PER_MS :]
        assert [event.start_ms for event in got] == [at for at in (max(ms, 0), 60) if at >= ms][: len(got)]
    assert journal.since(1, ME, AudioSince(3, 160)) == []
    assert journal.since(1, ME, AudioSince(3, 10**9)) == []


def test_a_reply_that_ended_while_the_client_was_gone_is_still_whole() -> None:
    """A dead network is noticed late: the reply may be over by then, and its end was never received."""
    journal = Journal()
    journal.append(AudioStarted(1))
    for start_ms in range(0, 500, 100):
        journal.append_audio(audio(1, start_ms, 100))
    journal.append(AudioEnded(1, 500))
    journal.append(ended(1))
    journal.append(AudioStarted(2))
    journal.append_audio(audio(2, 0, 100))
    missed = journal.since(1, ME, AudioSince(1, 200))
    assert missed is not None
    assert [(type(event).__name__, getattr(event, "start_ms", None)) for _, event in missed] == [
        ("ReplyAudio", 200),
        ("ReplyAudio", 300),
        ("ReplyAudio", 400),
        ("AudioEnded", None),
        ("ReplyEnded", None),
        ("AudioStarted", 0),
        ("ReplyAudio", 0),
    ]


def test_audio_of_replies_that_are_over_is_kept_for_4_s_and_its_loss_is_told() -> None:
    journal = Journal()
    piece = bytes(100 * BYTES_PER_MS)
    for reply in range(1, 11):  # 2 s each; events 2n-1 and 2n
        journal.append(AudioStarted(reply))
        for number in range(20):
            journal.append_audio(ReplyAudio(reply, piece, number * 100))
        journal.append(ended(reply))
    assert journal._audio_bytes == MAX_ENDED_BYTES
    assert journal.since(0, ME) is None
    assert journal.since(14, ME) is None and journal.since(15, ME) is not None  # the eighth reply's beginning
    assert journal.since(15, ME, AudioSince(8, 1999)) is None
    assert journal.since(15, ME, AudioSince(8, 2000)) is not None
    journal.append(AudioStarted(11))
    for number in range(300):
        journal.append_audio(ReplyAudio(11, piece, number * 100))
    assert journal._audio_bytes == MAX_AUDIO_BYTES
    assert journal.since(19, ME) is not None and journal.since(18, ME) is None


def test_what_a_slow_network_has_yet_to_bring_is_kept_though_the_reply_is_over() -> None:
    journal = Journal()
    said = say_8_s(journal, 1)
    journal.played(ME, 1, 500)
    journal.played(OTHER, 1, 7000)
    journal.append(ended(1))
    assert journal._audio_bytes == 7500 * BYTES_PER_MS
    assert heard_since(journal, AudioSince(1, 600)) == said[600 * BYTES_PER_MS :]
    journal.played(ME, 1, 3000)  # what is before this is of no use to anybody
    assert journal._audio_bytes == 5000 * BYTES_PER_MS
    assert heard_since(journal, AudioSince(1, 3000)) == said[3000 * BYTES_PER_MS :]
    journal.played(ME, 1, 1000)  # nobody hears backwards
    journal.played(ME, 1, 8000)
    assert journal._audio_bytes == MAX_ENDED_BYTES


def test_nothing_is_kept_for_who_has_left_and_never_more_than_the_bound() -> None:
    journal = Journal()
    journal.played(ME, 1, 0)
    for reply in range(1, 6):  # 40 s
        say_8_s(journal, reply)
        journal.append(ended(reply))
    assert journal._audio_bytes == MAX_AUDIO_BYTES
    journal.left(ME)
    say_8_s(journal, 6)
    journal.append(ended(6))
    assert journal._audio_bytes == MAX_ENDED_BYTES


def say_8_s(journal: Journal, reply: int) -> bytes:
    """Say so much audio, in pieces of 100 ms; give it."""
    pieces = [audio(reply, start_ms, 100) for start_ms in range(0, 8000, 100)]
    journal.append(AudioStarted(reply))
    for piece in pieces:
        journal.append_audio(piece)
    return b"".join(piece.pcm for piece in pieces)


def heard_since(journal: Journal, has: AudioSince) -> bytes:
    missed = journal.since(journal.last_seq, ME, has)
    assert missed is not None
    return b"".join(event.pcm for _, event in missed if isinstance(event, ReplyAudio))


@pytest.mark.parametrize("end", [AudioEnded(4, 50), Cleared(4), ended(4)], ids=lambda end: type(end).__name__)
def test_sounding_is_the_reply_whose_audio_is_being_sent(end: Event) -> None:
    journal = Journal()
    assert journal.sounding is None
    journal.append(AudioStarted(4))
    assert journal.sounding == AudioSince(4, 0)
    journal.append_audio(audio(4, 0, 20))
    journal.append(AudioStarted(4, start_ms=20), ME)  # somebody joined in the middle of it
    assert journal.sounding == AudioSince(4, 20)
    journal.append_audio(audio(4, 20, 30))
    assert journal.sounding == AudioSince(4, 50)
    journal.append(end)
    assert journal.sounding is None


def test_what_joined_late_is_told_the_audio_of_the_rest() -> None:
    """A private ``audio.start`` does not make the others' audio start anew."""
    journal = Journal()
    journal.append(AudioStarted(4))
    journal.append_audio(audio(4, 0, 20))
    journal.append(AudioStarted(4), OTHER)
    journal.append_audio(audio(4, 20, 20))
    missed = journal.since(1, ME, AudioSince(4, 0))
    assert missed is not None
    assert [(seq, event.start_ms) for seq, event in missed if isinstance(event, ReplyAudio)] == [(1, 0), (2, 20)]


def test_who_joined_in_the_middle_is_sent_the_rest_alone_whether_or_not_it_was_told_where_that_begins() -> None:
    journal = Journal()
    journal.append(AudioStarted(4))
    journal.append_audio(audio(4, 0, 100))
    journal.append(AudioStarted(4, start_ms=100), ME)
    for start_ms in (100, 160):
        journal.append_audio(audio(4, start_ms, 60))
    for after, has, places in (
        (1, None, [100, 160]),  # it lost what told it
        (2, None, []),  # it says nothing of what it received
        (2, AudioSince(4, 130), [130, 160]),
    ):
        missed = journal.since(after, ME, has)
        assert missed is not None
        assert [event.start_ms for _, event in missed if isinstance(event, ReplyAudio)] == places, after


@pytest.mark.parametrize("has", [None, AudioSince(3, 0), AudioSince(4, 0), AudioSince(4, 100)])
def test_who_tuned_in_is_sent_nothing_from_before_whatever_it_asks_for(has: AudioSince | None) -> None:
    """It heard the others' ``audio.start``, or lost that too; its own is among what it missed."""
    journal = Journal()
    journal.append(Pong(None))
    journal.append(AudioStarted(4))
    journal.append_audio(audio(4, 0, 100))
    tuned_in = journal.end
    journal.append(AudioStarted(4, start_ms=100), ME)
    journal.append_audio(audio(4, 100, 60))
    for after in (1, 2):
        missed = journal.since(after, ME, has, tuned_in=tuned_in)
        assert missed is not None
        assert missed[-2:] == [(3, AudioStarted(4, start_ms=100)), (3, audio(4, 100, 60))]
        assert [event for _, event in missed if isinstance(event, ReplyAudio)] == [audio(4, 100, 60)]


def test_what_goes_of_the_audio_before_somebody_tuned_in_is_not_missed_by_it() -> None:
    journal = Journal()
    journal.append(AudioStarted(1))
    for number in range(31):
        journal.append_audio(audio(1, number * 1000, 1000))  # the first second had to go
    assert journal.since(1, ME, AudioSince(1, 0)) is None
    missed = journal.since(1, ME, AudioSince(1, 0), tuned_in=AudioSince(1, 1000))
    assert missed is not None and len(missed) == 30


def test_the_end_is_where_the_audio_that_was_sent_ended() -> None:
    journal = Journal()
    assert journal.end == AudioSince(0, 0)
    journal.append(AudioStarted(1))
    assert journal.end == AudioSince(0, 0)
    journal.append_audio(audio(1, 0, 20))
    assert journal.end == AudioSince(1, 20)
    journal.append(AudioEnded(1, 20))
    journal.append(ended(1))
    journal.append(AudioStarted(2))
    journal.append_audio(audio(2, 0, 40))
    assert journal.end == AudioSince(2, 40)
    journal.append(Cleared(2))
    assert journal.end == AudioSince(1, 20)
    journal.append(AudioStarted(3))
    for number in range(31):
        journal.append_audio(audio(3, number * 1000, 1000))
    journal.append(Cleared(3))
    assert journal.end == AudioSince(3, 0)


def test_what_goes_of_the_audio_before_somebody_joined_is_not_missed_by_it() -> None:
    journal = Journal()
    journal.append(AudioStarted(1))
    piece = bytes(100 * BYTES_PER_MS)
    for number in range(310):
        if number == 20:
            journal.append(AudioStarted(1, start_ms=2000), ME)
        journal.append_audio(ReplyAudio(1, piece, number * 100))
    missed = journal.since(1, ME)  # the first second had to go
    assert missed is not None and len(missed) == 1 + 290
    journal.append(AudioStarted(1, start_ms=500), OTHER)
    assert journal.since(1, OTHER) is None


def test_a_journal_goes_on_from_another() -> None:
    first, second = Journal(), Journal()
    for number in range(5):
        first.append(Pong(number), ME if number % 2 else None)
    second.restore(first.last_seq, first.entries())
    assert second.since(1, ME) == first.since(1, ME)
    assert second.append(Pong(9)) == 6
    assert second.since(6, ME) == [] and second.since(7, ME) is None


def test_every_size_is_counted_the_same_when_it_goes() -> None:
    """The count of bytes returns to what is kept, whatever went through."""
    journal = Journal()
    for event in LARGE * 40:
        journal.append(event)
    assert journal._bytes == sum(journals._size(entry.event) for entry in journal.entries())


def test_ready_is_not_told_again() -> None:
    """It was for a socket that is gone, and its token is used up."""
    journal = Journal()
    journal.append(Ready("c", ME, "used", {}, {}, 2000, 0, 0, {}), only_for=ME)
    journal.append(AudioStarted(1))
    assert journal.since(0, ME) == [(2, AudioStarted(1))]
