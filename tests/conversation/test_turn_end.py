# ruff: noqa: RUF001  (stops of all scripts are what this is about)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.conversation.turn_end import Ending, ending, wait_ms

FINISHED = [
    ("en", "Turn left."),
    ("en", "Is it raining?"),
    ("en", 'He said "stop!"'),
    ("en", "What are you looking for?"),
    ("en", "My number is 415 555 0199."),
    ("en", "In 1984."),
    ("en", "Milk, eggs and bread."),
    ("en", "Red, green, or blue."),
    ("en", "However, when I got home, I was very tired."),
    ("en", "Yes, I like that."),
    ("en", "I need milk, eggs, bread. That is all."),
    ("en", "Yes, please, thank you."),
    ("en", "Stop, stop, stop!"),
    ("en", "I live in Austin, Texas, USA."),
    ("en", "My plan is A."),
    ("en", "That's who I was with."),
    ("de", "Nein, danke, tschüss."),
    ("de", "Ich gehe jetzt."),
    ("de", "Äpfel, Birnen und Pflaumen."),
    ("de", "Komm mit."),
    ("zh", "今天天气很好。"),
    ("ja", "そうですか？"),
    ("hi", "मैं ठीक हूँ।"),
    ("xx", "Anything and."),
]
OPEN = [
    ("en", "I would like a coffee and"),
    ("en", "turn left and."),
    ("en", "Um."),
    ("en", "Well, um"),
    ("en", "the"),
    ("en", "The problem is that we're"),
    ("en", "The problem is that we’re"),
    ("en", "I went there because"),
    ("en", "Milk, eggs, bread"),
    ("en", "Hello. I need milk, eggs, brown bread"),
    ("en", "my number is four one five"),
    ("en", "4 1 5"),
    ("en", "it is b seven x"),
    ("en", "Well,"),
    ("en", "I was thinking..."),
    ("en", "I was thinking…"),
    ("en-GB", "because"),
    ("de", "Ich hätte gern einen Kaffee und"),
    ("de", "Das ist für mich, ähm"),
    ("de", "null acht neun"),
    ("fr", "je voudrais un café et"),
    ("fr", "c'est parce que"),
    ("es", "quiero un café y"),
    ("it", "vorrei un caffè e"),
    ("pt", "quero um café e"),
    ("nl", "ik wil koffie en"),
    ("zh", "我想要，"),
    ("xx", "anything,"),
]
UNKNOWN = [
    ("en", "go forward ten meters"),
    ("en", "4 1 5."),
    ("en", "M, 4, K."),
    ("en", "I work at I B M."),
    ("en", "I think so"),
    ("en", "five six"),
    ("en", "it costs 415"),
    ("xx", "anything and"),
    ("zh", "我想要"),
    ("en", ""),
    ("en", "  "),
    ("en", '"'),
]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        *((language, text, Ending.FINISHED) for language, text in FINISHED),
        *((language, text, Ending.OPEN) for language, text in OPEN),
        *((language, text, Ending.UNKNOWN) for language, text in UNKNOWN),
    ],
)
def test_the_last_words_tell(language: str, text: str, expected: Ending) -> None:
    assert ending(text, language) is expected
    assert ending(text + " ", language) is expected


@pytest.mark.parametrize(
    ("text", "punctuated", "expected"),
    [
        ("I am here.", True, 300),
        ("I am here", True, 600),  # a full stop is missing
        ("i am here", False, 300),  # nobody would have written one
        ("i am here and", False, 1200),
        ("I am here and", True, 1200),
        ("", True, 300),
    ],
)
def test_the_wait_follows(text: str, punctuated: bool, expected: int) -> None:
    assert wait_ms(text, "en", 300, 1200, punctuated=punctuated) == expected


@pytest.mark.parametrize("longest_ms", [0, 299, 300])
def test_one_wait_where_the_longest_is_no_longer(longest_ms: int) -> None:
    assert wait_ms("and", "en", 300, longest_ms, punctuated=True) == 300


@given(st.text(), st.sampled_from(["en", "de", "zh", "auto", ""]), st.booleans())
def test_any_text_has_a_wait_between_the_two(text: str, language: str, punctuated: bool) -> None:
    assert wait_ms(text, language, 300, 1200, punctuated=punctuated) in (300, 600, 1200)
