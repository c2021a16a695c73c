"""espeak-ng's speech with the times of its phonemes, under the symbols that piper has for them."""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import espeakng_loader
import numpy as np
import soxr
from numpy.typing import NDArray
from piper.phonemize_espeak import EspeakPhonemizer

RATE = 16000
VOICE = "en-us"
BOS, EOS, PAD = "^", "$", "_"
SILENT = "ˈˌʲ"
"""Signs that take no time: stress, and the glide between two vowels. Piper's espeak-ng and the one that speaks here do
not always agree on them, so they are left out where the two are compared."""
_WORDS_PER_MINUTE = 160
_PITCHES = (34, 40, 46, 52, 58)
"""espeak-ng's settings of 0–100, one an utterance in turn. A frame's spectrum shows the harmonics of its pitch; over
several pitches they average out, and what is learnt is the envelope."""
_LEAD_S = 0.04
_TAIL_S = 0.15
"""Silence before and after an utterance; the first is the sign for the beginning, the second that for the end."""

_UNHEARD = SILENT + " ,.;:!?"

_SYNCHRONOUS, _PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 2, 1 << 0, 1 << 1, 1 << 15
_UTF8, _END_PAUSE = 1, 0x1000
_SPEED, _PITCH = 1, 3
_EVENT_PHONEME = 7


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of speak_lib.h, with the phoneme's name for the union at its end."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Utterance:
    """A sentence as it was spoken."""

    samples: NDArray[np.float32]
    """At ``RATE``, within ±1."""
    symbols: list[str]
    """Piper's symbols, the signs for beginning and end included, without padding."""
    ends_s: NDArray[np.float64]
    """When each symbol ends; one that makes no sound ends where it began."""


class Speaker:
    """espeak-ng, and piper's reading of the same text."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        flags = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
        self._rate = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), flags
        )
        self._on_audio = _Callback(self._heard)  # kept: the library holds only a pointer
        self._library.espeak_SetSynthCallback(self._on_audio)
        self._library.espeak_SetVoiceByName(VOICE.encode())
        self._library.espeak_SetParameter(_SPEED, _WORDS_PER_MINUTE, 0)
        self._phonemizer = EspeakPhonemizer()
        self._samples = bytearray()
        self._events: list[tuple[str, int]] = []

    def speak(self, text: str, pitch: int = 50) -> NDArray[np.float32]:
        """espeak-ng's own speech at ``RATE``."""
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._samples.clear()
        self._events.clear()
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, _UTF8 | _END_PAUSE, None, None)
        spoken = np.frombuffer(bytes(self._samples), np.int16).astype(np.float32) / 32768
        resampled: NDArray[np.float32] = soxr.resample(spoken, self._rate, RATE)
        return resampled

    def utterances(self, texts: Iterator[str]) -> Iterator[Utterance]:
        """Speak sentences; one that espeak-ng's speech and piper's reading have different phonemes for is left out."""
        for i, text in enumerate(texts):
            samples = self.speak(text, _PITCHES[i % len(_PITCHES)])
            read = self._phonemizer.phonemize(VOICE, text)
            if len(read) == 1 and (timed := self._timed(read[0], len(samples) / RATE)):
                yield _padded(samples, *timed)

    def _timed(self, symbols: list[str], duration_s: float) -> tuple[list[str], list[float]] | None:
        """When each symbol ends. A phoneme of several letters is shared out evenly among those that sound."""
        times = [sample / self._rate for _, sample in self._events] + [duration_s]
        ends: list[float] = []
        for i, (name, _) in enumerate(self._events):
            letters = [letter for letter in unicodedata.normalize("NFD", name) if letter not in SILENT]
            for n, letter in enumerate(letters):
                while len(ends) < len(symbols) and symbols[len(ends)] != letter:
                    if symbols[len(ends)] not in _UNHEARD:
                        return None
                    ends.append(ends[-1] if n and ends else times[i])
                ends.append(times[i] + (n + 1) / len(letters) * (times[i + 1] - times[i]))
        if len(ends) > len(symbols) or set(symbols[len(ends) :]) - set(_UNHEARD):
            return None
        return symbols, ends + [duration_s] * (len(symbols) - len(ends))

    def _heard(self, samples: Any, n_samples: int, events: Any) -> int:
        at = 0
        while (event := events[at]).type:
            if event.type == _EVENT_PHONEME:
                self._events.append((event.name.decode("utf-8", "replace"), event.sample))
            at += 1
        if samples and n_samples > 0:
            self._samples += ctypes.string_at(samples, n_samples * 2)
        return 0


def _padded(samples: NDArray[np.float32], symbols: list[str], ends: list[float]) -> Utterance:
    """Put the signs for beginning and end around the symbols, with silence of fixed lengths."""
    heard = np.flatnonzero(np.abs(samples) > 1e-3)
    until = int(heard[-1]) + 1 if len(heard) else len(samples)
    kept = samples[: until + int(_TAIL_S * RATE / 3)]
    lead, tail = int(_LEAD_S * RATE), int(_TAIL_S * RATE)
    padded = np.concatenate([np.zeros(lead, np.float32), kept, np.zeros(max(until + tail - len(kept), 0), np.float32)])
    inner = np.minimum(np.array(ends), len(kept) / RATE) + _LEAD_S
    return Utterance(padded, [BOS, *symbols, EOS], np.concatenate([[_LEAD_S], inner, [len(padded) / RATE]]))
