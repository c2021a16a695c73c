"""How strongly two words of a reply are parted: at a sentence's end, a clause's, or not at all.

Pure and made for text that is still arriving: each answer is either right whatever follows, or
``None`` for "more text is needed". So it does not matter where a model's deltas begin and end.
"""

# ruff: noqa: RUF001  (stops, quotes and dashes of all scripts are what this is about)

from __future__ import annotations

import enum
import re


class Break(enum.IntEnum):
    """What lies after a word, weakest first."""

    NONE = 0
    """Nothing to cut at: a list's number and its item."""
    WORD = 1
    """An ordinary space."""
    LINK = 2
    """A conjunction follows."""
    CLAUSE = 3
    """A comma, a dash, a colon, a line's end."""
    SENTENCE = 4
    """A full stop, a paragraph, the end of a list's item."""


LOOKAHEAD = 24
"""Characters of what follows that ``after`` may look at."""

FULL_STOPS = "。｡．！？।॥؟۔։።។။"
"""They end a sentence with no space after them (CJK, Devanagari, Arabic, Armenian, Ethiopic, Khmer, Burmese)."""
COMMAS = "、，；：،؛"
"""They end a clause with no space after them."""
CLOSERS = "\"'”’»›)]}*_~`」』）】》〉"
"""What may stand between a stop and the space after it; markdown's emphasis among them."""

_OPENERS = "\"'“‘„«‹([{*_~`「『（【《〈"
_QUOTES = frozenset("\"'”’»")
_DASHES = frozenset({"-", "–", "—", "--"})
_ATOM = re.compile(
    rf"[^\s{FULL_STOPS}{COMMAS}…—]*+(?:[{FULL_STOPS}{COMMAS}…—]++[!?.]*+[{re.escape(CLOSERS)}]*+)?+", re.NOFLAG
)
_LETTERS = re.compile(r"[^\W\d_]*+")
_NO_SPACE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
"""Thai, Lao, Burmese, Khmer: a space there parts phrases, not words."""

_MARKER = re.compile(r"#{1,6}|[-*+•>]|\d{1,3}[.)]|\|.*", re.DOTALL)
_OPENING = re.compile(r"(?:#{1,6}|[-*+•>]|\d{1,3}[.)])\s|\||```|~~~")
_PERHAPS_OPENING = re.compile(r"(?:#{1,6}|[-*+•>]|\d{1,3}[.)]?|`{1,2}|~{1,2})\Z")


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


