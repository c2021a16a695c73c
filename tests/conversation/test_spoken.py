# ruff: noqa: RUF001  (look-alike characters are what this is about)

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicesrv.conversation.spoken import MAX_MARKS, speakable

MARKDOWN = [
    ("**Bold**, *it*, __u__, _i_, ~~gone~~ and ***all***.", "Bold, it, u, i, gone and all."),
    ("a `snake_case` name", "a snake case name"),
    ("# Title\nText", "Title. Text"),
    ("## Why? ##\nText", "Why? Text"),
    ("- one\n- two\n  * three", "one. two. three"),
    ("- [ ] open\n- [x] shut", "open. shut"),
    ("1. one\n2) two", "1. one. 2. two"),
    ("> quoted\n> > deeper", "quoted deeper"),
    ("A line\nthat goes on.\n\nA paragraph\n\nAnother", "A line that goes on. A paragraph. Another"),
    ("| a | b |\n|:--|--:|\n| 1 | 2 |", "a, b. 1, 2"),
    ("one\n\n---\n\ntwo", "one. two"),
    ("Title\n=====\ntext", "Title. text"),
    ("Before\n```py\nx = 1\n```\nafter", "Before. after"),
    ("Before\n~~~\nx = 1\n", "Before"),
    ("````\n```\nx\n````\nend", "end"),
    ('[text](https://e.com/a_(b)?c) ![a picture](x.png "title")', "text a picture"),
    ("[a][1] and[^2] <https://e.com/x>", "a and e.com"),
    ("half [a link](http", "half a link"),
    ("link](https://e.com/x) rest", "link rest"),
    ("<p>One<br/>two</p> <speak><break time='99999s'/>three", "One two three"),
    ("Tom &amp; Ann&nbsp;Lee &lt;3", "Tom and Ann Lee less than 3"),
    (r"5 \* 3 and \_x\_", "5 times 3 and x"),
    ("see https://user:secret@www.example.com:80/a/b?c=d#e.", "see www.example.com."),
    ("see (http://example.com/a), ok", "see (example.com), ok"),
]

SYMBOLS = [
    ("$5, $1, $5.50, $0.99 and $1.01", "5 dollars, 1 dollar, 5 dollars and 50 cents, 99 cents and 1 dollar and 1 cent"),
    ("$3 million, €20bn, £1,000.00", "3 million dollars, 20 billion euros, 1,000 pounds"),
    ("5€ or 7,50 €", "5 euros or 7,50 euros"),
    ("50% of R&D", "50 percent of R and D"),
    ("bob@example.com", "bob at example.com"),
    ("#1 in C# and C++ #fun", "number 1 in C sharp and C plus plus hashtag fun"),
    ("20°C, 70 °F, 90°", "20 degrees Celsius, 70 degrees Fahrenheit, 90 degrees"),
    ("2 + 2 = 4, 5 - 3 = 2, 2*3", "2 plus 2 equals 4, 5 minus 3 equals 2, 2 times 3"),
    ("9:00–17:00, 1990 - 2000", "9:00 to 17:00, 1990 to 2000"),
    ("1/2, 2/7, 24/7, and/or, 90 km/h", "one half, 2 out of 7, 24 7, and or, 90 kilometers per hour"),
    ("a -> b => c → d", "a to b to c to d"),
    ("x <= 5, y ≥ 3, 1 < 2 > 1, a != b", "x at most 5, y at least 3, 1 less than 2 greater than 1, a is not b"),
    (
        "~5 ± 1, 2^3, 4×5, √9, x²",
        "about 5 plus or minus 1, 2 to the power of 3, 4 times 5, square root of 9, x squared",
    ),
    ("He came — late – or - no", "He came, late, or, no"),
    ("well-known 555-1234, -5", "well-known 555-1234, -5"),
    ("The .NET app v1.2.3 (new).", "The .NET app v1.2.3 (new)."),
    ("C:\\dir {a} | b", "C: dir a, b"),
]

