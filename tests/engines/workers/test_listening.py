"""A turn on real decoders, without a process around it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.workers import speech
from voicesrv.engines.workers import listening
from voicesrv.engines.workers.hearing import BYTES_PER_MS, Hearing
from voicesrv.engines.workers.listening import AFTER_PAUSE_MS, PIECE_BYTES, Listening

LONG = speech.samples_of("en_turns_austen.wav")
SHORT = speech.samples_of("en_go_forward.wav")


class Desk:
    """Two decoders, and turns that use them."""

    def __init__(self) -> None:
        self.free = [Hearing(), Hearing()]
        self.lent = 0

    def open(self, *, interim: bool = True) -> Listening:
        return Listening(self.free.pop(), self._spare, self.free.append, interim=interim, every_ms=250)

    def _spare(self) -> Hearing | None:
        self.lent += bool(self.free)
        return self.free.pop() if self.free else None


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


def worked(turn: Listening) -> tuple[int, list[dict[str, Any]]]:
    """Do all that can be done; give the bytes that were heard and the transcripts."""
    n_bytes, said = 0, []
    while turn.pending or turn.catching_up:
        if turn.pending:
            n_new, transcript = turn.step()
            n_bytes += n_new
            said += [transcript] if transcript else []
            if transcript and transcript["final"]:
                break
        else:
            turn.catch_up()
    return n_bytes, said


def live(turn: Listening, samples: bytes) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    for start in range(0, len(samples), PIECE_BYTES):
        turn.append(samples[start : start + PIECE_BYTES])
        said += worked(turn)[1]
    return said


def ended(turn: Listening) -> dict[str, Any]:
    turn.ended = True
    _, said = worked(turn)
    turn.close()
    assert said[-1]["final"]
    return said[-1]


def test_stable_text_never_changes(desk: Desk) -> None:
    turn = desk.open()
    said = live(turn, LONG)
    said.append(ended(turn))
    stable = ""
    for transcript in said:
        assert transcript["text"].startswith(stable)
        stable = transcript["text"][: transcript["stable"]]
    assert stable == said[-1]["text"]
    assert [transcript["stable"] for transcript in said[:-1]][-1] > 100  # long before the end
    assert len(desk.free) == 2


def test_the_turn_is_heard_again(desk: Desk) -> None:
    before = desk.lent
    turn = desk.open()
    live(turn, LONG[: 5000 * BYTES_PER_MS])
    turn.close()
    assert desk.lent - before == len(listening.HEAR_AGAIN_MS)


def test_a_replayed_turn_is_heard_again_in_its_own_decoder(desk: Desk) -> None:
    before = desk.lent
    turn = desk.open()
    turn.append(LONG[: 5000 * BYTES_PER_MS])
    n_bytes, said = worked(turn)
    assert n_bytes == 5000 * BYTES_PER_MS  # what is heard twice counts once
    assert 1 <= len(said) <= 3  # who is behind needs few interims of what is past
    assert desk.lent == before
    turn.close()


def test_words_have_times_and_confidence(desk: Desk) -> None:
    turn = desk.open()
    live(turn, SHORT)
    final = ended(turn)
    assert final["text"] == "go forward ten meters"
    assert [word[0] for word in final["words"]] == final["text"].split()
    assert 0 < final["confidence"] <= 1
    assert all(0 <= start < end <= len(SHORT) // BYTES_PER_MS for _, start, end, _ in final["words"])


def test_a_pause_is_answered_and_the_end_says_the_same_at_once(desk: Desk) -> None:
    turn = desk.open(interim=False)
    turn.append(SHORT)
    turn.pause()
    _, (settled,) = worked(turn)
    assert settled["settled"] and not settled["final"]
    assert settled["text"] == "go forward ten meters"
    turn.append(bytes(AFTER_PAUSE_MS * BYTES_PER_MS))
    assert not turn.pending  # silence is not looked at
    turn.ended = True
    n_bytes, final = turn.step()  # one step, without hearing anything
    assert final is not None
    assert n_bytes == 0
    assert (final["text"], final["final"]) == (settled["text"], True)
    turn.close()


def test_speech_after_a_pause_is_put_behind(desk: Desk) -> None:
    turn = desk.open()
    turn.append(SHORT)
    turn.pause()
    live(turn, SHORT)
    final = ended(turn)
    assert final["text"].startswith("go forward ten meters ")
    assert final["text"].endswith(" meters")
    times = [word[1] for word in final["words"]]
    assert times == sorted(times)
    assert times[-1] > len(SHORT) // BYTES_PER_MS


def test_two_pauses_with_nothing_between(desk: Desk) -> None:
    turn = desk.open()
    turn.append(SHORT)
    turn.pause()
    _, said = worked(turn)
    turn.append(bytes(PIECE_BYTES))
    turn.pause()
    _, again = worked(turn)
    assert said[-1]["settled"] and again[-1]["settled"]
    assert said[-1]["text"] == again[-1]["text"]
    turn.close()


def test_long_speech_is_cut_at_silence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "STRETCH_MS", 2000)
    turn = desk.open()
    said = live(turn, LONG[: 12_000 * BYTES_PER_MS])
    whole = [transcript for transcript in said if transcript["stable"] == len(transcript["text"])]
    assert len(whole) >= 2  # what is closed is stable to its end
    final = ended(turn)
    assert final["text"].startswith(whole[-1]["text"])
    assert len(final["text"].split()) > 20


def test_nothing_is_understood_of_nothing(desk: Desk) -> None:
    turn = desk.open()
    assert ended(turn)["text"] == ""
    turn = desk.open()
    turn.append(bytes(32000))
    assert ended(turn)["text"] == ""


def test_closing_in_the_middle_gives_the_decoders_back(desk: Desk) -> None:
    turn = desk.open()
    turn.append(LONG[: 1500 * BYTES_PER_MS])
    while not turn.catching_up:
        turn.step()
    turn.close()
    assert len(desk.free) == 2
