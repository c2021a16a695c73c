# ruff: noqa: RUF001 - letters of the IPA look like others

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicesrv.engines.workers.spoken_words import NOBODY, SpokenWords

ALONE = {
    "of": "ˈʌv",
    "the": "ðə",
    "two": "tˈuː",
    "in": "ˈɪn",
    "house": "hˈaʊs",
    "1984": "nˈaɪntiːnhˈʌndɹɪd ˈeɪɾi fˈɔːɹ",
    "a": "ˈeɪ",
    "car": "kˈɑːɹ",
}


def alone(word: str) -> str:
    return ALONE.get(word.strip(".,"), "")


def said(text: str, *pieces: str) -> list[list[tuple[str, str]]]:
    """The words of each piece, each with the symbols that are its own."""
    words = SpokenWords(text, alone)
    told: list[list[tuple[str, str]]] = []
    for piece in pieces:
        owners = words.owners(list(piece))
        assert len(owners) == len(piece)
        in_order = list(dict.fromkeys(owner for owner in owners if owner != NOBODY))
        assert in_order == sorted(in_order)
        own = {i: "".join(c for c, owner in zip(piece, owners, strict=True) if owner == i) for i in in_order}
        told.append([(words.word(i), symbols) for i, symbols in own.items()])
    return told


def test_words_that_are_spoken_as_one() -> None:
    assert said("of the two, in the house.", "ʌvðə tˈuː, ɪnðə hˈaʊs.") == [
        [("of", "ʌv"), ("the", "ðə"), ("two", "tˈuː"), ("in", "ɪn"), ("the", "ðə"), ("house", "hˈaʊs")]
    ]


def test_a_number_is_one_word_of_several() -> None:
    spoken = "ɐ nˈaɪntiːnhˈʌndɹɪd ˈeɪɾi fˈɔːɹ kˈɑːɹ"
    (words,) = said("a 1984 car", spoken)
    assert [word for word, _ in words] == ["a", "1984", "car"]
    assert words[1][1].replace(" ", "") == "nˈaɪntiːnhˈʌndɹɪdˈeɪɾifˈɔːɹ"


def test_pieces_go_on_where_the_last_one_ended_even_within_a_word() -> None:
    first, second = said("a 1984 car", "ɐ nˈaɪntiːnhˈʌndɹɪd ", "ˈeɪɾi fˈɔːɹ kˈɑːɹ")
    assert [word for word, _ in first] == ["a", "1984"]
    assert [word for word, _ in second] == ["1984", "car"]


def test_a_word_that_is_not_spoken_is_left_out() -> None:
    assert said("the – house", "ðə hˈaʊs") == [[("the", "ðə"), ("house", "hˈaʊs")]]
    assert said("the car house", "ðə hˈaʊs") == [[("the", "ðə"), ("house", "hˈaʊs")]]


def test_signs_around_a_word_are_not_part_of_it() -> None:
    words = SpokenWords("“(two),” €) —", alone)
    assert [words.word(i) for i in range(3)] == ["two", "€", "—"]


def test_chinese_is_a_word_a_sign() -> None:
    words = SpokenWords("日本 two", lambda word: {"日": "ʐi", "本": "pən"}.get(word, "tu"))
    assert [words.word(i) for i in words.owners(list("ʐipən tu")) if i != NOBODY] == list("日日本本本") + ["two"] * 2


def test_nothing_to_match() -> None:
    assert SpokenWords("", alone).owners(list("ab")) == [NOBODY] * 2
    assert SpokenWords("two", alone).owners(list(" ,")) == [NOBODY] * 2


@given(st.lists(st.sampled_from(sorted(ALONE)), max_size=40), st.lists(st.integers(1, 12), max_size=20))
def test_what_is_spoken_as_it_is_read_is_found_between_whatever_words_it_is_cut(
    chosen: list[str], n_words: list[int]
) -> None:
    words = SpokenWords(" ".join(chosen), alone)
    at = 0
    for n in [*n_words, len(chosen)]:
        part = [(letter, i) for i in range(at, min(at + n, len(chosen))) for letter in ALONE[chosen[i]]]
        at += n
        owners = words.owners([letter for letter, _ in part])
        assert all(
            owner == expected
            for owner, (letter, expected) in zip(owners, part, strict=True)
            if letter != " " or owner != NOBODY
        )


@given(st.text(max_size=80), st.text(alphabet="abɾˈ ,ː", max_size=80))
def test_any_text_and_any_speech(text: str, spoken: str) -> None:
    words = SpokenWords(text, lambda word: word)
    owners = [owner for owner in words.owners(list(spoken)) if owner != NOBODY]
    assert owners == sorted(owners)
    at = 0
    for owner in dict.fromkeys(owners):
        at = text.index(words.word(owner), at) + len(words.word(owner))
