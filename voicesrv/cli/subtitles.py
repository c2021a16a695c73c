"""Words with their times -> subtitles, as SubRip (SRT) and WebVTT. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from voicesrv.events import Word

_MAX_CHARS = 84
"""Two lines of 42 characters, the usual width of subtitles."""
_MAX_MS = 7000
"""The longest that a cue usually stays."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle."""

    start_ms: int
    end_ms: int
    text: str


def cues(text: str, words: Sequence[Word], start_ms: int, end_ms: int) -> Iterator[Cue]:
    """Cut one turn into cues that can be read; one cue where there are no word times.

    Args:
        text: the turn's text.
        words: its words with times in the recording.
        start_ms: where its speech begins.
        end_ms: where its speech ends.
    """
    if not words:
        if text:
            yield Cue(start_ms, end_ms, text)
        return
    line: list[Word] = []
    for word in words:
        length = sum(len(each.text) + 1 for each in line) + len(word.text)
        if line and (length > _MAX_CHARS or word.end_ms - line[0].start_ms > _MAX_MS):
            yield _cue(line)
            line = []
        line.append(word)
    yield _cue(line)


def srt(lines: Iterable[Cue]) -> Iterator[str]:
    """Write cues as SubRip, a block each."""
    for number, cue in enumerate(lines, 1):
        yield f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{cue.text}\n\n"


def vtt(lines: Iterable[Cue]) -> Iterator[str]:
    """Write cues as WebVTT (https://www.w3.org/TR/webvtt1/), the header first."""
    yield "WEBVTT\n\n"
    for cue in lines:
        # Of what is markup there, & and < must be escaped; > too, since "-->" would begin a cue.
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        yield f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{text}\n\n"


def _cue(line: Sequence[Word]) -> Cue:
    return Cue(line[0].start_ms, line[-1].end_ms, " ".join(word.text for word in line))


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"
