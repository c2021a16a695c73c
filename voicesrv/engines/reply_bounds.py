"""Where a model's reply is cut because it will not end by itself: too long, or going round in circles."""

from __future__ import annotations

import re

_CHARS_PER_TOKEN = 6
"""More than any tokenizer makes of running text (English has 4 to 5), so it cuts what is endless alone."""
_MIN_LETTERS = 12
""""No. No. No." may be meant; a repeated sentence is longer than that."""
_MAX_PERIOD = 3
"""Sentences in the longest circle that is noticed."""
_TIMES = 3
_STOP = re.compile(r"[.!?\n。！？।؟]++")  # noqa: RUF001  (stops of other scripts)


class ReplyBounds:
    """Watches one reply's deltas; pure, and linear in the reply's length."""

    def __init__(self, max_tokens: int) -> None:
        self._left = max_tokens * _CHARS_PER_TOKEN
        self._unfinished = ""
        self._sentences: list[str] = []
        self.is_over = False
        """True once the reply has been cut: nothing more of it may be let through."""

    def admit(self, delta: str) -> str:
        """Give what may be let through of the next delta: all of it, or its beginning, or nothing."""
        if self.is_over:
            return ""
        admitted = delta[: self._left]
        self._left -= len(admitted)
        self.is_over = self._left == 0
        seen = len(self._unfinished)
        self._unfinished += admitted
        end = 0
        for stop in _STOP.finditer(self._unfinished, seen):
            if self._goes_round(self._unfinished[end : stop.end()]):
                self.is_over = True
                return admitted[: stop.end() - seen]
            end = stop.end()
        self._unfinished = self._unfinished[end:]
        return admitted

    def _goes_round(self, sentence: str) -> bool:
        """Whether, with this sentence, the last ones were said three times over."""
        said = "".join(filter(str.isalnum, sentence.casefold()))
        if not said:
            return False
        self._sentences = [*self._sentences[-_MAX_PERIOD * _TIMES :], said]
        for period in range(1, _MAX_PERIOD + 1):
            last = self._sentences[-period:]
            if len("".join(last)) >= _MIN_LETTERS and self._sentences[-period * _TIMES :] == last * _TIMES:
                return True
        return False
