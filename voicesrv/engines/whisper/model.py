"""One Whisper on CTranslate2: batches of windows in, words with times out. Blocks; one thread a worker."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from faster_whisper import WhisperModel as FasterWhisper
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from voicesrv.audio.pcm import INPUT_RATE, Samples
from voicesrv.engines.whisper import guards
from voicesrv.engines.whisper.agreement import TimedWord

MAX_WINDOW_S = 30
"""What Whisper's encoder takes at most."""
TAIL_S = 0.7
"""Silence behind the speech of a window that is cut short; without it the last word suffers. Word error rate of the
micro Whisper, 200 unseen sentences, beam 5: 2.1 % with 0.3 s, 1.3 to 1.5 % from 0.5 s on."""
STEP_S = 0.2
"""Windows that are cut short are whole multiples of this."""
_FRAMES_PER_S = 100
_FRAMES_PER_POSITION = 2
_MAX_TOKENS = 224
"""Half of the decoder's positions; the other half is for the prompt."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a turn to be transcribed."""

    samples: Samples
    """int16 mono at 16 kHz, up to ``MAX_WINDOW_S``."""
    from_ms: int = 0
    """Where it begins in the turn."""
    language: str = ""
    """Whisper's code, such as ``en``; empty to find out."""
    hotwords: str = ""
    """Words that may be expected."""
    beam: int = 1
    """1: greedy."""
    full: bool = False
    """Whether it is padded to ``MAX_WINDOW_S``, as the model was trained, or cut short."""
    tail_s: float = TAIL_S
    """Silence behind it where it is cut short, in seconds at least."""

    @property
    def n_frames(self) -> int:
        """Length in frames of 10 ms that the encoder is given."""
        seconds = len(self.samples) / INPUT_RATE + self.tail_s
        n_frames = math.ceil(seconds / STEP_S) * round(STEP_S * _FRAMES_PER_S)
        return MAX_WINDOW_S * _FRAMES_PER_S if self.full else min(n_frames, MAX_WINDOW_S * _FRAMES_PER_S)

    @property
    def batch(self) -> Hashable:
        """Windows that are equal in this can be transcribed together.

        The shorter ones get more silence behind them, which changes next to nothing: of 200 unseen sentences of the
        micro Whisper's, none to two came out differently with 0.5 to 1 s more (beam 1).
        """
        return self.full, self.language, self.hotwords, self.beam

    @property
    def size(self) -> int:
        """What its cost grows with: its length."""
        return self.n_frames


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was made of a window."""

    words: tuple[TimedWord, ...]
    language: str
    language_confidence: float
    no_speech: float
    """Probability that nobody spoke."""
    logprob: float
    """Mean over the tokens."""
    cost_s: float = 0.0
    """The window's share of the time that its batch took."""


