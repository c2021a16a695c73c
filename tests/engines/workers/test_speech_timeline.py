from __future__ import annotations

from voicesrv.engines.workers.speech_timeline import Timeline

RATE = 1000  # so that a sample is a millisecond


def spoken(text: str, *events: tuple[object, ...], n_samples: int) -> Timeline:
    """Feed events: (position, length, sample) begins a word, (name, sample) a phoneme."""
    timeline = Timeline(text, RATE)
    for event in events:
        match event:
            case (int(position), int(length), int(sample)):
                timeline.word(position, length, sample)
            case (str(name), int(sample)):
                timeline.phoneme(name, sample)
    timeline.audio(n_samples)
    return timeline


def test_words_end_where_the_next_begins_and_shapes_too() -> None:
    timeline = spoken("Oh, no", (0, 2, 0), ("oʊ", 10), (4, 2, 110), ("n", 110), ("oʊ", 150), n_samples=250)
    assert timeline.complete == 110
    assert timeline.take(110) == {"words": [["Oh", 0, 110]], "visemes": [["oh", 10, 60], ["ou", 60, 110]]}
    assert timeline.finish() == 250
    assert timeline.take(250) == {
        "words": [["no", 110, 250]],
        "visemes": [["nn", 110, 150], ["oh", 150, 200], ["ou", 200, 250]],
    }
    assert timeline.take(250) == {}


def test_a_pause_ends_a_word() -> None:
    timeline = spoken("a. b", (0, 1, 0), ("a", 0), ("", 100), ("", 150), (3, 1, 400), ("b", 400), n_samples=500)
    timeline.finish()
    assert timeline.take(500) == {
        "words": [["a", 0, 100], ["b", 400, 500]],
        "visemes": [["aa", 0, 100], ["sil", 100, 400], ["PP", 400, 500]],
    }


def test_a_number_of_several_words_is_one_word_of_the_text() -> None:
    # As espeak-ng tells it of "is 3.14%": three.point.one.four are words 4 long, at the digits and beside them.
    events = [(0, 2, 0), (3, 4, 100), (4, 4, 200), (4, 4, 300), (7, 1, 400)]
    timeline = spoken("is 3.14%", *events, n_samples=500)
    timeline.finish()
    assert [word[0] for word in timeline.take(500)["words"]] == ["is", "3.14", "%"]


def test_punctuation_is_no_part_of_a_word_and_apostrophes_are() -> None:
    timeline = spoken('"Smith\'s" (e-mail)', (1, 5, 0), (10, 1, 100), n_samples=200)
    timeline.finish()
    assert timeline.take(200)["words"] == [["Smith's", 0, 100], ["e-mail", 100, 200]]


def test_the_second_part_goes_on_in_text_and_sound() -> None:
    timeline = spoken("One. Two.", (0, 3, 0), ("w", 0), n_samples=300)
    timeline.part(5)
    timeline.word(0, 3, 20)
    timeline.audio(200)
    timeline.finish()
    assert timeline.take(500)["words"] == [["One", 0, 300], ["Two", 320, 500]]


def test_positions_outside_the_text_are_left_out() -> None:
    timeline = spoken("ab", (-5, 1, 0), (0, 1, 10), (7, 3, 20), n_samples=30)
    timeline.finish()
    assert timeline.take(30)["words"] == [["ab", 10, 30]]


def test_only_what_begins_before_is_taken() -> None:
    timeline = spoken("a b c", (0, 1, 0), (2, 1, 100), (4, 1, 200), n_samples=300)
    assert timeline.take(100)["words"] == [["a", 0, 100]]
    assert timeline.take(200)["words"] == [["b", 100, 200]]
    assert timeline.take(200) == {}
