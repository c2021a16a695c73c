"""When each word of a reference was said: found by PocketSphinx, which is given the words."""

from __future__ import annotations

import re
from dataclasses import replace

from pocketsphinx import Decoder

from voicesrv.events import SpokenWord

from .recordings import Recording

_BEAMS = {"beam": 1e-80, "wbeam": 1e-60, "pbeam": 1e-80}
"""Wide, as the words are known and only their times are looked for."""
_LETTERS = re.compile(r"[a-z']+")
_FRAME_MS = 10


class Aligner:
    """Gives English recordings the times of their words."""

    def __init__(self) -> None:
        self._decoder = Decoder(lm=None, loglevel="FATAL", **_BEAMS)

    def aligned(self, recording: Recording) -> Recording | None:
        """The recording with ``words``, written as in its reference; a full stop ends the last.

        None where a word is not in PocketSphinx's dictionary, or the words are not found in the audio.
        """
        written = [(word, _LETTERS.findall(word.lower())) for word in recording.written.split()]
        said = [part for _, parts in written for part in parts]
        if not said or any(self._decoder.lookup_word(part) is None for part in said):
            return None
        self._decoder.set_align_text(" ".join(said))
        self._decoder.start_utt()
        self._decoder.process_raw(recording.samples.tobytes(), full_utt=True)
        self._decoder.end_utt()
        if self._decoder.hyp() is None:
            return None
        times = [
            (segment.start_frame * _FRAME_MS, (segment.end_frame + 1) * _FRAME_MS)
            for segment in self._decoder.seg()
            if not segment.word.startswith(("<", "["))
        ]
        if len(times) != len(said):
            return None
        words: list[SpokenWord] = []
        at = 0
        for word, parts in written:
            if parts:
                words.append(SpokenWord(word, times[at][0], times[at + len(parts) - 1][1]))
                at += len(parts)
        last = words[-1]
        if last.text[-1] not in ".?!":
            words[-1] = replace(last, text=last.text.rstrip(",;:") + ".")
        return replace(recording, words=tuple(words))
