"""One PocketSphinx decoder and the mean it takes off its features.

The acoustic model wants cepstra whose mean over the utterance is zero. That mean is not known while
somebody speaks: a live decoder begins with a guess and corrects it after 8 s. So we begin with a
good guess, correct it several times a second from what the decoder has counted, and hear the first
seconds of a turn again once the mean is known. See docs/accuracy.md for what each is worth.
"""

from __future__ import annotations

import re
from pathlib import Path

from pocketsphinx import Config, Decoder, get_model_path

from voicesrv.engines.workers.stable_words import HeardWord

Mean = tuple[float, ...]
"""13 cepstral coefficients."""

BYTES_PER_MS = 32
"""Of 16-bit samples at 16 kHz."""
START_MEAN: Mean = (45.89, 2.44, -1.67, 6.92, -5.26, -0.61, -5.71, -2.27, 0.10, -1.73, 0.60, -0.21, 1.11)
"""Mean over the English recordings that docs/accuracy.md names."""
START_WEIGHT = 30
"""Frames that ``START_MEAN`` counts for beside what is heard. 100 cost 1.6 points more than 30, on 53 clips."""

_FRAME_MS = 10
_WINDOW = 500
"""Frames that a mean which is set counts for in the decoder's own sum (CMN_WIN in its src/feat/cmn.h)."""
_VARIANT = re.compile(r"\(\d+\)$")
_FILLERS = ("<", "[", "+")


class MeanMeter:
    """The mean of the cepstra heard so far, worked out from what decoders tell of theirs."""

    def __init__(self) -> None:
        self._sum = [value * START_WEIGHT for value in START_MEAN]
        self._frames = START_WEIGHT

    @property
    def mean(self) -> Mean:
        return tuple(value / self._frames for value in self._sum)

    def count(self, was: Mean, told: Mean, n_frames: int) -> None:
        """Add ``n_frames`` frames, from the decoder's mean before them and after.

        The decoder counts ``was`` as 500 frames, so the sum over the new ones is what ``told`` has
        above it. It leaves out frames without energy; where there are many, the sum is of no use and
        not counted.
        """
        added = [after * (_WINDOW + n_frames) - before * _WINDOW for before, after in zip(was, told, strict=True)]
        if 0 < added[0] < 100 * n_frames:
            self._sum = [have + more for have, more in zip(self._sum, added, strict=True)]
            self._frames += n_frames


class Hearing:
    """A decoder, used for one stretch of speech after another.

    Creating one takes 0.6 s and 91 MB: the decoder copies dictionary and language model.
    """

    def __init__(self) -> None:
        model = Path(get_model_path()) / "en-us"
        # Measured on 61 English clips with the mean over the whole clip: word error rate 33.6 % at 0.13 CPU-s a
        # second. The defaults, topn=4 and maxhmmpf=30000, have the same rate at 0.27; ds=2 has 40 % at 0.11. The second
        # search of the defaults (fwdflat) gains nothing, and would run when the user has stopped speaking. maxwpf=20
        # keeps the lattice small: in noise, the best path takes 0.1 s at most instead of 0.34, with the same words.
        self._decoder = Decoder(
            Config(
                hmm=str(model / "en-us"),
                lm=str(model / "en-us.lm.bin"),
                dict=str(model / "cmudict-en-us.dict"),
                topn=2,
                maxhmmpf=3000,
                maxwpf=20,
                fwdflat=False,
                loglevel="FATAL",
            )
        )
        self.position = 0
        """Bytes heard of this stretch."""
        self._mean: Mean = START_MEAN
        self._counted = 0

    def begin(self, mean: Mean) -> None:
        """Start on a stretch of speech."""
        self._set_mean(mean)
        self._decoder.start_utt()
        self.position = 0
        self._counted = 0

    def hear(self, samples: bytes) -> None:
        """Take the next samples; holds the interpreter's lock, 13 ms for 100 ms of speech."""
        self._decoder.process_raw(samples)
        self.position += len(samples)

    def adapt(self, meter: MeanMeter) -> None:
        """Count what was heard since the last time, and go on with the mean that comes of it."""
        self._count(meter)
        self._set_mean(meter.mean)

    def follow(self, meter: MeanMeter) -> None:
        """Go on with a mean that another counts."""
        self._set_mean(meter.mean)

    def words(self, offset_ms: int) -> list[HeardWord]:
        """The best hypothesis so far; its times are moved by ``offset_ms``."""
        return [
            HeardWord(
                _VARIANT.sub("", segment.word),
                offset_ms + segment.start_frame * _FRAME_MS,
                offset_ms + (segment.end_frame + 1) * _FRAME_MS,
                round(min(max(segment.prob, 0.0), 1.0), 3),
            )
            for segment in self._decoder.seg() or ()
            if not segment.word.startswith(_FILLERS)
        ]

    def finish(self, offset_ms: int) -> list[HeardWord]:
        """End the stretch: search its lattice for the best path, 2 ms for a second of speech, and give its words."""
        self._decoder.end_utt()
        return self.words(offset_ms)

    def drop(self) -> None:
        """End the stretch; nobody wants to know."""
        self._decoder.end_utt()

    def _count(self, meter: MeanMeter) -> None:
        n_frames = self._decoder.n_frames()
        if n_frames > self._counted:
            told = tuple(float(value) for value in self._decoder.get_cmn(True).split(","))
            meter.count(self._mean, told, n_frames - self._counted)
            self._counted = n_frames

    def _set_mean(self, mean: Mean) -> None:
        self._mean = mean
        self._decoder.set_cmn(",".join(f"{value:.4f}" for value in mean))
        self._counted = self._decoder.n_frames()
