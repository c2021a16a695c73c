"""What the evaluation listens to: manifests, and sentences with pauses put into them."""

from __future__ import annotations

import json
import random
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from evaluating import recordings
from micro_whisper.speech import Spoken

from voicesrv.audio.pcm import INPUT_RATE
from voicesrv.errors import ConfigError


def write(path: Path, seconds: float, rate: int = INPUT_RATE) -> None:
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(2 * round(seconds * rate)))


def listed(folder: Path, entries: list[dict[str, Any]], language: str = "") -> list[recordings.Recording]:
    (folder / "manifest.json").write_text(json.dumps(entries))
    return recordings.listed(folder / "manifest.json", language)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("And so, my fellow Americans: ask NOT!", "and so my fellow americans ask not"),
        ("This isn’t 'part' of it - is it?", "this isn't part of it is it"),
        ("Mr. Carker, Mrs. Dombey", "mister carker missus dombey"),
        ("Schöne Grüße, 10 Meter", "schöne grüße 10 meter"),
        ("twenty-one snake_case", "twenty one snake case"),
        (" ... ' ", ""),
    ],
)
def test_texts_are_compared_by_their_words_alone(written: str, normal: str) -> None:
    assert recordings.normalised(written) == normal


def test_a_manifest_needs_little_and_may_tell_much(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 0.5)
    write(tmp_path / "b.wav", 1)
    spans = [{"start": 0.1, "end": 0.2, "text": "yes"}, [0.3, 0.4]]
    plain, full = listed(
        tmp_path,
        [
            {"file": "a.wav", "category": "clips"},
            {
                **{"file": "b.wav", "category": "turns", "language": "ja", "text_norm": "Yes, no", "metric": "cer"},
                "segments": {"spans": spans},
            },
        ],
    )
    assert (plain.name, plain.category, plain.text, plain.spans, plain.seconds) == ("a", "clips", "", (), 0.5)
    assert (full.text, full.by_characters, full.language) == ("yes no", True, "ja")
    assert full.spans == (recordings.Span(0.1, 0.2, "yes"), recordings.Span(0.3, 0.4))


def test_one_language_and_what_nobody_says(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 0.1)
    entries: list[dict[str, Any]] = [
        {"file": "a.wav", "category": "clips", "language": "en", "text_norm": "yes"},
        {"file": "a.wav", "category": "negative", "language": "none", "text_norm": None},
        {"file": "not_there.wav", "category": "intl", "language": "de", "text_norm": "ja"},
    ]
    assert [each.category for each in listed(tmp_path, entries, "en")] == ["clips", "negative"]
    with pytest.raises(FileNotFoundError, match="not_there"):
        listed(tmp_path, entries)


def test_recordings_at_other_rates_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 0.1, rate=8000)
    with pytest.raises(ConfigError, match=r"a\.wav is not 16 kHz mono 16-bit"):
        listed(tmp_path, [{"file": "a.wav", "category": "clips"}])


def tone(text: str) -> Spoken:
    """A sentence whose words are tones of 200 ms each."""
    n = len(text.split())
    samples = (8000 * np.sin(np.arange(n * 3200) / 5)).astype(np.int16)
    starts = tuple(0.2 * i for i in range(n))
    return Spoken(text, "en", "voice", samples, starts, tuple(start + 0.2 for start in starts))


SPOKEN = [tone("Turn on the light, and the fan."), tone("Go um forward."), tone("Stop."), tone("Where are you now?")]


@pytest.mark.parametrize("seed", range(5))
def test_sentences_are_joined_with_pauses_and_their_words_have_true_times(seed: int) -> None:
    made = recordings.joined("turns_0", SPOKEN, random.Random(seed))
    assert made.category == "turns"
    assert [span.text for span in made.spans] == [one.text for one in SPOKEN]
    assert made.text == recordings.normalised(" ".join(span.text for span in made.spans))
    assert [word.text for word in made.words] == " ".join(span.text for span in made.spans).split()
    for word in made.words:
        heard = made.samples[word.start_ms * 16 : word.end_ms * 16].astype(float)
        assert np.abs(heard).mean() > 3000, f"{word} is not where it should be"
    gaps = [after.start - before.end for before, after in zip(made.spans, made.spans[1:], strict=False)]
    assert all(2.5 <= gap <= 4.01 for gap in gaps)
    for span, one in zip(made.spans, SPOKEN, strict=True):
        pause_s = span.end - span.start - len(one.samples) / INPUT_RATE
        assert pause_s < 0.001 or 0.299 <= pause_s <= 1.201


def test_most_sentences_have_a_pause_most_of_them_where_people_think() -> None:
    places: list[str] = []
    for seed in range(200):
        made = recordings.joined("turns_0", SPOKEN[:1], random.Random(seed))
        gaps = zip(made.words, made.words[1:], strict=False)
        places += [before.text for before, after in gaps if after.start_ms - before.end_ms > 250]
    assert 110 <= len(places) <= 160
    assert sum(place in ("light,", "and") for place in places) > len(places) / 2
    assert set(places) == {"Turn", "on", "the", "light,", "and"}, "anywhere now and then, but not behind the last"


def test_the_same_seed_makes_the_same_recording() -> None:
    once, again = (recordings.joined("turns_0", SPOKEN, random.Random(3)) for _ in range(2))
    assert np.array_equal(once.samples, again.samples)
    assert once.words == again.words
