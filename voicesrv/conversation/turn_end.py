"""What was said so far -> how long a silence after it must last to end the turn. Pure.

Silence alone does not tell a pause from an end: people stop to think after "and", after "um", between
the items of a list and between groups of digits, for as long as they do when they have finished. The
words tell a part of it. They are judged by tables of small words, not by a model: that costs
microseconds, works in the languages listed, and where it does not know it says so.
"""

# ruff: noqa: RUF001  (stops and dashes of all scripts are what this is about)

from __future__ import annotations

import enum
import math
import re

from voicesrv.conversation.boundaries import CLOSERS, COMMAS, FULL_STOPS
from voicesrv.engines.base import primary_language


class Ending(enum.IntEnum):
    """How a text ends, the surest end first."""

    FINISHED = 0
    """With a sentence's full stop."""
    UNKNOWN = 1
    """Neither words nor punctuation tell, or they tell different things."""
    OPEN = 2
    """In the midst: after "and", a comma, a hesitation, an item of a list, digits or letters one by one."""


_SURE = "?？؟!！"
"""No recogniser writes these for want of a better sign."""
_ENDS = f".{_SURE}{FULL_STOPS}"
_TRAILING = ("...", "…", "—", "–", "-", ",", ";", ":", *COMMAS)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SPACELESS = frozenset({"zh", "ja", "th", "lo", "my", "km", "yue"})
MAX_LIST_ITEM = 3
"""Words of an item of a list at most; what is longer between commas is a clause."""
MIN_SIGNS = 3
"""Single digits or letters in a row from which a number or a code is being read out; fewer may be an answer."""


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_DANGLING = {
    "en": _words(
        "and or but nor because although though unless until while whereas if whether the a an my your our their",
        "its of than as every very um uh er erm uhm hmm mm i'm you're we're they're he's she's",
        "it's i've we've you've i'd we'd i'll we'll gonna wanna let's plus",
    ),
    "de": _words(
        "und oder aber denn weil obwohl dass ob wenn während bis sondern der das dem den des ein eine einen einem",
        "einer eines mein meine meinen dein deine unser unsere ihr ihre von vom zum zur ins im für ohne gegen",
        "durch sehr äh ähm öh hm also beziehungsweise",
    ),
    "fr": _words(
        "et ou mais car donc parce puisque quoique que qui si quand le la les un une des du de au aux mon ma mes",
        "ton ta tes son sa ses notre nos votre vos leur leurs dans sur pour avec sans très euh heu hum ben alors",
    ),
    "es": _words(
        "y e o u pero porque aunque que si cuando el la los las un una unos unas mi mis tu tus su sus nuestro",
        "nuestra de del al en con por para sin muy eh em este pues",
    ),
    "it": _words(
        "e o ma perché benché che se quando il lo la i gli le un uno una mio mia tuo tua suo sua di del della dei",
        "delle a al alla da dal dalla in nel nella con su per molto ehm eh cioè allora",
    ),
    "pt": _words(
        "e ou mas porque embora que se quando o a os as um uma meu minha seu sua nosso nossa de do da dos das em",
        "no na com por para sem muito hum ahn é então",
    ),
    "nl": _words(
        "en of maar want omdat hoewel dat als toen terwijl de het een mijn jouw zijn haar ons onze hun van voor",
        "met zonder door naar heel eh ehm uhm dus",
    ),
}
"""Words after which something follows, in languages that put such words first: conjunctions, articles, possessives,
prepositions that cannot be parted from their noun, contracted auxiliaries, hesitations. Words that end sentences now
and then ("so", "that", "on", "her") are not here."""

_LISTING = {
    "en": _words("and or"),
    "de": _words("und oder"),
    "fr": _words("et ou"),
    "es": _words("y e o u"),
    "it": _words("e o"),
    "pt": _words("e ou"),
    "nl": _words("en of"),
}
"""The words that announce the last item of a list."""

_DIGITS = {
    "en": _words("zero oh one two three four five six seven eight nine double triple"),
    "de": _words("null eins zwei zwo drei vier fünf sechs sieben acht neun"),
    "fr": _words("zéro un deux trois quatre cinq six sept huit neuf"),
    "es": _words("cero uno dos tres cuatro cinco seis siete ocho nueve"),
    "it": _words("zero uno due tre quattro cinque sei sette otto nove"),
    "pt": _words("zero um dois três quatro cinco seis sete oito nove"),
    "nl": _words("nul een twee drie vier vijf zes zeven acht negen"),
}


def ending(text: str, language: str) -> Ending:
    """Judge how a text ends.

    Args:
        text: a turn so far, as a recogniser gives it, with or without punctuation.
        language: BCP-47 tag of what is spoken; where it is no language of the tables, punctuation alone is judged.
    """
    bare = text.rstrip().rstrip(CLOSERS)
    if not bare:
        return Ending.UNKNOWN
    if bare[-1] in _SURE:
        return Ending.FINISHED
    if bare.endswith(_TRAILING):
        return Ending.OPEN
    code = primary_language(language)
    if code not in _SPACELESS:
        words = [word.replace("’", "'") for word in _WORD.findall(bare.lower())]
        stopped = bare[-1] in _ENDS
        # "Plan A." and "I B M." are sentences; "turn left and." is what a recogniser makes of a speaker who stopped.
        if words and words[-1] in _DANGLING.get(code, frozenset()) and not (stopped and len(words[-1]) == 1):
            return Ending.OPEN
        if _is_spelling(words, _DIGITS.get(code, frozenset())):
            return Ending.UNKNOWN if stopped else Ending.OPEN
        if not stopped and _is_listing(bare, _LISTING.get(code, frozenset())):
            return Ending.OPEN
    return Ending.FINISHED if bare[-1] in _ENDS else Ending.UNKNOWN


def wait_ms(text: str, language: str, shortest_ms: int, longest_ms: int, *, punctuated: bool) -> int:
    """Tell how much silence after a text ends the turn.

    Args:
        text: the turn so far; may be empty.
        language: BCP-47 tag of what is spoken.
        shortest_ms: the wait after a finished sentence.
        longest_ms: the wait after what is plainly unfinished; at most ``shortest_ms`` for no difference.
        punctuated: whether the recogniser writes full stops, so that the lack of one tells something.

    Returns:
        ``shortest_ms``, ``longest_ms``, or their geometric mean where a full stop is missing that should be there.
    """
    if longest_ms <= shortest_ms or not text.strip():
        return shortest_ms
    match ending(text, language):
        case Ending.OPEN:
            return longest_ms
        case Ending.UNKNOWN if punctuated:
            return round(math.sqrt(shortest_ms * longest_ms))
    return shortest_ms


def _is_spelling(words: list[str], digits: frozenset[str]) -> bool:
    """Whether the last words are single digits or letters, as numbers and codes are read out."""
    last = words[-MIN_SIGNS:]
    return len(last) == MIN_SIGNS and all(word in digits or (len(word) == 1 and word.isascii()) for word in last)


def _is_listing(text: str, conjunctions: frozenset[str]) -> bool:
    """Whether the text ends in items parted by commas, of which none was announced as the last."""
    last_sentence = re.split(rf"[{re.escape(_ENDS)}]\s+", text)[-1]
    items = re.split(rf"[,{COMMAS}]\s*", last_sentence)
    if len(items) < 3:
        return False
    sizes = [_WORD.findall(item.lower()) for item in items[1:]]
    return all(0 < len(size) <= MAX_LIST_ITEM for size in sizes) and not conjunctions.intersection(sizes[-1])
