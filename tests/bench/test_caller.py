from __future__ import annotations

import json

import numpy as np
import pytest

from voicesrv.bench import wire
from voicesrv.bench.caller import BARGE_IN_AFTER_S, PATIENCE_S, PAUSE_S, Caller, IdleCaller, frames, tone
from voicesrv.bench.samples import Samples

SPEECH = [b"s1", b"s2", b"s3"]
SILENCE = b"-"
TICK = 0.02


class Check:
    """Counts how often it was asked; a reply's audio is broken where it says so."""

    broken = 0
    unfinished = 0

    def feed(self, pcm: bytes) -> int:
        return self.broken

    def finish(self) -> int:
        return self.unfinished


class World:
    """One caller and a clock."""

    def __init__(self, *, barge_in: bool = False, check: type[Check] | None = None) -> None:
        self.samples = Samples()
        self.caller = Caller(SPEECH, SILENCE, self.samples, check, message_s=TICK, barge_in=barge_in)
        self.caller.measuring = True
        self.now = 100.0
        self.seq = 0

    def send(self, n: int = 1) -> bytes:
        sent = b""
        for _ in range(n):
            self.now += TICK
            sent += self.caller.next_message(self.now)
        return sent

    def hear(self, type: str, after_s: float = 0.0, **fields: object) -> None:
        self.now += after_s
        self.seq += 1
        self.caller.hear_event(json.dumps({"type": type, "seq": self.seq, **fields}).encode(), self.now)

    def audio(self, ms: int, after_s: float = 0.0) -> None:
        self.now += after_s
        self.caller.hear_audio(bytes(48 * ms), self.now)

    def turn_until_audio(self) -> None:
        assert self.send(3) == b"s1s2s3"
        self.hear("turn.end", 0.230, text="hello")
        self.hear("audio.start", 0.050, reply=1)
        self.audio(100, 0.040)


def test_a_turn_is_measured_from_the_last_speech() -> None:
    world = World()
    world.turn_until_audio()
    assert list(world.samples.transcript) == pytest.approx([230])
    assert list(world.samples.voice_to_voice) == pytest.approx([320])
    assert world.samples.turns == 1
    assert (world.samples.lost, world.samples.failed) == (0, 0)


def test_speaks_again_when_the_reply_has_been_played_and_a_pause_is_over() -> None:
    world = World()
    world.turn_until_audio()
    first_audio = world.now
    world.audio(900)
    world.hear("audio.end", reply=1)
    world.hear("reply.end", reply=1, cause="complete")
    silence = 0
    while (sent := world.send()) == SILENCE:
        silence += 1
    assert sent == b"s1"
    assert world.now - first_audio == pytest.approx(1.0 + PAUSE_S, abs=2 * TICK + 0.001)


def test_chunks_are_late_against_their_play_time() -> None:
    world = World()
    world.turn_until_audio()  # 100 ms, played from here on
    world.audio(100, 0.090)  # 10 ms early
    world.audio(100, 0.140)  # due at 200 ms, comes at 230
    assert list(world.samples.late) == pytest.approx([0, 0, 30])


def test_a_reply_that_does_not_come_is_a_failure_and_the_caller_goes_on() -> None:
    world = World()
    world.send(3)
    while world.send() == SILENCE:
        pass
    assert world.samples.faults == {"no reply": 1}
    assert world.now - 100 == pytest.approx(PATIENCE_S, abs=0.2)


def test_a_reply_that_does_not_end_is_a_failure() -> None:
    world = World()
    world.turn_until_audio()
    while world.send() == SILENCE:
        pass
    assert world.samples.faults == {"endless reply": 1}


def test_barge_in_is_measured_from_the_first_sample_of_speech() -> None:
    world = World(barge_in=True)
    world.turn_until_audio()
    first_audio = world.now
    world.audio(2000)
    while world.send() == SILENCE:
        pass
    assert world.now - first_audio == pytest.approx(BARGE_IN_AFTER_S, abs=TICK + 0.001)
    world.hear("clear", 0.155, reply=1)
    world.hear("reply.end", reply=1, cause="interrupted")
    assert list(world.samples.clear) == pytest.approx([175])  # the first message held 20 ms that were spoken before
    world.audio(20)
    assert world.samples.faults == {"lost audio after clear": 1}


def test_a_barge_in_that_is_not_heard_is_a_failure() -> None:
    world = World(barge_in=True)
    world.turn_until_audio()
    while world.send() == SILENCE:
        pass
    world.send(2)
    assert world.samples.faults == {"no clear": 1}


def test_breaks_in_audio_and_events_are_losses() -> None:
    class Broken(Check):
        broken = 2
        unfinished = 1

    world = World(check=Broken)
    world.turn_until_audio()
    world.hear("audio.end", reply=1)
    world.seq += 1
    world.hear("reply.end", reply=1, cause="complete")
    assert world.samples.faults == {"lost audio": 3, "lost event": 1}
    assert world.samples.lost == 4


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ({"type": "error", "code": "overloaded"}, "overloaded"),
        ({"type": "turn.end", "text": ""}, "empty transcript"),
        ({"type": "turn.end", "text": "while speaking"}, "turn cut short"),
        ({"type": "clear", "reply": 1}, "cleared without cause"),
        ({"type": "reply.end", "reply": 1, "cause": "failed"}, "reply failed"),
    ],
)
def test_failures_are_counted_by_kind(event: dict[str, object], fault: str) -> None:
    world = World()
    world.send()
    world.hear(**event)  # type: ignore[arg-type]
    assert world.samples.faults == {fault: 1}


def test_nothing_counts_before_measuring_but_a_lost_connection() -> None:
    world = World(check=Check)
    world.caller.measuring = False
    world.turn_until_audio()
    world.hear("error", code="overloaded")
    assert world.samples == Samples()
    world.caller.lost_connection()
    assert world.samples.faults == {"connection closed": 1}


def test_an_idle_caller_pings() -> None:
    samples = Samples()
    caller = IdleCaller(samples)
    caller.measuring = True
    parser = wire.Frames()
    ping = caller.next_message(1.0)
    assert ping[0] == 0x80 | wire.TEXT and list(parser.feed(b"")) == []
    caller.hear_event(b'{"type": "pong"}', 1.004)
    caller.hear_event(b'{"type": "warning", "code": "x"}', 1.005)
    assert list(samples.pong) == pytest.approx([4])
    caller.hear_event(b'{"type": "error", "code": "idle"}', 2)
    caller.hear_audio(b"", 2)
    caller.lost_connection()
    assert samples.faults == {"idle": 1, "audio on an idle connection": 1, "connection closed": 1}


def test_the_tone_is_as_long_and_as_loud_as_asked() -> None:
    samples = np.frombuffer(tone(1.5), dtype="<i2")
    assert samples.shape == (24_000,)
    assert set(np.unique(samples)) == {-8000, 8000}
    assert np.count_nonzero(np.diff(samples)) == 599  # 200 Hz


def test_frames_hold_a_message_each() -> None:
    made = frames(b"\1\2" * 330, 20)
    assert [len(frame) for frame in made] == [640 + 8, 640 + 8]
