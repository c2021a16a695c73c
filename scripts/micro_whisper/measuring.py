"""What a converted model is worth, through faster-whisper on unseen utterances: words, word times, silence, cost."""

from __future__ import annotations

import math
import random
import re
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import Word, get_ctranslate2_storage

from voicesrv.engines.whisper import guards
from voicesrv.engines.whisper.model import Hypothesis, Window
from voicesrv.engines.whisper.model import WhisperModel as ServedWhisper

from .clips import Clip, ClipMaker
from .domain import Sentence, any_words, german, measuring_sentence
from .sounds import Sounds
from .speech import RATE, Spoken, speak

SEED = 2
"""Training has 1."""
_WORD = re.compile(r"[^\W_]+")


def unseen_utterances(n: int, seed: int = SEED) -> tuple[list[Spoken], list[Clip]]:
    """English utterances that were not trained on, and windows of them: 0–1 s of silence round them, light noise."""
    rng = random.Random(seed)
    spoken = speak([measuring_sentence(rng) for _ in range(n)], seed)
    return spoken, windows(spoken, seed)


def windows(spoken: Sequence[Spoken], seed: int) -> list[Clip]:
    """One window for each sentence, whole."""
    maker = ClipMaker(spoken, random.Random(seed))
    return [maker.window([one], cut=False) for one in spoken]


def words(text: str) -> str:
    """The words alone, in lower case."""
    return " ".join(_WORD.findall(text)).lower()


def said(clip: Clip) -> str:
    """What is to be heard in a clip."""
    return " ".join(word for segment in clip.segments for word, _, _ in segment)


def word_error_rate(expected: Iterable[str], heard: Iterable[str]) -> float:
    """Of all words together, 0 to 1 and more."""
    return float(jiwer.wer([words(text) for text in expected], [words(text) for text in heard]))


class Listener:
    """A model folder, opened with int8 on one core.

    Args:
        folder: as ``conversion.convert`` writes it.
    """

    def __init__(self, folder: Path) -> None:
        self.model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
        self.tokenizer = Tokenizer(self.model.hf_tokenizer, True, "transcribe", "en")
        self._served = ServedWhisper(str(folder), "cpu", "int8", 1)

    def padded(self, samples: npt.NDArray[np.float32], beam_size: int = 5) -> str:
        """The text, in faster-whisper's own way: the window filled up to 30 s."""
        segments, _ = self.model.transcribe(samples, language="en", beam_size=beam_size)
        return "".join(segment.text for segment in segments)

    def short(self, samples: npt.NDArray[np.float32], beam_size: int = 5, more_s: float = 0.5) -> str:
        """The text from a window no longer than the samples and ``more_s``; one pass, no fallback."""
        features = np.pad(self.model.feature_extractor(samples), ((0, 0), (0, round(more_s * 100))))
        encoded = self.model.model.encode(get_ctranslate2_storage(features[None]))
        prompt = [*self.tokenizer.sot_sequence, self.tokenizer.no_timestamps]
        result = self.model.model.generate(encoded, [prompt], beam_size=beam_size, max_length=200)
        return str(self.tokenizer.decode(result[0].sequences_ids[0]))

    def served(self, samples: npt.NDArray[np.float32], beam_size: int = 5) -> Hypothesis:
        """What the server's engine makes of it, its guards included: no time tokens, a window of whole seconds."""
        window = Window((samples * 32767).astype(np.int16), language="en", beam=beam_size)
        return self._served.transcribe([window])[0]

    def words(self, samples: npt.NDArray[np.float32]) -> list[Word]:
        """The words with their times, with one beam."""
        segments, _ = self.model.transcribe(samples, language="en", beam_size=1, word_timestamps=True)
        return [word for segment in segments for word in segment.words or ()]


def time_errors(heard: Sequence[Word], clip: Clip) -> list[tuple[float, float]]:
    """How far the start and the end of each word are off, in seconds; none where the words are wrong."""
    expected = [word for segment in clip.segments for word in segment]
    if [words(word.word) for word in heard] != [words(word) for word, _, _ in expected]:
        return []
    return [(got.start - start, got.end - end) for got, (_, start, end) in zip(heard, expected, strict=True)]