# A name or number follows these: they never end a sentence.
_TITLES = _words(
    "mr mrs ms mx dr prof st mt rev fr gen col lt sgt capt cmdr gov sen rep hon messrs mme mlle sra srta",
    "e.g i.e eg ie cf vs viz approx resp hr dipl ing",
)
# These end a sentence now and then, and it takes the next word to tell.
_PERHAPS_FINAL = _words("etc inc ltd co corp jr sr bros dept univ assn est a.m p.m ph.d b.c a.d usw bzw ca z.b d.h u.a")
# Before a number these are short for something.
_BEFORE_NUMBERS = _words(
    "no nos nr fig figs p pp vol vols art sec ch op ed jan feb mar apr jun jul aug sep sept oct nov dec tel ext"
)
# Words that open English sentences far more often than they are part of a name.
_STARTERS = _words(
    "the it he she they we i you this that these those there in on at a an and but so if when as is are do does did",
    "what how why where who my your his her our their its for to then no yes can could would should please let not",
    "now here just however",
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_VOWEL = re.compile(r"[aeiouyà-öø-ÿ]|[^\x00-\xff]")
_CONJUNCTIONS = _words(
    "and but because while although though which und aber weil oder et mais car parce y pero porque",
    "e ma perché mas",
)
# Languages that write ordinal numbers with a full stop ("am 3. Mai").
_DOTTED_ORDINALS = _words("de da nb nn no fi et cs sk sl hr sr bs hu pl lv tr is")


def atom(text: str, start: int) -> int:
    """Give the end of the atom at ``start``: a word, or the part of one up to a stop that needs no space.

    An atom that ends where ``text`` ends may still grow.
    """
    match = _ATOM.match(text, start)
    assert match is not None  # it matches the empty string
    return match.end()


def is_marker(word: str) -> bool:
    """Whether the first word of a line makes it a heading, a list's item, a quote or a table's row."""
    return _MARKER.fullmatch(word) is not None


def after(word: str, gap: str, rest: str, *, whole: bool, opens: bool, marked: bool, language: str) -> Break | None:
    """Tell how strongly ``word`` is parted from ``rest``.

    Args:
        word: an atom.
        gap: the white space after it, as far as it has arrived; may be empty after a stop that needs none.
        rest: what follows, as far as it has arrived, or its first ``LOOKAHEAD`` characters.
        whole: True where nothing will follow ``rest``.
        opens: whether the number of an enumeration might stand here: first in a line, a sentence, a clause.
        marked: whether the line is a heading, a list's item, a quote or a table's row.
        language: BCP-47 tag.

    Returns:
        None where more of ``gap`` and ``rest`` is needed. Any other answer stays right whatever comes.
    """
    kind = _stop(word, rest, whole, opens, language)
    if kind is None or kind is Break.SENTENCE:
        return kind
    if "\n" in gap and (marked or gap.count("\n") > 1):
        return Break.SENTENCE
    if not rest and not whole:
        return None
    if "\n" in gap:
        if not whole and _PERHAPS_OPENING.match(rest):
            return None
        return Break.SENTENCE if _OPENING.match(rest) else Break.CLAUSE
    if kind is not Break.WORD:
        return kind
    bare = word.rstrip(CLOSERS)
    if bare.endswith((",", ";", ":", "—", *COMMAS)):
        return Break.CLAUSE
    if word in _DASHES:
        return Break.WORD if rest[:1].isdigit() else Break.CLAUSE  # "5 - 3" is one thing
    if gap and _NO_SPACE.match(word[-1]) and _NO_SPACE.match(rest[:1]):
        return Break.CLAUSE
    next_word = _next_word(rest, whole)
    if next_word is None:
        return None
    return Break.LINK if next_word in _CONJUNCTIONS else Break.WORD


def _stop(word: str, rest: str, whole: bool, opens: bool, language: str) -> Break | None:
    """Tell whether ``word`` ends a sentence; ``WORD`` where it has no stop, or one that means something else."""
    if opens and is_marker(word):
        return Break.NONE
    bare = word.rstrip(CLOSERS)
    if not bare:
        return Break.WORD
    if bare[-1] in FULL_STOPS:
        return Break.SENTENCE
    if bare[-1] == "…" or bare.endswith(".."):
        return _by_case(rest, whole, lower=Break.CLAUSE)
    if bare[-1] in "!?":
        # "Go!" she said: the quoted sentence ends, the one around it does not.
        quoted = not _QUOTES.isdisjoint(word[len(bare) :])
        return _by_case(rest, whole, lower=Break.CLAUSE) if quoted else Break.SENTENCE
    if bare[-1] != ".":
        return Break.WORD
    name = bare[:-1].lstrip(_OPENERS).lower()
    if name in _TITLES:
        return Break.WORD
    if name.isdigit():
        ordinal = len(name) <= 2 and language.partition("-")[0].lower() in _DOTTED_ORDINALS
        return Break.WORD if ordinal else _by_case(rest, whole, lower=Break.WORD)
    if _INITIALS.fullmatch(name) or name in _PERHAPS_FINAL:
        return _by_next_word(rest, whole)
    if name in _BEFORE_NUMBERS:
        return None if not rest and not whole else Break.WORD if rest[:1].isdigit() else Break.SENTENCE
    if name.isalpha() and not _VOWEL.search(name):
        return _by_case(rest, whole, lower=Break.WORD)  # "Bldg.", "Blvd."
    return Break.SENTENCE


def _by_case(rest: str, whole: bool, *, lower: Break) -> Break | None:
    if not rest and not whole:
        return None
    return lower if rest[:1].islower() else Break.SENTENCE


def _by_next_word(rest: str, whole: bool) -> Break | None:
    """After "U.S." or "J.": a new sentence if the next word is one that opens sentences."""
    if not rest and not whole:
        return None
    if not rest[:1].isupper():
        return Break.WORD
    word = _next_word(rest, whole)
    if word is None:
        return None
    return Break.SENTENCE if word in _STARTERS else Break.WORD


def _next_word(rest: str, whole: bool) -> str | None:
    """Give the first word of ``rest`` in small letters; None where it has not all arrived."""
    match = _LETTERS.match(rest)
    assert match is not None  # it matches the empty string
    # Nothing in the tables has over ten letters, so a longer word need not be waited for.
    if match.end() == len(rest) and not whole and len(rest) <= 10:
        return None
    return match[0].lower()
