"""Interim hypotheses made into text whose stable part never changes, whatever the engine does."""

from __future__ import annotations


class StableText:
    """Keeps the promise of ``stable`` for one turn, also when another engine takes over.

    An engine that is replaced in mid-turn hears the turn again and may understand it a little
    differently. What the client was told is stable stays; the new hypothesis supplies the words
    that come after it.
    """

    def __init__(self) -> None:
        self._prefix = ""

    @property
    def prefix(self) -> str:
        """The text that was promised not to change."""
        return self._prefix

    def update(self, text: str, stable: int) -> tuple[str, int]:
        """Take a hypothesis for the whole turn; return the text to show and its stable length."""
        text = self._joined(text)
        stable = max(min(stable, len(text)), len(self._prefix))
        self._prefix = text[:stable]
        return text, stable

    def _joined(self, text: str) -> str:
        if text.startswith(self._prefix):
            return text
        rest = text.split()[len(self._prefix.split()) :]
        gap = " " if rest and not self._prefix[-1].isspace() else ""
        return self._prefix + gap + " ".join(rest)
