"""How well PocketSphinx understands the voice, next to espeak-ng that it learnt from."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import jiwer
import numpy as np
from piper import PiperVoice, SynthesisConfig

from micro_voice import speech
from voicesrv.engines.base import Samples, SttOptions
from voicesrv.engines.pocketsphinx_stt import PocketSphinxStt

_AROUND = speech.RATE * 3 // 10
"""Samples of silence before and after."""
_LOUD = 8000
"""Peak of what is heard, whoever speaks."""


def report(voice: Path, manifest: Path) -> str:
    """Word error rates over the English texts of a manifest, a Markdown table.

    Args:
        voice: the ONNX file.
        manifest: as ``scripts/evaluate`` reads it; its recordings are not used.
    """
    entries = [entry for entry in json.loads(manifest.read_text()) if entry["language"] == "en" and entry["text_norm"]]
    expected = list(dict.fromkeys(entry["text_norm"] for entry in entries))
    n_words = sum(len(text.split()) for text in expected)
    rows = [f"| {len(expected)} texts, {n_words} words | word error rate |", "| --- | --- |"]
    for name, speak in _speakers(voice).items():
        heard = asyncio.run(_understood([_framed(speak(text)) for text in expected]))
        rows.append(f"| {name} | {100 * jiwer.wer(expected, heard):.1f} % |")
    return "\n".join(rows)


def _speakers(voice: Path) -> dict[str, Callable[[str], np.ndarray[tuple[int], np.dtype[np.float32]]]]:
    espeak = speech.Speaker()
    piper = PiperVoice.load(voice)

    def spoken(text: str, speaker: int, noise: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        config = SynthesisConfig(speaker, noise_scale=noise, noise_w_scale=noise, normalize_audio=False)
        return np.concatenate([chunk.audio_float_array for chunk in piper.synthesize(text, config)])

    return {
        "espeak-ng": lambda text: espeak.speak(text),
        "micro voice, low, no noise": lambda text: spoken(text, 0, 0.0),
        "micro voice, low": lambda text: spoken(text, 0, piper.config.noise_scale),
        "micro voice, high": lambda text: spoken(text, 1, piper.config.noise_scale),
    }


def _framed(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Samples:
    quiet = np.zeros(_AROUND, np.float32)
    whole = np.concatenate([quiet, samples / np.abs(samples).max() * _LOUD, quiet])
    return whole.astype(np.int16)


async def _understood(spoken: Sequence[Samples]) -> list[str]:
    async def audio(samples: Samples) -> AsyncIterator[Samples]:
        yield samples

    texts: list[str] = []
    async with PocketSphinxStt() as engine:
        for samples in spoken:
            async with aclosing(engine.transcribe(audio(samples), SttOptions(interim=False))) as transcripts:
                texts.append([transcript.text async for transcript in transcripts][-1])
    return [re.sub(r"[^a-z' ]", " ", text.lower()) for text in texts]
