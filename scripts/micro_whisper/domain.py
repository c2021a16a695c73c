"""What the micro Whisper understands: a small grammar over a closed vocabulary. Pure, and needs nothing but Python.

Sentences are written as a careful typist would: a capital first, a full stop or question mark last, commas in lists
and around "um" and "uh". About a tenth is German, so that the language can be told.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

DEVICES = ("light", "lamp", "fan", "heater", "music", "robot")
ROOMS = ("kitchen", "bedroom", "bathroom", "garden", "office")
COLOURS = ("red", "green", "blue", "yellow")
SMALL = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
TENS = ("twenty", "thirty", "fifty")
FILLERS = ("um", "uh")
CONJUNCTIONS = ("and", "but", "or", "then", "because")

ENGLISH = (
    *DEVICES, *ROOMS, *COLOURS, *SMALL, *TENS, *FILLERS, *CONJUNCTIONS,
    *("hundred", "door", "window", "box", "meters", "minutes", "degrees", "time"),
    *("turn", "switch", "set", "open", "close", "go", "stop", "play", "wait", "bring", "want", "is", "are", "am"),
    *("on", "off", "forward", "back", "left", "right", "to", "in", "the", "please", "not", "now", "here"),
    *("what", "where", "who", "how", "many", "it", "I", "you", "me", "my", "we"),
    *("yes", "no", "okay", "hello", "thank"),
)  # fmt: skip
"""Every English word. None sounds like another, but "to" and "two", which the words beside them tell apart."""

GERMAN = (
    *("Licht", "Tür", "Küche", "Meter", "zwei", "drei", "zehn"),
    *("schalte", "mach", "geh", "ist", "wo", "das", "die", "der", "in", "an", "aus", "auf", "zu", "vor", "zurück"),
    *("ja", "nein", "bitte", "danke", "und"),
)  # fmt: skip
"""Every German word."""

_UNSEEN = 8
"""One sentence of four words or more in so many is never trained on."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said, and in which language: ``en`` or ``de``."""

    text: str
    language: str = "en"


def unseen(text: str) -> bool:
    """Whether a sentence is kept for measuring. Shorter ones than four words are too few to be kept from training."""
    return len(text.split()) >= 4 and zlib.crc32(text.lower().encode()) % _UNSEEN == 0


def bare(word: str) -> str:
    """A word without its signs, in lower case."""
    return "".join(filter(str.isalnum, word)).lower()


def training_sentence(rng: random.Random) -> Sentence:
    """One to learn from: mostly of the grammar, a fifth words in any order, so that words are heard, not guessed."""
    while True:
        if rng.random() < 0.1:
            sentence = Sentence(german(rng), "de")
        else:
            sentence = Sentence(english(rng) if rng.random() < 0.75 else any_words(rng))
        if not unseen(sentence.text):
            return sentence


def measuring_sentence(rng: random.Random) -> Sentence:
    """One to measure with, of four words or more and never trained on; a tenth are words in any order."""
    while True:
        text = english(rng) if rng.random() < 0.9 else any_words(rng)
        if unseen(text):
            return Sentence(text)


def german(rng: random.Random) -> str:
    """A German sentence of the grammar."""
    number = rng.choice(("zwei", "drei", "zehn"))
    where = rng.choice(("", "", " in der Küche"))
    sentence = rng.choice(
        (
            f"schalte das Licht{where} {rng.choice(('an', 'aus'))}",
            f"mach die Tür{where} {rng.choice(('auf', 'zu'))}",
            f"geh {rng.choice(('vor', 'zurück'))}",
            f"geh {number} Meter {rng.choice(('vor', 'zurück'))}",
            f"geh in die Küche und mach das Licht {rng.choice(('an', 'aus'))}",
            rng.choice(("wo ist das Licht?", "wo ist die Tür?", "wo ist die Küche?", "ist die Tür auf?")),
            rng.choice(("ja, bitte", "nein, danke", "ja", "nein", "danke", "zwei, drei und zehn")),
            " ".join(rng.choices(GERMAN, k=rng.randint(2, 6))),
        )
    )
    return _written(sentence)


def any_words(rng: random.Random) -> str:
    """Words of the vocabulary in any order; without "to", which nothing would then tell from "two"."""
    words = [word for word in rng.choices(ENGLISH, k=rng.choice((1, 2, 3, 4, 5, 6, 7))) if word != "to"]
    return _written(" ".join(words or ["two"]))


def english(rng: random.Random) -> str:
    """An English sentence of the grammar, three in ten with a filler."""
    kind = rng.random()
    if kind < 0.45:
        sentence = _command(rng)
        if rng.random() < 0.12:
            sentence = f"{rng.choice(('please', 'okay,', 'yes,', 'no,', 'now', 'hello robot,'))} {sentence}"
        elif rng.random() < 0.1:
            sentence += rng.choice((", please", " now"))
    elif kind < 0.6:
        sentence = _question(rng)
    elif kind < 0.74:
        sentence = _statement(rng)
    elif kind < 0.84:
        joint = rng.choice((" and", ", and then", ", but", ", or", " and then", ", but not now, and"))
        sentence = f"{_command(rng)}{joint} {_command(rng)}"
    elif kind < 0.87:
        sentence = f"{_command(rng)} because {_statement(rng)}"
    elif kind < 0.94:
        sentence = _list(rng)
    else:
        short = ("yes", "no", "okay", "hello", "stop", "thank you", "yes, please", "no, stop", "not now", "go", "wait")
        sentence = rng.choice(short)
    if rng.random() < 0.3:
        sentence = _hesitant(sentence, rng)
    return _written(sentence)


