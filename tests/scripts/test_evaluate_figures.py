"""What was told, and when -> figures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from evaluating import figures
from evaluating.hearing import HeardRecording, HeardTurn, Load, Offline, Told, Turn
from evaluating.recordings import Recording

from voicesrv.audio.pcm import INPUT_RATE
from voicesrv.engines.base import Transcript
from voicesrv.events import SpokenWord, Word

SECOND = np.zeros(INPUT_RATE, np.int16)


def recording(text: str, category: str = "clips", name: str = "one", **more: object) -> Recording:
    return Recording(name, category, "en", SECOND, text, **more)  # type: ignore[arg-type]


def heard(of: Recording, *told: tuple[float, Transcript], from_ms: int = 0, end_ms: int = 1000) -> HeardRecording:
    turn = HeardTurn(Turn(from_ms, ((100, SECOND),), end_ms), [Told(at_ms, transcript) for at_ms, transcript in told])
    return HeardRecording(of, (turn,))


def final(text: str, *words: Word) -> Transcript:
    return Transcript(text, len(text), True, words=words)


def load(*heard: HeardRecording, in_real_time: bool = True, busy_s: float | None = None) -> Load:
    return Load(2, in_real_time, heard, wall_s=1.0, cpu_s=0.5, busy_s=busy_s)


@pytest.mark.parametrize(
    ("expected", "said", "counts"),
    [
        ("go forward ten meters", "Go forward, ten meters.", (0, 4)),
        ("go forward ten meters", "go then meters now", (3, 4)),
        ("yes", "", (1, 1)),
        ("", "you know", (2, 0)),
        ("", "", (0, 0)),
    ],
)
def test_wrong_words(expected: str, said: str, counts: tuple[int, int]) -> None:
    assert figures.errors(recording(expected), said) == counts


def test_wrong_characters_where_words_are_not_parted() -> None:
    assert figures.errors(recording("今日は 晴れ", by_characters=True), "今日 晴れた") == (2, 5)


@pytest.mark.parametrize(
    ("texts", "n"),
    [
        (["go", "go forward", "go forward ten"], 0),
        (["go four", "go forward"], 2),  # "go fo" stays
        (["turn on.", "turn on the"], 1),
        (["turn on the", "turn on"], 4),
        (["a b", "c b", "a b"], 6),
        ([""], 0),
        ([], 0),
    ],
)
def test_flicker_is_what_was_taken_back(texts: list[str], n: int) -> None:
    assert figures.changed(texts) == n


def test_only_stable_text_makes_promises() -> None:
    assert figures.broken([Transcript("go four", 2), Transcript("go for it", 6), final("go for it now")]) == 0
    assert figures.broken([Transcript("go four", 7), final("go forward")]) == 2
    assert figures.broken([Transcript("go", 2), Transcript("", 0), Transcript("no", 2), final("no")]) == 2


def test_words_settle_when_they_are_first_called_stable() -> None:
    (turn,) = heard(
        recording("go on then now"),
        (300, Transcript("go", 0)),
        (600, Transcript("go on", 2)),
        (900, Transcript("go on then", 5)),
        (950, Transcript("go on then", 5)),
        (1100, final("go on then now")),
    ).turns
    assert figures.settled_at(turn) == [600, 900, None, None]


def test_true_times_count_where_they_are_known_and_wrong_words_have_none() -> None:
    words = (SpokenWord("Go,", 100, 300), SpokenWord("twenty-one", 300, 700), SpokenWord("meters.", 700, 1000))
    one = heard(recording("go twenty one meters", words=words), (1100, final("Go twenty one miles.")))
    assert figures.word_ends(one.recording, one.turns) == [[300, 700, 700, None]]
    nothing = heard(recording("go", words=words[:1]), (1100, final("")))
    assert figures.word_ends(nothing.recording, nothing.turns) == [[]]


def test_true_times_go_on_from_turn_to_turn() -> None:
    words = (SpokenWord("Go.", 100, 300), SpokenWord("Stop.", 1200, 1500))
    of = recording("go stop", words=words)
    (first,), (second,) = (heard(of, (2000, final(text))).turns for text in ("Go.", "Stop."))
    assert figures.word_ends(of, [first, second]) == [[300], [1500]]


def test_else_the_engines_own_times_count_where_it_has_all() -> None:
    of = recording("go on")
    timed = final("go on", Word("go", 0, 200), Word("on", 200, 450))
    one = heard(of, (1100, timed), from_ms=1000)
    assert figures.word_ends(of, one.turns) == [[1200, 1450]]
    assert figures.word_ends(of, heard(of, (1100, final("go on", Word("go", 0, 200)))).turns) == [[None, None]]


TIMED = final("go on", Word("go", 0, 200), Word("on", 200, 450))


def test_delays() -> None:
    one = heard(
        recording("go on"), (150, Transcript("", 0)), (500, Transcript("go in")), (700, Transcript("go on", 2)),
        (1080, TIMED),
    )  # fmt: skip
    measured = figures.whole(figures.by_category(load(one), {}))
    assert measured.first_ms == [300]
    assert measured.settled_ms == [500]
    assert measured.final_words == 2
    assert measured.final_ms == [80]
    assert (measured.changed, measured.final_characters) == (2, 5)
    assert measured.rows["words stable before the final"] == "50 %"
    assert measured.rows["changed characters of interim text, per final character"] == "0.40"


def test_no_delay_is_told_where_audio_came_faster_than_speech() -> None:
    rows = figures.whole(figures.by_category(load(heard(recording("go on"), (9, TIMED)), in_real_time=False), {})).rows
    told = [name for name, cell in rows.items() if "ms" in name.split() and cell != "–"]
    assert told == []
    assert rows["word error rate"] == "0.0 %"


def test_categories_and_all_speech() -> None:
    groups = figures.by_category(
        load(
            heard(recording("go on", name="a"), (9, TIMED)),
            heard(recording("", "negative", "b"), (9, final("you know"))),
            heard(recording("stop", "noisy", "c"), (9, final("top"))),
        ),
        {"a": Offline(("go in",), 0.2, None), "c": Offline(("stop",), 0.1, None)},
    )
    assert list(groups) == ["clips", "negative", "noisy", "all speech"]
    assert groups["negative"].rows["word error rate"] == "2 words, none spoken"
    everything = groups["all speech"].rows
    assert everything["recordings"] == "2"
    assert everything["word error rate"] == "33.3 %"
    assert everything["the same against offline, points"] == "+0.0"
    assert groups["noisy"].rows["the same against offline, points"] == "+100.0"
    assert everything["real-time factor, offline"] == "0.150"
    assert figures.whole(groups) is groups["all speech"]


def test_a_turn_that_was_lost_is_counted_and_nothing_else_of_it() -> None:
    lost = heard(recording("go on", name="b"))
    lost.turns[0].lost = True
    measured = figures.whole(figures.by_category(load(heard(recording("go on"), (9, TIMED)), lost), {}))
    assert (measured.lost, measured.wrong, measured.expected, len(measured.final_ms)) == (1, 0, 2, 1)


def test_passes_are_compared_with_one_pass_for_each_turn() -> None:
    twice = (heard(recording("go on"), (9, TIMED)), heard(recording("go on"), (9, TIMED)))
    offline = {"one": Offline(("go on",), 0.2, 0.1)}
    passes, cpu = "all passes against one offline pass", "CPU-s a second of audio"
    assert figures.costs(load(*twice, busy_s=0.5), offline) == {cpu: "0.250", passes: "2.50 ×"}
    assert figures.costs(load(*twice), offline)[passes] == "–", "the engine does not tell"
    assert figures.costs(load(*twice, busy_s=0.5), {})[passes] == "–", "nothing was heard offline"