class WhisperModel:
    """A loaded model.

    Args:
        folder: a model in CTranslate2's format, as faster-whisper downloads them.
        device: ``cpu``, ``cuda`` or ``auto``.
        compute_type: as CTranslate2 names them; ``default`` for what the model was saved as.
        threads: of one batch; 0 for CTranslate2's choice. Loading a model limits numpy's BLAS to one.
        workers: batches at the same time, each from a thread of its own.

    Raises:
        RuntimeError, ValueError, OSError: it cannot be loaded (CTranslate2's own errors).
    """

    def __init__(self, folder: str, device: str, compute_type: str, threads: int, workers: int = 1) -> None:
        # Of two threads that multiply so little, one waits in a loop for the other: on two busy cores the features of
        # 4 s of audio took 17 ms, and take 3. Nothing else in this process multiplies more.
        ThreadpoolController().select(user_api="blas").limit(limits=1)
        self._whisper = FasterWhisper(
            folder,
            device=device,
            compute_type=compute_type,
            cpu_threads=threads,
            num_workers=workers,
            local_files_only=True,
        )
        self.multilingual: bool = self._whisper.model.is_multilingual
        self.languages: tuple[str, ...] = tuple(self._whisper.supported_languages)
        self._tokenizers: dict[str, Tokenizer] = {}

    def transcribe(self, windows: Sequence[Window]) -> list[Hypothesis]:
        """Transcribe windows that are equal in ``batch``; one hypothesis each, in order."""
        began = time.perf_counter()
        hypotheses = self._transcribe(windows)
        per_frame_s = (time.perf_counter() - began) / sum(window.size for window in windows)
        return [
            replace(each, cost_s=per_frame_s * window.size) for each, window in zip(hypotheses, windows, strict=True)
        ]

    def _transcribe(self, windows: Sequence[Window]) -> list[Hypothesis]:
        first = windows[0]
        n_frames = max(window.n_frames for window in windows)
        encoded = self._whisper.encode(np.stack([self._features(window, n_frames) for window in windows]))
        if first.language or not self.multilingual:
            return self._decode(encoded, windows, first.language or "en", 1.0)
        told = [each[0] for each in self._whisper.model.detect_language(encoded)]
        languages = [(token[2:-2], float(probability)) for token, probability in told]
        if len({language for language, _ in languages}) == 1:
            hypotheses = self._decode(encoded, windows, languages[0][0], 1.0)
        else:
            hypotheses = [
                self._decode(self._whisper.encode(self._features(window, n_frames)), [window], language, 1.0)[0]
                for window, (language, _) in zip(windows, languages, strict=True)
            ]
        return [
            replace(each, language=language, language_confidence=probability)
            for each, (language, probability) in zip(hypotheses, languages, strict=True)
        ]

    def _features(self, window: Window, n_frames: int) -> NDArray[np.float32]:
        """Log mel spectrogram of a window and the silence behind it, float32 of shape ``(n_mels, n_frames)``."""
        audio = np.zeros(n_frames * INPUT_RATE // _FRAMES_PER_S, np.float32)
        n = min(len(window.samples), len(audio))
        np.multiply(window.samples[:n], 1 / 32768, out=audio[:n], casting="unsafe")
        features: NDArray[np.float32] = self._whisper.feature_extractor(audio)[:, :n_frames]
        return features

    def _decode(
        self, encoded: Any, windows: Sequence[Window], language: str, language_confidence: float
    ) -> list[Hypothesis]:
        tokenizer = self._tokenizer(language)
        hotwords = windows[0].hotwords
        prompt = [tokenizer.sot_prev, *tokenizer.encode(" " + hotwords)[: _MAX_TOKENS - 1]] if hotwords else []
        prompt += [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        results = self._whisper.model.generate(
            encoded,
            [prompt] * len(windows),
            beam_size=windows[0].beam,
            max_length=len(prompt) + _MAX_TOKENS,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=[],
        )
        tokens = [[t for t in each.sequences_ids[0] if t < tokenizer.eot] for each in results]
        n_spoken = [min(len(w.samples) * _FRAMES_PER_S // INPUT_RATE + 1, w.n_frames) for w in windows]
        aligned = self._align(tokenizer, encoded, tokens, n_spoken)
        hypotheses = []
        for window, result, said, timed in zip(windows, results, tokens, aligned, strict=True):
            # CTranslate2 divides by the length, and counts the end token in neither.
            logprob = float(result.scores[0]) * len(said) / (len(said) + 1)
            words = tuple(_on_turn(timed, window.from_ms))
            no_speech = float(result.no_speech_prob)
            text = "".join(word.text for word in words)
            if guards.is_silence(no_speech, logprob) or guards.is_phrase(text, no_speech):
                words = ()
            elif guards.repeats(text):
                words = tuple(guards.without_loop(words))
            hypotheses.append(Hypothesis(words, language, language_confidence, no_speech, logprob))
        return hypotheses

    def _align(
        self, tokenizer: Tokenizer, encoded: Any, tokens: list[list[int]], n_frames: list[int]
    ) -> list[list[dict[str, Any]]]:
        """Times of words from the decoder's attention, as faster-whisper gives them."""
        if not any(tokens):
            return [[] for _ in tokens]
        timed: list[list[dict[str, Any]]] = self._whisper.find_alignment(tokenizer, tokens, encoded, n_frames)
        return timed

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer, self.multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]


def _on_turn(timed: list[dict[str, Any]], from_ms: int) -> list[TimedWord]:
    """Words with their times in the turn; what is no word of its own (punctuation) goes to the word before."""
    words: list[TimedWord] = []
    for each in timed:
        text: str = each["word"]
        if words and not any(letter.isalnum() for letter in text):
            words[-1] = replace(words[-1], text=words[-1].text + text)
            continue
        start_ms, end_ms = (from_ms + round(float(each[name]) * 1000) for name in ("start", "end"))
        words.append(TimedWord(text, start_ms, end_ms, round(float(each["probability"]), 3)))
    return words
