"""The micro Whisper hears what it was made to hear, through faster-whisper, on sentences it was not trained on."""

from __future__ import annotations

import json
import random
import wave
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from scripts.micro_whisper import measuring
from scripts.micro_whisper.clips import Clip, ClipMaker
from scripts.micro_whisper.domain import ENGLISH, GERMAN, Sentence, bare, measuring_sentence, training_sentence, unseen
from scripts.micro_whisper.sounds import Sounds
from scripts.micro_whisper.speech import Spoken, speak, word_times
from scripts.micro_whisper.tokens import Reader, load_tokenizer
from voicesrv.audio.pcm import Samples
from voicesrv.cli.recording import Turn, transcribe
from voicesrv.engines.base import SttOptions
from voicesrv.engines.webrtc_vad import WebrtcVad
from voicesrv.engines.whisper_stt import WhisperStt, WhisperSttOptions
from voicesrv.events import SpokenWord

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "models" / "micro-whisper"
SPEECH = ROOT / "tests" / "data" / "speech"
SEED = 77
"""Neither that of the training nor that of the model card's figures."""

Heard = tuple[list[Spoken], list[Clip]]


@pytest.fixture(scope="module")
def listener() -> measuring.Listener:
    return measuring.Listener(FOLDER)


@pytest.fixture(scope="module")
def heard() -> Heard:
    return measuring.unseen_utterances(40, SEED)


def test_words_in_a_window_of_the_clips_length(listener: measuring.Listener, heard: Heard) -> None:
    _, clips = heard
    texts = [listener.short(clip.samples, beam_size=1) for clip in clips]
    assert measuring.word_error_rate(map(measuring.said, clips), texts) <= 0.05


def test_words_and_their_times_in_a_window_of_30_s(listener: measuring.Listener, heard: Heard) -> None:
    clips = heard[1][:20]
    errors: list[float] = []
    texts = []
    for clip in clips:
        words = listener.words(clip.samples)
        texts.append("".join(word.word for word in words))
        errors += [abs(start) for start, _ in measuring.time_errors(words, clip)[1:]]
    assert measuring.word_error_rate(map(measuring.said, clips), texts) <= 0.05
    assert len(errors) > 60
    assert np.mean(errors) <= 0.1
    assert sorted(errors)[int(0.9 * len(errors))] <= 0.15


def test_capitals_and_signs(listener: measuring.Listener) -> None:
    texts = ["Go forward ten meters.", "How many minutes?", "Turn on the, um, kitchen light."]
    spoken = speak([Sentence(text) for text in texts], SEED)
    assert [listener.short(clip.samples).strip() for clip in measuring.windows(spoken, SEED)] == texts


def test_an_unfinished_sentence_has_no_full_stop(listener: measuring.Listener, heard: Heard) -> None:
    unfinished = finished = 0
    for one in heard[0][:20]:
        last = round(one.starts[-1] * 16000)  # before the last word
        for samples, whole in ((one.samples[:last], False), (one.samples, True)):
            text = listener.short(samples.astype(np.float32) / np.float32(32768), beam_size=1, more_s=0.1)
            ended = text.endswith((".", "?"))
            finished += whole and ended
            unfinished += not whole and not ended
    assert finished >= 18
    assert unfinished >= 16


@pytest.mark.parametrize("kind", ["digital silence", "hiss", "hum", "knocks"])
def test_nothing_is_heard_where_nobody_speaks(listener: measuring.Listener, kind: str) -> None:
    rng = np.random.default_rng(SEED)
    time = np.arange(3 * 16000) / 16000
    sound = {
        "digital silence": np.zeros(len(time)),
        "hiss": rng.standard_normal(len(time)) * 0.02,
        "hum": np.sin(2 * np.pi * 100 * time) * 0.1,
        "knocks": rng.standard_normal(len(time)) * np.exp(-(time % 0.7) * 40) * 0.3,
    }[kind].astype(np.float32)
    assert listener.padded(sound) == ""
    heard = listener.served(sound)
    assert heard.words == ()
    assert heard.no_speech > 0.9


