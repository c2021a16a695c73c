"""A reply's deltas, cut into pieces that a voice can speak.

The first piece is as short as sounds natural, because the listener waits for it; later ones are
whole sentences, because a voice needs one to find its melody. Nothing here knows the time: the same
text gives the same segments, however it was split into deltas.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from voicesrv.conversation.boundaries import LOOKAHEAD, Break, after, atom, is_marker
from voicesrv.conversation.spoken import speakable


@dataclass(frozen=True, slots=True)
class SegmenterOptions:
    """How long segments are. One letter of Chinese, Japanese or Korean counts as three, as it sounds as long."""

    language: str = "en"
    """BCP-47 tag: how symbols are read, and what a full stop after a number means."""
    first_min_letters: int = 8
    """The first segment may end with a clause that has so many letters, and two words at least."""
    first_link_letters: int = 24
    """The first segment may end before "and" and the like after so many letters."""
    first_max_chars: int = 120
    """Where the first clause is longer, it is cut at a space."""
    max_chars: int = 200
    """A longer sentence is cut: after a clause, else at a space, else (one endless word) anywhere."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What is given to a voice in one go."""

    text: str
    """Plain and never empty: what is to be spoken."""
    end: int
    """Length of the reply's full text up to the end of this segment; the next one begins there."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    end: int
    weight: int
    marked: bool


_DEFAULTS = SegmenterOptions()
_GAP = re.compile(r"\s*+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\ua4cf\uf900-\ufaff]")
"""Letters of languages that put no spaces between words."""
_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]")
# What is never spoken whole has no length: the target of a link, the path of an address. The bound
# keeps an endless one from growing for ever.
_SILENT = re.compile(r"(?<=://)\S{0,2000}|(?<=\]\()[^)\s]{0,2000}")
_FENCE = re.compile(r"(`{3,})[^`\n]*\n|(~{3,})[^\n]*\n")
_PERHAPS_FENCE = re.compile(r"(?:`{1,2}|~{1,2}|`{3,}[^`\n]*|~{3,}[^\n]*)\Z")


class Segmenter:
    """Cuts one reply. Code blocks are left out; markdown and symbols are spoken as ``speakable`` says."""

    def __init__(self, options: SegmenterOptions = _DEFAULTS) -> None:
        self._options = options
        self._text = ""  # what was fed and is not in a segment yet
        self._covered = 0  # length of the text that is in a segment, or has nothing in it to be spoken
        self._first = True
        self._fence = ""  # the marker that opened the code block we are in
        self._opens_line = True
        self._marked = False  # the line is a heading, a list's item, a quote or a table's row
        self._restart()

    def feed(self, delta: str) -> list[Segment]:
        """Take the next piece of the reply; give the segments that are whole now, in order."""
        self._text += delta
        return list(self._cut(last=False))

    def flush(self) -> list[Segment]:
        """Take what was fed as all there is for now; give the rest. More may be fed after it."""
        return list(self._cut(last=True))

    def _cut(self, last: bool) -> Iterator[Segment]:
        while self._text:
            if self._fence:
                if not self._skip_code(last):
                    return
                continue
            end = self._next_cut(last)
            if end is None:
                return
            spoken = speakable(self._text[:end], self._options.language)
            self._drop(end)
            if spoken:
                self._first = False
                yield Segment(spoken, self._covered)

    def _drop(self, end: int) -> None:
        if self._text[:end].rstrip(" \t").endswith("\n"):
            self._opens_line = True
        self._covered += end
        self._text = self._text[end:]
        self._restart()

    def _restart(self) -> None:
        """Scan from the beginning of ``_text``."""
        self._at = 0  # all before it is decided
        self._weight = 0  # of the text before _at
        self._opens = True  # an enumeration's number may stand here
        self._candidates: dict[Break, _Candidate] = {}

    def _skip_code(self, last: bool) -> bool:
        """Drop the code block's lines; True once it has ended."""
        at = 0
        while at < len(self._text):
            newline = self._text.find("\n", at)
            if newline < 0 and not last:
                break
            end = newline + 1 if newline >= 0 else len(self._text)
            line = self._text[at:end].strip()
            at = end
            if line.startswith(self._fence) and not line.strip(self._fence[0]):
                self._fence = ""
                break
        self._drop(at)
        return not self._fence

    def _next_cut(self, last: bool) -> int | None:
        """Scan on; give the end of the next segment within ``_text``, or None where more text is needed."""
        text = self._text
        while True:
            start = _gap_end(text, self._at)
            if start == len(text):
                return start if last else None
            opens_line = self._opens_line or "\n" in text[self._at : start]
            if opens_line:
                if _PERHAPS_FENCE.match(text, start):  # its line has not ended
                    return len(text) if last else None
                if fence := _FENCE.match(text, start):
                    self._fence = fence[1] or fence[2]
                    return fence.end()
            end = atom(text, start)
            word = text[start:end]
            if (cut := self._overflow(start, word)) is not None:
                return cut
            if end == len(text):
                return end if last else None
            marked = is_marker(word) if opens_line else self._marked
            rest = _gap_end(text, end)
            kind = after(
                word,
                text[end:rest],
                text[rest : rest + LOOKAHEAD],
                whole=last and rest + LOOKAHEAD >= len(text),
                opens=self._opens or opens_line,
                marked=marked,
                language=self._options.language,
            )
            if kind is None:
                return None
            self._opens_line, self._marked = False, marked
            self._weight += _width(word) + 1
            self._at = end
            self._opens = kind is Break.CLAUSE
            if kind is Break.SENTENCE or (self._first and self._enough(kind)):
                return end
            self._candidates[kind] = _Candidate(end, self._weight, marked)

    def _enough(self, kind: Break) -> bool:
        """Whether the first segment may end at ``_at``."""
        if kind < Break.LINK:
            return False
        spoken = speakable(self._text[: self._at], self._options.language)
        letters = _width("".join(filter(str.isalnum, spoken)))
        if kind is Break.LINK:
            return letters >= self._options.first_link_letters
        words = len(spoken.split()) > 1 or _UNSPACED.search(spoken) is not None
        return words and letters >= self._options.first_min_letters

    def _overflow(self, start: int, word: str) -> int | None:
        """Give the cut to make because the segment would be too long with ``word``; None where it fits."""
        longest = self._options.max_chars
        limit = self._options.first_max_chars if self._first else longest
        weight = self._weight + _width(word)
        if weight <= limit:
            return None
        kinds = (Break.CLAUSE, Break.LINK, Break.WORD)
        candidates = [self._candidates[kind] for kind in kinds if kind in self._candidates]
        if candidates:
            # A cut near the beginning, as after "Well,", leaves the rest as long as it was.
            chosen = next((c for c in candidates if 4 * c.weight >= limit), candidates[-1])
            self._marked = chosen.marked
            return chosen.end
        if weight <= longest:
            return None
        room = longest - self._weight
        length = max(1, bisect_right(range(len(word) + 1), room, key=lambda n: _width(word[:n])) - 1)
        # An accent stays with its letter; the bound is for text that is accents alone.
        bare = next((n for n in range(length, max(0, length - 8), -1) if not unicodedata.combining(word[n])), length)
        self._opens_line = self._marked = False
        return start + bare


def _gap_end(text: str, at: int) -> int:
    match = _GAP.match(text, at)
    assert match is not None  # it matches the empty string
    return match.end()


def _width(text: str) -> int:
    """Length in letters as long as Latin ones, less what is never spoken."""
    if "://" in text or "](" in text:
        text = _SILENT.sub("", text)
    return len(text) if text.isascii() else len(text) + 2 * len(_WIDE.findall(text))
