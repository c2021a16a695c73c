"""What a voice says of a text that was written to be read: no markdown, no emoji, no stray symbols.

Words keep their order, so that a word of the speech can be found again in the text it came from.
Every pattern takes linear time: its repeats are possessive, and what may fail begins at places that
cannot be many for one stretch of text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from voicesrv.conversation.boundaries import CLOSERS, COMMAS, FULL_STOPS

MAX_MARKS = 4
"""Accents kept on one letter; no orthography needs more, and stacks of them are a prank."""


def speakable(text: str, language: str = "en") -> str:
    """Give ``text`` as a voice should say it.

    Code blocks are left out, links say their text, web addresses their host, and the lines of
    lists, tables and headings become sentences. Characters with no sound are removed: emoji,
    controls, invisible and private-use ones, lone surrogates. The result is one line, in NFC.

    Args:
        text: markdown or plain text of any length; a piece cut out of a longer one is fine.
        language: BCP-47 tag. Symbols such as ``%`` or ``€`` become words in English; in other
            languages they are left to the voice, which knows their names.

    Returns:
        Empty where there is no letter or digit to be spoken.
    """
    text = _one_line(_audible(text))
    text = _replace(text, _MARKDOWN)
    if not any(map(str.isalnum, text)):
        return ""
    if language.partition("-")[0].lower() == "en":
        text = _replace(text, _ENGLISH)
    # A symbol that became a word may stand before a mark that was the symbol's.
    return unicodedata.normalize("NFC", _replace(text, _TIDY).lstrip(" ,;:").rstrip())


# --- characters ---------------------------------------------------------------------------------

_SOUNDING_SYMBOLS = frozenset("°©№℃℉")
_RARE_MARKS = re.compile(r"[^\x00-\u02ff\u3400-\ud7af]")
_JOINERS = re.compile(r"(?<![\u0600-\u0dff])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u0dff])")
"""Zero-width joiners say nothing but in Arabic and Indic scripts, where they are spelling."""


class _Heard(dict[int, str | None]):
    """What becomes of each character, found out when it is first met; for ``str.translate``."""

    _BOUND = 8192

    def __missing__(self, code: int) -> str | None:
        kept = _heard(chr(code))
        if len(self) < self._BOUND:
            self[code] = kept
        return kept


def _heard(character: str) -> str | None:
    if character in "\n\u200c\u200d":  # joiners are looked at in their place
        return character
    category = unicodedata.category(character)
    if character in "\u2028\u2029":
        return "\n"
    if character in "\t\r\v\f" or category == "Zs":
        return " "
    # Private use, surrogates, controls, invisible ones (tags and direction overrides too), unassigned.
    if category in ("Co", "Cs", "Cc", "Cf", "Cn"):
        return None
    # Emoji and other pictures, the tone of their skin, the frame of a keycap, variation selectors.
    if category == "So":
        return character if character in _SOUNDING_SYMBOLS else " "
    if category in ("Me", "Sk") and not character.isascii():
        return None
    if "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return None
    return character


_HEARD = _Heard()


def _audible(text: str) -> str:
    """Remove the characters that have no sound."""
    text = text.translate(_HEARD)
    if text.isascii():
        return text
    text = _JOINERS.sub("", text)
    if _RARE_MARKS.search(text):
        # Before NFC, which sorts a run of marks in time that grows with the square of its length.
        text = "".join(_with_few_marks(text))
    return unicodedata.normalize("NFC", text)


def _with_few_marks(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks <= MAX_MARKS:
            yield character


# --- lines --------------------------------------------------------------------------------------

_FENCE = re.compile(r"\s*+(?:(`{3,}+)([^`]*+)|(~{3,}+)(.*+))\Z")
_QUOTED = re.compile(r"\s*+(?:>\s*+)++")
_BULLET = re.compile(r"\s*+(?:#{1,6}|[-*+•](?:\s++\[[ xX]\])?)\s++")
_NUMBER = re.compile(r"\s*+(\d{1,3})[.)]\s++")
_ENDINGS = tuple(".!?,;:…" + FULL_STOPS + COMMAS)


def _one_line(text: str) -> str:
    """Join the lines to be spoken, with a full stop where only the layout parts them."""
    said = ""
    parted = False
    for line, alone in _lines(text):
        parted = parted or alone
        if not line:
            continue
        if said:
            said += ". " if parted and not said.rstrip(CLOSERS).endswith(_ENDINGS) else " "
        said += line
        parted = alone
    return said


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Give each line without its markup, and whether the layout parts it from its neighbours."""
    fence = ""
    for line in text.split("\n"):
        if mark := _FENCE.match(line):
            marker = mark[1] or mark[3]
            if not fence:
                fence = marker
            elif marker.startswith(fence) and not (mark[2] or mark[4] or "").strip():
                fence = ""
            yield "", True
        elif fence or not any(map(str.isalnum, line)):  # rules, the dividers of tables, blank lines
            yield "", True
        else:
            yield _line(line)


def _line(line: str) -> tuple[str, bool]:
    line = _QUOTED.sub("", line, count=1) if line.lstrip().startswith(">") else line
    if line.lstrip().startswith("|"):
        return ", ".join(cell.strip() for cell in line.strip(" |").split("|")), True
    if bullet := _BULLET.match(line):
        return line[bullet.end() :].rstrip(" #"), True
    if number := _NUMBER.match(line):
        return f"{number[1]}. {line[number.end() :].rstrip()}", True
    return line.strip(), False