def test_sounds_without_speech_give_no_text(listener: measuring.Listener) -> None:
    """Of the kinds it learnt from, and of others; without a detector before it, which would let few of them through."""
    made = Sounds(random.Random(SEED))
    sounds = [made.nothing(seconds) for seconds in np.linspace(0.5, 6, 60)]
    sounds += [sound for seed in range(12) for sound in strange_sounds(np.random.default_rng(seed))]
    heard = [listener.served(sound) for sound in sounds]
    assert sum(each.words == () for each in heard) >= 0.95 * len(sounds)
    assert sum(each.no_speech > 0.6 for each in heard) >= 0.95 * len(sounds)


def test_speech_is_not_taken_for_silence(listener: measuring.Listener, heard: Heard) -> None:
    told = [listener.served(clip.samples, beam_size=1) for clip in heard[1]]
    assert all(each.words for each in told)
    assert max(each.no_speech for each in told) < 0.5


def strange_sounds(rng: np.random.Generator) -> list[npt.NDArray[np.float32]]:
    """Three seconds each of sounds that are made as none of those it learnt from."""
    n_samples = 3 * 16000
    time = np.arange(n_samples) / 16000
    noise = rng.standard_normal(n_samples)

    def tone(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
        steps = np.broadcast_to(np.asarray(hertz, float), n_samples)
        wave: npt.NDArray[np.float64] = np.sin(2 * np.pi * np.cumsum(steps) / 16000)
        return wave

    wander = np.cumsum(rng.standard_normal(n_samples)) / 100
    keys = 110 * 2 ** (rng.integers(0, 36, 12) / 12)
    played = keys[(time * 4).astype(int)]
    sounds = (
        tone(700 + 400 * np.sin(2 * np.pi * rng.uniform(0.2, 1) * time)),  # a siren
        tone(350) + tone(440),  # a dial tone
        np.sign(tone(rng.uniform(50, 150))),  # a buzzer
        tone(1500 + 500 * np.tanh(wander)) + noise * 0.1,  # someone whistles
        sum((tone(played * k) / k for k in range(1, 9)), np.zeros(n_samples)) * np.exp(-(time * 4 % 1) * 3),  # a piano
        (np.abs(noise) > 3.5) * noise,  # a worn record
        wander - np.convolve(wander, np.ones(800) / 800, "same"),  # rumbling
        noise * (time % 0.25 < 0.03) + tone(60) * np.exp(-(time % 0.5) * 15) * 4,  # drums
        noise * tone(rng.uniform(1, 5)) ** 2 * 0.1,  # waves
        tone(1000) * (time % 1 < 0.1) + tone(2000) * (time % 1 > 0.95),  # beeps
    )
    loudness = 10 ** (rng.uniform(-30, -3, len(sounds)) / 20)
    return [
        (sound / np.abs(sound).max() * level).astype(np.float32) for sound, level in zip(sounds, loudness, strict=True)
    ]


@pytest.mark.anyio
async def test_recordings_without_speech_give_no_text() -> None:
    """Alone, and behind WebRTC's detector, which takes both for speech."""
    recordings = [SPEECH / f"neg_{name}.wav" for name in ("robin", "ding")]
    turns: list[Turn] = []
    async with WebrtcVad() as detector, WhisperStt(str(FOLDER), WhisperSttOptions(threads=1)) as engine:
        for path in recordings:
            with wave.open(str(path)) as reader:
                samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(np.int16)
            blocks = (samples[at : at + 1600] for at in range(0, len(samples), 1600))
            n_before = len(turns)
            await transcribe(blocks, detector, engine, SttOptions("en"), turns.append, lambda _: None)
            assert len(turns) > n_before

            async def whole(samples: Samples = samples) -> AsyncGenerator[Samples, None]:
                yield samples

            texts = [each.text async for each in engine.transcribe(whole(), SttOptions())]
            assert set(texts) == {""}, path
    assert {turn.text for turn in turns} == {""}


def test_the_language(listener: measuring.Listener, heard: Heard) -> None:
    texts = ("Schalte das Licht in der Küche an.", "Geh zehn Meter vor.", "Wo ist die Tür?")
    german = measuring.windows(speak([Sentence(text, "de") for text in texts], SEED), SEED)
    told = [listener.model.detect_language(clip.samples)[0] for clip in (*german, *heard[1][:3])]
    assert told == ["de"] * 3 + ["en"] * 3


def test_it_is_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 2 * 2**20
    assert json.loads((FOLDER / "config.json").read_text())["alignment_heads"]


def test_the_domain_is_closed_and_what_is_measured_was_never_learnt() -> None:
    rng = random.Random(SEED)
    known = {word.lower() for word in (*ENGLISH, *GERMAN)}
    for _ in range(2000):
        text = training_sentence(rng).text
        assert {bare(word) for word in text.split()} <= known, text
        assert not unseen(text), text
    texts = [measuring_sentence(rng).text for _ in range(200)]
    assert all(unseen(text) for text in texts)
    assert len(set(texts)) > 150


def test_sounds_without_speech_are_made_again_from_the_same_seed() -> None:
    ours, theirs = (Sounds(random.Random(SEED)) for _ in range(2))
    for seconds in np.linspace(0.5, 5, 30):
        sound = ours.nothing(seconds)
        assert sound.dtype == np.float32
        assert len(sound) == round(seconds * 16000)
        assert np.abs(sound).max() <= 1
        assert np.array_equal(sound, theirs.nothing(seconds))
    for make in ours.kinds.values():
        made = make(8000)
        assert len(made) == 8000
        assert np.isfinite(made).all()


def test_clips_tell_where_their_words_are(heard: Heard) -> None:
    maker = ClipMaker(heard[0], random.Random(SEED))
    for _ in range(200):
        clip = maker.make()
        times = [time for segment in clip.segments for _, *word in segment for time in word]
        assert times == sorted(times)
        assert not times or times[-1] <= len(clip.samples) / 16000 + 0.15
        assert np.abs(clip.samples).max(initial=0) <= 1


def test_the_times_of_words_that_are_said_as_one() -> None:
    events = [SpokenWord("Turn", 0, 200), SpokenWord("on", 200, 450), SpokenWord("light", 450, 700)]
    assert word_times(["Turn", "on", "the", "light."], events) == ([0, 0.2, 0.35, 0.45], [0.2, 0.35, 0.45, 0.7])
    assert word_times(["Turn", "off"], [SpokenWord("go", 0, 100)]) is None
    assert word_times(["Turn"], events) is None


def test_a_lesson_is_written_as_whisper_writes() -> None:
    reader = Reader(load_tokenizer(FOLDER / "tokenizer.json"))
    sentence = [("Go", 0.5, 0.7), ("left.", 0.7, 1.1)]
    lesson = reader.lesson(Clip(np.zeros(32000, np.float32), "en", [sentence], before="Stop.", stamped=True))
    names = reader.names()
    given = [names[token] for token in lesson.given]
    asked = given.index("<|startoftranscript|>")
    assert given[0] == "<|startofprev|>"
    assert given[asked : asked + 4] == ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|0.50|>"]
    assert given[-1] == "<|1.10|>"
    assert names[lesson.wanted[-1]] == "<|endoftext|>"
    assert lesson.wanted[:asked] == [-1] * asked
    assert names[lesson.wanted[asked]] == "<|en|>"
    assert len(lesson.given) == len(lesson.wanted) == len(lesson.looked_at)
    spans = dict(zip([names[token] for token in lesson.wanted], lesson.looked_at, strict=True))
    assert spans["ĠGo"] == (0.5, 0.7)
    assert spans["."] == pytest.approx((1.1, 1.4))


def test_nothing_said_is_taught_as_no_speech() -> None:
    reader = Reader(load_tokenizer(FOLDER / "tokenizer.json"))
    lesson = reader.lesson(Clip(np.zeros(16000, np.float32), "en"))
    names = reader.names()
    assert names[lesson.wanted[0]] == "<|nospeech|>"
    assert [names[token] for token in lesson.wanted[-2:]] == ["<|0.00|>", "<|endoftext|>"]
    forced = reader.lesson(Clip(np.zeros(16000, np.float32), "en", stamped=False, forced="Stop"))
    assert reader.tokenizer.decode(forced.given) == " Stop"
    assert {names[token] for token in forced.wanted[3:]} == {"<|endoftext|>"}
    assert len(forced.given) == len(forced.wanted) == len(forced.looked_at)
