"""What is listened to: recordings of a manifest, or sentences that the micro Whisper knows; with what they say."""

from __future__ import annotations

import json
import random
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voicesrv.audio.pcm import INPUT_RATE, Samples
from voicesrv.errors import ConfigError
from voicesrv.events import SpokenWord

if TYPE_CHECKING:
    from micro_whisper.speech import Spoken

SEED = 79
"""Of the sentences; neither that of the micro Whisper's training nor those of its tests."""
_NOISE_DB = -35
"""Of the noise under joined sentences, relative to the speech."""
_FADE = INPUT_RATE // 200
"""Samples over which a sentence that is broken off fades, so that it does not click."""
_NOT_WORDS = re.compile(r"[^\w']|_")
_SPOKEN = {"mr": "mister", "mrs": "missus"}


@dataclass(frozen=True, slots=True)
class Span:
    """An utterance within a recording, in seconds."""

    start: float
    end: float
    text: str = ""
    """Empty where nobody wrote it down."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Something to hear."""

    name: str
    category: str
    """``negative`` where nobody speaks, ``turns`` where ``spans`` has all utterances, ``long`` for speech with natural
    pauses; all others hold speech."""
    language: str
    """BCP-47 tag."""
    samples: Samples
    """Mono int16 at 16 kHz."""
    text: str = ""
    """What is said, as ``normalised`` writes; empty where nobody speaks."""
    written: str = ""
    """The same as it is written, with what punctuation there is; empty where nobody wrote it down."""
    by_characters: bool = False
    """Whether errors are counted in characters, as for Chinese and Japanese."""
    spans: tuple[Span, ...] = ()
    """Where each utterance begins and ends, where that is known."""
    words: tuple[SpokenWord, ...] = ()
    """Each word as it is written, with its times from the recording's start, where these are known exactly."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / INPUT_RATE


def listed(manifest: Path, language: str = "") -> list[Recording]:
    """Read a manifest and its recordings.

    Args:
        manifest: a JSON list with one object a recording: ``file`` (relative to the manifest), ``category``,
            ``language``, ``text_norm`` (what is said, in lower case without punctuation; null where nothing is),
            ``text`` (the same as it is written),
            ``metric`` (``cer`` to count characters) and ``segments.spans`` (utterances: pairs of seconds, or objects
            with ``start``, ``end`` and ``text``). All but ``file`` and ``category`` may be missing.
        language: only those in this language and those without speech; empty for all.

    Raises:
        ConfigError: a recording is not 16 kHz mono 16-bit WAV.
        OSError: a file is not there.
    """
    entries: list[dict[str, Any]] = json.loads(manifest.read_text("utf-8"))
    return [
        Recording(
            name=Path(entry["file"]).stem,
            category=entry["category"],
            language=entry.get("language", ""),
            samples=_read(manifest.parent / entry["file"]),
            text=normalised(entry.get("text_norm") or ""),
            written=entry.get("text") or "",
            by_characters=entry.get("metric") == "cer",
            spans=_spans(entry),
        )
        for entry in entries
        if not language or entry.get("text_norm") is None or entry.get("language") == language
    ]


def _read(path: Path) -> Samples:
    with wave.open(str(path)) as reader:
        if (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) != (INPUT_RATE, 1, 2):
            raise ConfigError(f"{path.name} is not 16 kHz mono 16-bit")
        return np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(np.int16)


def _spans(entry: dict[str, Any]) -> tuple[Span, ...]:
    """Spans are objects where they carry their text, and pairs where they do not."""
    spans = entry.get("segments", {}).get("spans", [])
    return tuple(Span(**span) if isinstance(span, dict) else Span(span[0], span[1]) for span in spans)


def normalised(text: str) -> str:
    """Words in lower case without punctuation, as references are written. Digits stay: "10" is not "ten"."""
    words = (word.strip("'") for word in _NOT_WORDS.sub(" ", text.lower().replace("’", "'")).split())
    return " ".join(_SPOKEN.get(word, word) for word in words if word)


def sentences(n: int, seed: int = SEED) -> list[Recording]:
    """Sentences that the micro Whisper was not trained on, from espeak-ng: light noise, 0-1 s of silence round them."""
    from micro_whisper import measuring  # takes a second, and is for those who ask for it

    _, clips = measuring.unseen_utterances(n, seed)
    return [
        Recording(
            f"sentence_{i}",
            "sentences",
            "en",
            (clip.samples * 32767).astype(np.int16),
            normalised(measuring.said(clip)),
            words=tuple(
                SpokenWord(word, round(start * 1000), round(end * 1000))
                for segment in clip.segments
                for word, start, end in segment
            ),
        )
        for i, clip in enumerate(clips)
    ]


def hesitant(n: int, seed: int = SEED) -> list[Recording]:
    """Conversations of four such sentences each, in which the speaker stops to think; see ``joined``."""
    from micro_whisper import measuring

    spoken, _ = measuring.unseen_utterances(n, seed)
    return [joined(f"turns_{i // 4}", spoken[i : i + 4], random.Random(seed + i)) for i in range(0, len(spoken), 4)]


def joined(name: str, spoken: Sequence[Spoken], rng: random.Random) -> Recording:
    """Sentences one after another, 2.5-4 s apart, most with a pause of 0.3-1.2 s inside.

    The pause comes after "um", "uh", a conjunction or a comma where the sentence has one in its midst, and two in three
    times then; else after any word. One sentence in three has none. That is an assumption, not a measurement of people.
    """
    pieces: list[Samples] = [np.zeros(INPUT_RATE // 2, np.int16)]
    words: list[SpokenWord] = []
    spans: list[Span] = []
    for one in spoken:
        texts = one.text.split()
        at = _thinks_after(texts, rng)
        begin = sum(map(len, pieces))
        middle = len(one.samples) if at is None else round((one.ends[at] + one.starts[at + 1]) / 2 * INPUT_RATE)
        pause = 0 if at is None else round(rng.uniform(0.3, 1.2) * INPUT_RATE)
        pieces += [_faded(one.samples[:middle]), np.zeros(pause, np.int16), one.samples[middle:]]
        for i, (text, *times) in enumerate(zip(texts, one.starts, one.ends, strict=True)):
            later = begin + (pause if at is not None and i > at else 0)
            words.append(SpokenWord(text, *(round((seconds + later / INPUT_RATE) * 1000) for seconds in times)))
        spans.append(Span(begin / INPUT_RATE, sum(map(len, pieces)) / INPUT_RATE, one.text))
        pieces.append(np.zeros(round(rng.uniform(2.5, 4) * INPUT_RATE), np.int16))
    speech = np.concatenate(pieces).astype(np.float64)
    loudness = np.sqrt(np.mean(np.concatenate([one.samples for one in spoken]).astype(np.float64) ** 2))
    noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(len(speech)) * loudness * 10 ** (_NOISE_DB / 20)
    samples = np.clip(speech + noise, -32768, 32767).astype(np.int16)
    text = normalised(" ".join(one.text for one in spoken))
    return Recording(name, "turns", spoken[0].language, samples, text, spans=tuple(spans), words=tuple(words))


def _thinks_after(words: Sequence[str], rng: random.Random) -> int | None:
    """The word after which the speaker stops to think; None for none."""
    from micro_whisper.domain import CONJUNCTIONS, FILLERS, bare

    if len(words) < 2 or rng.random() < 1 / 3:
        return None
    likely = [i for i, word in enumerate(words[:-1]) if word.endswith(",") or bare(word) in (*FILLERS, *CONJUNCTIONS)]
    return rng.choice(likely) if likely and rng.random() < 2 / 3 else rng.randrange(len(words) - 1)


def _faded(samples: Samples) -> Samples:
    faded = samples.copy()
    faded[-_FADE:] = (faded[-_FADE:] * np.linspace(1, 0, len(faded[-_FADE:]))).astype(np.int16)
    return faded
