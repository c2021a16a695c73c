"""Sentences to learn from: English words at random, the common ones more often, with the signs that end a clause."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pocketsphinx

_MODEL = Path(pocketsphinx.get_model_path()) / "en-us"
_LOG_BASE = math.log(1.0001)
"""PocketSphinx gives probabilities as integer logarithms to this base."""
_N_WORDS = 30_000
_FLATTENED = 0.6
"""The power that the words' probabilities are raised to: with 1, half of all words would be the commonest 100."""
_ENDS = (".", ".", ".", "?", "!", "")


def sentences(n: int, seed: int) -> Iterator[str]:
    """Yield ``n`` sentences of 1 to 12 words, the same ones for the same seed."""
    words, weights = _vocabulary()
    random = np.random.default_rng(seed)
    for _ in range(n):
        n_words = int(random.integers(1, 13))
        drawn = [words[i] for i in random.choice(len(words), n_words, p=weights)]
        marks = random.choice(["", ",", ";", ":"], n_words, p=[0.88, 0.09, 0.015, 0.015])
        marks[-1] = random.choice(_ENDS)
        yield " ".join(f"{word}{mark}" for word, mark in zip(drawn, marks, strict=True)).capitalize()


def _vocabulary() -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The commonest words of PocketSphinx's dictionary, and how often each is drawn."""
    model = pocketsphinx.NGramModel.readfile(str(_MODEL / "en-us.lm.bin"))
    lines = (_MODEL / "cmudict-en-us.dict").read_text().splitlines()
    words = [word for word in (line.split()[0] for line in lines) if word.replace("'", "").isalpha()]
    ranked = sorted(((model.prob([word]), word) for word in words), reverse=True)[:_N_WORDS]
    weights = np.exp(np.array([log for log, _ in ranked]) * _LOG_BASE * _FLATTENED)
    return [word for _, word in ranked], weights / weights.sum()