CHARACTERS = [
    ("Hi 👋🏽 there 👨‍👩‍👧!", "Hi there!"),
    ("1️⃣ flag 🇩🇪 ✓ ★", "1 flag"),
    ("a\x00b\x1b[0m\x7fc\td", "ab 0mc d"),
    ("\u202eabc\u202c\u2066d\u2069", "abcd"),
    ("a\u200bb\ufeffc\u00add\u2060e", "abcde"),
    ("\ue000\U000f0000x\U000e0041\ud800y\udfffz", "xyz"),
    ("e\u0301", "é"),
    ("می\u200cخواهم a\u200cb", "می\u200cخواهم ab"),
    ("a\u00a0b\u3000c\u2028d", "a b c d"),
    ("नमस्ते, สวัสดี, 你好。", "नमस्ते, สวัสดี, 你好。"),
]


@pytest.mark.parametrize(("text", "expected"), MARKDOWN + SYMBOLS + CHARACTERS)
def test_speakable(text: str, expected: str) -> None:
    assert speakable(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "...",
        "?!",
        "😀 👍🏽",
        "---",
        "```\nx = 1\n```",
        "**",
        "%&#@ $€",
        "|---|---|",
        "[^1]",
        "<br>",
        "\u202e\u200b",
    ],
)
def test_nothing_to_speak(text: str) -> None:
    assert speakable(text) == ""


def test_other_languages_keep_the_symbols_that_their_voice_knows() -> None:
    assert speakable("**50 %** kosten 5 € & mehr", "de-DE") == "50 % kosten 5 € & mehr"


def test_few_marks_stay_on_a_letter() -> None:
    zalgo = "h" + "\u0335\u0301\u0316" * 100 + "i" + "\u0489" * 50
    marks = [unicodedata.category(c).startswith("M") for c in speakable(zalgo)]
    assert sum(marks) == MAX_MARKS


@example("$1\u0301")  # the mark is left on the word for the symbol
@given(st.text(st.sampled_from("ab1. ,*_`#|[]()<>\\\n-~=/&$€%é\u0301\u0489😀\u202e\ud800你。—…&;:@+^°"), max_size=200))
def test_whatever_comes_the_result_is_one_clean_line(text: str) -> None:
    said = speakable(text)
    assert said == unicodedata.normalize("NFC", said) == said.strip()
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Co", "So", "Me") for c in said.replace("°", ""))
    assert not set(said) & set("*`#|\\_\n")
    assert said == "" or any(map(str.isalnum, said))


WORDS = st.sampled_from(
    ["one", "Two", "3", "vier,", "fünf.", "**six**", "_seven_", "- eight", "# nine", "[ten](http://e.com)"]
)


@given(st.lists(WORDS, max_size=30), st.sampled_from([" ", "\n", "\n\n"]))
def test_words_keep_their_order(words: list[str], gap: str) -> None:
    plain = [word.strip("*_-# ").removesuffix("](http://e.com)").lstrip("[") for word in words]
    assert [w.strip(".,") for w in speakable(gap.join(words)).split()] == [w.strip(".,") for w in plain]


HOSTILE = [
    *(
        "[",
        "](",
        "](a(",
        "[a](",
        '[a]( "',
        "<a",
        "<!",
        "`",
        "``` ",
        "```\n",
        "*",
        "_",
        "~",
        "|",
        "> ",
        "- ",
        "-",
        "=",
        "#",
        "\\",
    ),
    *(
        "http://",
        "http://a.",
        "$1,",
        "$1",
        "1,1",
        "1 - ",
        "1/",
        "&amp",
        "!",
        " ,",
        " .",
        "\n",
        " ",
        "\t\n",
        "a@",
        "。",
        "\u0301",
        "\u0316\u0301",
    ),
    *("\u200d", "😀", "°", "+", "1^", "((", "1. ", "- [ ", "--> "),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_length_and_not_with_its_square(unit: str) -> None:
    def seconds(n: int) -> float:
        text = unit * (n // len(unit)) + "x"
        times = []
        for _ in range(3):
            started = time.perf_counter()
            speakable(text)
            times.append(time.perf_counter() - started)
        return min(times)

    # Sixteen times the text: linear is 16 times the time, quadratic is 256 times.
    assert seconds(32_000) < 80 * max(seconds(2_000), 0.0005)