def mean_start_error(listener: Listener, clips: Sequence[Clip]) -> float:
    """How far the starts of all words but the first are off in the mean, in seconds; infinite where none is right.

    The path that gives the times begins at the window's first moment, so the first word always does, with any Whisper.
    """
    errors = [abs(start) for clip in clips for start, _ in time_errors(listener.words(clip.samples), clip)[1:]]
    return statistics.mean(errors) if errors else math.inf


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, as lines of a table."""

    rows: tuple[tuple[str, str], ...]
    wer: float
    """Padded windows, beam 5."""

    def __str__(self) -> str:
        return "\n".join(
            ["| measure | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in self.rows)]
        )


def measure(folder: Path, n: int = 200) -> Report:
    """Measure a model folder on ``n`` unseen utterances and as many that say nothing."""
    listener = Listener(folder)
    _, clips = unseen_utterances(n)
    expected = [said(clip) for clip in clips]
    seconds = sum(len(clip.samples) for clip in clips) / RATE
    rows = [("utterances", f"{n}, {seconds:.0f} s, {sum(len(text.split()) for text in expected)} words")]
    rates: dict[str, float] = {}
    for name, hear, beam in (
        ("window of 30 s, beam 5", listener.padded, 5),
        ("window of 30 s, beam 1", listener.padded, 1),
        ("window of clip + 0.5 s, beam 5", listener.short, 5),
        ("window of clip + 0.5 s, beam 1", listener.short, 1),
    ):
        began = time.perf_counter()
        heard = [hear(clip.samples, beam) for clip in clips]
        cost = (time.perf_counter() - began) / seconds
        rates[name] = word_error_rate(expected, heard)
        exact = sum(a == b.strip() for a, b in zip(expected, heard, strict=True)) / n
        value = f"{rates[name]:.1%} word error rate; {exact:.0%} right to the letter and sign; {cost:.4f} s per s"
        rows.append((name, value))
    rows.append(("words in any order", _any_order(listener)))
    rows.append(("word times", _word_times(clips, listener)))
    rows += _no_speech(clips, listener, n)
    rows.append(("language told", _languages(clips, listener)))
    return Report(tuple(rows), rates["window of 30 s, beam 5"])


def _any_order(listener: Listener) -> str:
    """What is heard where the decoder cannot guess."""
    rng = random.Random(SEED + 1)
    spoken = speak([Sentence(any_words(rng)) for _ in range(60)], SEED + 1)
    strings = windows(spoken, SEED + 1)
    rate = word_error_rate([said(c) for c in strings], [listener.short(c.samples) for c in strings])
    return f"{rate:.1%} word error rate on 60 strings of them alone"


def _word_times(clips: Sequence[Clip], listener: Listener) -> str:
    errors = [time_errors(listener.words(clip.samples), clip) for clip in clips]
    told = []
    for name, seconds in (
        ("starts but a first word's", [start for times in errors for start, _ in times[1:]]),
        ("ends", [end for times in errors for _, end in times]),
        ("first words' starts", [times[0][0] for times in errors if times]),
    ):
        off = sorted(map(abs, seconds))
        told.append(
            f"{name}: {statistics.median(off) * 1000:.0f} ms off in the middle, {statistics.mean(off) * 1000:.0f} in "
            f"the mean, {off[int(0.95 * len(off))] * 1000:.0f} at p95 ({len(off)} of them)"
        )
    return "; ".join(told)


def _no_speech(clips: Sequence[Clip], listener: Listener, n: int) -> list[tuple[str, str]]:
    """How silence and sounds are told from speech: by nothing but the model, without a detector before it."""
    made = Sounds(random.Random(SEED))
    sounds = [made.nothing(seconds) for seconds in np.linspace(0.5, 8, n)]
    padded = sum(not listener.padded(sound) for sound in sounds)
    served = [listener.served(sound) for sound in sounds]
    spoken = [listener.served(clip.samples) for clip in clips]
    least, most = (
        np.percentile([each.no_speech for each in heard], percent) for heard, percent in ((served, 5), (spoken, 95))
    )
    return [
        (
            "nothing said",
            f"{padded} of {n} silences and sounds gave no text in windows of 30 s, "
            f"{sum(not each.words for each in served)} as the server asks",
        ),
        (
            "no-speech probability",
            f"over {least:.2f} for 95% of these, under {most:.2f} for 95% of the utterances; over {guards.NO_SPEECH} "
            f"for {sum(each.no_speech > guards.NO_SPEECH for each in spoken)} of {len(spoken)} utterances; "
            f"{sum(not each.words for each in spoken)} of them were dropped",
        ),
    ]


def _languages(clips: Sequence[Clip], listener: Listener) -> str:
    rng = random.Random(SEED)
    foreign = windows(speak([Sentence(german(rng), "de") for _ in range(40)], SEED), SEED)
    right = [listener.model.detect_language(clip.samples)[0] == clip.language for clip in (*clips[:60], *foreign)]
    return f"{sum(right[:60])} of 60 English, {sum(right[60:])} of 40 German utterances"