# --- markdown and addresses ---------------------------------------------------------------------

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _rules(*rules: tuple[str, str | Callable[[re.Match[str]], str]]) -> tuple[_Rule, ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in rules)


def _replace(text: str, rules: tuple[_Rule, ...]) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


_ENTITIES = {"nbsp": " ", "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "#39": "'"}


def _host(match: re.Match[str]) -> str:
    address = match[0]
    ending = address[len(address.rstrip(".,;:!?*_~`")) :]
    host = match[1].rpartition("@")[2].partition(":")[0]
    return host.rstrip(".,;!?*_~`") + ending


_TARGET = r"\((?:[^()\s]|\([^()\s]*+\))*+"
_MARKDOWN = _rules(
    (rf"!?\[([^\[\]]*+)\]{_TARGET}(?:\s++\"[^\"]*+\")?\)", r"\1"),
    (rf"\]{_TARGET}\)?", ""),  # the second half of a link that was cut
    (r"\[\^[^\[\]]*+\]", ""),
    (r"\[([^\[\]]*+)\]\[[^\[\]]*+\]", r"\1"),
    (r"<(https?://[^<>\s]*+)>", r"\1"),
    (r"<[A-Za-z/!?][^<>]*+>", " "),
    (r"&(nbsp|amp|lt|gt|quot|apos|#39);", lambda match: _ENTITIES[match[1]]),
    (r"\bhttps?://(?:www\.)?([^\s/?#()<>\"'\]]++)[^\s()<>\"'\]]*+", _host),
    (r"\\([!-/:-@\[-`{-~])", r"\1"),
    (r"\*\*++|~~++|`++", ""),
)

# --- symbols ------------------------------------------------------------------------------------

_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion"}


def _money(match: re.Match[str]) -> str:
    sign, amount, scale = match["sign"], match["amount"], match["scale"] or ""
    one, many, one_part, many_parts = _CURRENCIES[sign]
    if scale:
        return f"{amount} {_SCALES.get(scale.lower(), scale)} {many}"
    whole, _, part = amount.partition(".")
    if len(part) != 2 or not one_part:
        return f"{amount} {one if amount == '1' else many}"
    parts = f"{part.lstrip('0')} {one_part if part == '01' else many_parts}" if part != "00" else ""
    wholes = f"{whole} {one if whole == '1' else many}" if whole != "0" or not parts else ""
    return " and ".join(filter(None, (wholes, parts)))


_FRACTIONS = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"}


def _fraction(match: re.Match[str]) -> str:
    return _FRACTIONS.get(match[0], f"{match[1]} out of {match[2]}")


_NUMERAL = r"\d{1,15}(?:,\d{3}){0,5}(?:\.\d{1,15})?"
_ENGLISH = _rules(
    (
        rf"(?P<sign>[$€£¥₹])\s?(?P<amount>{_NUMERAL})(?:\s?(?P<scale>thousand|million|billion|trillion|[kKmMbB]n?)\b)?",
        _money,
    ),
    (rf"(?<![\d.,])(?P<amount>{_NUMERAL})\s?(?P<sign>[€£¥₹])(?P<scale>)", _money),
    (r"°\s?C\b|℃", " degrees Celsius"),
    (r"°\s?F\b|℉", " degrees Fahrenheit"),
    (r"°", " degrees "),
    (r"\b([CFJ])#", r"\1 sharp"),
    (r"(?:#\s?|№\s?)(?=\d)", " number "),
    (r"#(?=\w)", " hashtag "),
    (r"\bkm/h\b", "kilometers per hour"),
    (r"\bm/s\b", "meters per second"),
    (r"\bw/o\b", "without"),
    (r"\bw/(?=\s)", "with"),
    (r"(?<![\w/.])([1-9])/([2-9])(?![\w/])", _fraction),
    (r"(?<=\d)\s?–\s?(?=\d)", " to "),
    (r"(?<=\d) - (?=\d{1,15} ?=)", " minus "),
    (r"(?<=\d) - (?=\d)", " to "),
    (r"\u2212(?=\s?[\d.])", " minus "),
    (r"(?<=\d)\s?\*\s?(?=\d)|×", " times "),
    (r"[-=]{1,2}>|[→⇒⟶]", " to "),
    (r"!={1,2}|≠", " is not "),
    (r"<=|≤", " at most "),
    (r">=|≥", " at least "),
    (r"={1,3}", " equals "),
    (r"(?<=[\s\d])<(?=[\s\d])", " less than "),
    (r"(?<=[\s\d])>(?=[\s\d])", " greater than "),
    (r"(?<!\w)~(?=\d)|≈", " about "),
    (r"(?<=\w)\^(?=[\w(-])", " to the power of "),
    (r"÷", " divided by "),
    (r"±", " plus or minus "),
    (r"√", " square root of "),
    (r"∞", " infinity "),
    (r"²", " squared "),
    (r"³", " cubed "),
    (r"§", " section "),
    (r"©", " copyright "),
    (r"\+", " plus "),
    (r"%", " percent "),
    (r"&", " and "),
    (r"@", " at "),
    (r"€", " euros "),
    (r"£", " pounds "),
    (r"\$|/", " "),
)

_TIDY = _rules(
    (r"[*`~]", ""),
    (r"[\\^#_<>{}\[\]]", " "),
    (r"[|•—–―]", ","),
    (r"\s++", " "),
    (r" --? ", ", "),
    (r" ([,.;:!?…])(?![\w.])", r"\1"),
    (r"([,.;:!?])(?:,\s?)++", r"\1 "),
    (r",(?=[^\W\d])", ", "),
    (r"\s++", " "),
)