def number(rng: random.Random) -> str:
    """A number in words, mostly up to ten."""
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(SMALL)
    if kind < 0.75:
        return rng.choice(TENS)
    if kind < 0.92:
        return f"{rng.choice(TENS)} {rng.choice(SMALL[:9])}"
    return f"{rng.choice(SMALL[:9])} hundred"


def _thing(rng: random.Random) -> str:
    """Something that can be switched."""
    kind = rng.random()
    if kind < 0.15:
        return f"{rng.choice(ROOMS)} {rng.choice(('light', 'lamp', 'fan', 'heater'))}"
    if kind < 0.3:
        return f"{rng.choice(COLOURS)} {rng.choice(('light', 'lamp'))}"
    return rng.choice(DEVICES)


def _where(rng: random.Random, likely: float = 0.4) -> str:
    return f" in the {rng.choice(ROOMS)}" if rng.random() < likely else ""


def _command(rng: random.Random) -> str:
    switch, way = rng.choice(("turn", "turn", "switch")), rng.choice(("on", "off"))
    return rng.choice(
        (
            f"{switch} {way} the {_thing(rng)}{_where(rng)}",
            f"{switch} {way} the {_thing(rng)}{_where(rng)}",
            f"{switch} the {_thing(rng)} {way}",
            f"set the {rng.choice(('light', 'lamp'))}{_where(rng)} to {rng.choice(COLOURS)}",
            f"set the {rng.choice(('heater', 'fan'))}{_where(rng)} to {number(rng)} {rng.choice(('degrees', ''))}",
            f"{rng.choice(('open', 'close'))} the {rng.choice(('door', 'window', 'box'))}{_where(rng)}",
            f"go {rng.choice(('forward', 'back'))} {number(rng)} meters",
            f"go {rng.choice(('forward', 'forward ten meters', 'back', 'left', 'right'))}",
            f"go to the {rng.choice((*ROOMS, 'door', 'window'))}",
            f"turn {rng.choice(('left', 'right'))} {rng.choice(('now', '', ''))}",
            f"wait {number(rng)} minutes{_where(rng, 0.2)}",
            f"{rng.choice(('stop', 'play'))} the music{_where(rng)}",
            f"bring me {rng.choice(('the', 'my'))} {rng.choice(COLOURS)} {rng.choice(('box', 'lamp'))}",
            f"stop {rng.choice(('the robot', 'here', 'now'))}",
        )
    ).strip()


def _question(rng: random.Random) -> str:
    sentence = rng.choice(
        (
            f"is the {rng.choice(('door', 'window', 'box'))}{_where(rng)} {rng.choice(('open', 'open or not', 'red'))}",
            f"is the {_thing(rng)} {rng.choice(('on', 'off', 'on or off', 'here'))}",
            f"where is {rng.choice(('the', 'my'))} {rng.choice((*DEVICES, *ROOMS, 'box'))}",
            rng.choice(("what time is it", "what is the time", "where are you", "where am I", "who are you")),
            f"who is in the {rng.choice(ROOMS)}",
            f"how many {rng.choice(('meters', 'minutes', 'degrees'))}{rng.choice((' is it', '', ''))}",
            f"are you in the {rng.choice(ROOMS)}",
            f"{rng.choice(('what', 'who', 'where'))} is it",
        )
    )
    return sentence + "?"


def _statement(rng: random.Random) -> str:
    not_ = rng.choice(("", "", "not "))
    return rng.choice(
        (
            f"I am {not_}in the {rng.choice(ROOMS)}",
            f"we are {not_}in the {rng.choice(ROOMS)} now",
            f"the {_thing(rng)} is {not_}{rng.choice(('on', 'off', 'here'))}",
            f"the {rng.choice(('door', 'window', 'box'))} is {not_}{rng.choice(('open', 'green', 'blue'))}",
            f"it is {number(rng)} degrees{_where(rng)}",
            f"it is {number(rng)} meters to the {rng.choice(('door', 'window', 'garden'))}",
            f"{rng.choice(('I', 'we'))} want the {_thing(rng)}",
            f"{rng.choice(('I', 'we', 'you'))} want {number(rng)} {rng.choice(('minutes', 'degrees', 'meters'))}",
            f"my {rng.choice(('light', 'lamp', 'box', 'robot'))} is {rng.choice(COLOURS)}",
        )
    )


def _list(rng: random.Random) -> str:
    last = rng.choice(("and", "and", "or"))
    n_items = rng.choice((2, 3, 3, 4))
    items = rng.choice(
        (
            rng.sample(COLOURS, k=min(n_items, 4)),
            [number(rng) for _ in range(n_items)],
            [f"the {room}" for room in rng.sample(ROOMS, k=n_items)],
        )
    )
    before = rng.choice(("", "", "I want ", "bring me "))
    return before + (
        f"{items[0]} {last} {items[1]}" if n_items == 2 else f"{', '.join(items[:-1])}, {last} {items[-1]}"
    )


def _hesitant(sentence: str, rng: random.Random) -> str:
    """Put an "um" or "uh" where a speaker might pause: first, or after a small word."""
    words = sentence.split()
    places = [
        0,
        *(i + 1 for i, word in enumerate(words[:-1]) if word in {"the", "to", "and", "in", "me", "is", "then"}),
    ]
    at = rng.choice(places)
    if at:
        words[at - 1] += ","
    words.insert(at, rng.choice(FILLERS) + ",")
    return " ".join(words)


def _written(sentence: str) -> str:
    """With its capital and its full stop."""
    sentence = sentence[0].upper() + sentence[1:]
    return sentence if sentence.endswith("?") else sentence + "."
