"""Trains the network, from a checkpoint on where there is one.

Three things are learnt at once: the text (cross-entropy), the word at every moment from the encoder alone, which
makes it listen long before the decoder can, and where to look (two heads of the last layer are drawn to the word that
is being written), which makes the decoder attend early and gives the word times.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from torch import Tensor, distributed
from torch.nn import functional

from .clips import Clip, ClipMaker
from .domain import ENGLISH, GERMAN, bare
from .network import MicroWhisper, Size
from .speech import Spoken
from .tokens import N_TEXT, N_TIMES, Lesson, Reader

_WORDS = {word.lower(): i for i, word in enumerate(dict.fromkeys((*ENGLISH, *GERMAN)), start=1)}
"""0 stands for no word."""
GUIDED_HEADS = (0, 1)
"""Heads of the last decoder layer that are drawn to the words; the converted model takes its word times from them."""

_WHOLE_FRAMES = 3000
_WORD_WEIGHT, _LOOK_WEIGHT, _EVEN_SHARE = 0.5, 0.2, 0.3
_SPREAD = torch.tensor([0.06, 0.12, 0.2, 0.24, 0.2, 0.12, 0.06])
"""A time token shares its target with its neighbours: 20 ms is finer than anyone can hear."""
_UNSURE = 0.5
"""Where nobody speaks, so much of the first target is spread over all text. Whisper may not end there, and the word
that it writes instead is told from one that was heard by how unsure it is."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the course; the learning rate rises and falls in each."""

    steps: int
    peak_rate: float
    warmup: int
    empty: float
    """Share of windows in which nobody speaks."""


@dataclass(frozen=True, slots=True)
class Course:
    """How it is trained."""

    stages: tuple[Stage, ...] = (Stage(5000, 1.6e-3, 400, 0.07), Stage(1200, 4e-4, 60, 0.2))
    """First the sentences, then also what is none."""
    batch_s: float = 40.0
    """Audio in a step, in seconds, its padding included."""
    whole_from: int = 2500
    """From this step on, some batches have the full 30 s."""
    whole_share: float = 0.1
    whole_clips: int = 2
    seed: int = 1

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    def at(self, step: int) -> tuple[Stage, float]:
        """The stage that a step (0 and up, less than ``steps``) is in, and the learning rate there."""
        begins = 0
        for stage in self.stages:
            if step < begins + stage.steps:
                break
            begins += stage.steps
        step -= begins
        if step < stage.warmup:
            return stage, stage.peak_rate * (step + 1) / stage.warmup
        done = (step - stage.warmup) / (stage.steps - stage.warmup)
        return stage, stage.peak_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


class Trainer:
    """Owns the network while it learns.

    Args:
        spoken: what to learn from.
        reader: writes it down.
        course: how.
        checkpoint: is read where it exists, and written every few hundred steps.
    """

    def __init__(
        self, spoken: Sequence[Spoken], reader: Reader, course: Course, checkpoint: Path, rank: int = 0
    ) -> None:
        torch.manual_seed(course.seed)
        self._rank = rank
        self.network = _network(reader)
        self._optimiser = torch.optim.AdamW(self.network.parameters(), betas=(0.9, 0.98), weight_decay=0.02)
        self._reader, self._course, self._checkpoint = reader, course, checkpoint
        self._step = 0
        if checkpoint.exists():
            state = torch.load(checkpoint)
            self.network.load_state_dict(state["network"])
            self._optimiser.load_state_dict(state["optimiser"])
            self._step = state["step"]
        self._maker = ClipMaker(spoken, random.Random(f"clips {course.seed} {self._step} {rank}"))
        self._rng = random.Random(f"batches {course.seed} {self._step}")
        self._mel = torch.from_numpy(FeatureExtractor().mel_filters)
        self._balance = torch.ones(len(_WORDS) + 1)
        self._balance[0] = 0.2  # most of the audio is silence, which is soon learnt
        self._window = torch.hann_window(400)

    def run(self, stop_after_s: float = math.inf) -> bool:
        """Train to the end of the course, or for so long; return whether the end was reached."""
        course, began = self._course, time.monotonic()
        self.network.train()
        batches = self._batches()
        sums = np.zeros(4)
        while self._step < course.steps and time.monotonic() - began < stop_after_s:
            clips, whole = next(batches)
            stage, rate = course.at(self._step)
            self._maker.empty = stage.empty
            for group in self._optimiser.param_groups:
                group["lr"] = rate
            losses = self._losses(clips, whole)
            self._optimiser.zero_grad()
            losses[0].backward()
            self._share_gradients()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self._optimiser.step()
            self._step += 1
            sums += [float(loss.detach()) for loss in losses]
            if self._step % 50 == 0 and self._rank == 0:
                told = " ".join(f"{name} {value / 50:.3f}" for name, value in zip(_NAMES, sums, strict=True))
                print(f"step {self._step}/{course.steps} {told} {time.monotonic() - began:.0f} s", flush=True)
                sums[:] = 0
            if self._step % 100 == 0 and self._rank == 0:
                self._save()
        return self._step >= course.steps

    def _share_gradients(self) -> None:
        """Take the mean of all processes' gradients."""
        if not distributed.is_initialized():
            return
        gradients = [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _save(self) -> None:
        part = self._checkpoint.with_suffix(".part")
        state = {
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self._step,
        }
        torch.save(state, part)
        part.replace(self._checkpoint)

    def _batches(self) -> Iterator[tuple[list[Clip], bool]]:
        """Clips of like lengths, so that little is padding, in any order."""
        course, rng = self._course, self._rng
        while True:
            clips = sorted((self._maker.make() for _ in range(400)), key=lambda clip: len(clip.samples))
            batches: list[list[Clip]] = [[]]
            for clip in clips:
                if (len(batches[-1]) + 1) * len(clip.samples) > course.batch_s * 16000:
                    batches.append([])
                batches[-1].append(clip)
            rng.shuffle(batches)
            for batch in batches:
                late = self._step >= course.whole_from
                if late and rng.random() < course.whole_share:
                    yield rng.sample(batch, min(course.whole_clips, len(batch))), True
                else:
                    yield batch, False

    def _losses(self, clips: list[Clip], whole: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        lessons = [self._reader.lesson(clip) for clip in clips]
        features = self._features(clips, whole)
        audio = self.network.encoder(features)
        given, wanted = (_padded(lessons, name) for name in ("given", "wanted"))
        logits, weights = self.network.decoder(given.clamp_min(0), audio)
        text = self._text_loss(logits, given, wanted)
        words = self._word_loss(audio, clips)
        look = _look_loss(weights, lessons)
        return text + _WORD_WEIGHT * words + _LOOK_WEIGHT * look, text, words, look

    def _features(self, clips: list[Clip], whole: bool) -> Tensor:
        """Log-mel of every clip, and zeros behind it as faster-whisper pads; some bands and moments are masked."""
        mels = [self._log_mel(clip.samples) for clip in clips]
        longest = max(mel.shape[1] for mel in mels)
        frames = _WHOLE_FRAMES if whole else longest + self._rng.choice((0, 0, 0, 20, 60))
        features = np.zeros((len(clips), 80, frames + frames % 2), np.float32)
        for row, mel in zip(features, mels, strict=True):
            row[:, : mel.shape[1]] = mel
            if self._rng.random() < 0.5:
                low = self._rng.randrange(70)
                row[low : low + self._rng.randint(1, 10), : mel.shape[1]] = mel.mean()
            if self._rng.random() < 0.3 and mel.shape[1] > 100:
                at = self._rng.randrange(mel.shape[1])
                row[:, at : min(at + self._rng.randint(1, 7), mel.shape[1])] = mel.mean()
        return torch.from_numpy(features)

    def _log_mel(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What faster-whisper's extractor computes, in a third of its time."""
        padded = torch.from_numpy(np.pad(samples, (0, 160)))
        spectrum = torch.stft(padded, 400, 160, window=self._window, center=True, return_complex=True)
        power = self._mel @ spectrum[:, :-1].abs().square()
        log_power = power.clamp_min(1e-10).log10()
        features: npt.NDArray[np.float32] = ((log_power.clamp_min(float(log_power.max()) - 8) + 4) / 4).numpy()
        return features

    def _text_loss(self, logits: Tensor, given: Tensor, wanted: Tensor) -> Tensor:
        chosen = wanted >= 0
        unstamped = given[chosen] == self._reader.first_time - 1
        log_likely = logits[chosen].log_softmax(-1)
        wanted = wanted[chosen]
        loss = functional.nll_loss(log_likely, wanted, reduction="none")
        timed = wanted >= self._reader.first_time
        if timed.any():
            moments = wanted[timed, None] + torch.arange(len(_SPREAD)) - len(_SPREAD) // 2
            moments = moments.clamp(self._reader.first_time, self._reader.first_time + N_TIMES - 1)
            loss = loss.masked_scatter(timed, -(log_likely[timed].gather(1, moments) * _SPREAD).sum(1))
        empty = unstamped & (wanted == self._reader.end)
        loss = torch.where(empty, (1 - _UNSURE) * loss - _UNSURE * log_likely[:, :N_TEXT].mean(1), loss)
        return loss.mean()

    def _word_loss(self, audio: Tensor, clips: list[Clip]) -> Tensor:
        """How well each moment's encoding tells which word is being said, or that none is."""
        wanted = torch.zeros(audio.shape[:2], dtype=torch.long)
        for row, clip in zip(wanted, clips, strict=True):
            for segment in clip.segments:
                for word, start, end in segment:
                    row[round(start * 50) : max(round(end * 50), round(start * 50) + 1)] = _WORDS[bare(word)]
        return functional.cross_entropy(self.network.words(audio).flatten(0, 1), wanted.flatten(), self._balance)


def load_network(checkpoint: Path, reader: Reader) -> MicroWhisper:
    """The network as far as it has come."""
    network = _network(reader)
    network.load_state_dict(torch.load(checkpoint)["network"])
    return network


def _network(reader: Reader) -> MicroWhisper:
    return MicroWhisper(Size(reader.n_tokens), len(_WORDS) + 1)


_NAMES = ("loss", "text", "words", "look")


def _padded(lessons: list[Lesson], name: str) -> Tensor:
    rows = [torch.tensor(getattr(lesson, name)) for lesson in lessons]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)


def _look_loss(weights: Tensor, lessons: list[Lesson]) -> Tensor:
    """How far the guided heads look past where the next token is heard, 20 ms on either side allowed.

    One is to have all its weight in there, which is soon learnt; the other has to spread it evenly, so that words meet
    where they do in the audio.
    """
    wanted = torch.zeros(weights.shape[0], weights.shape[2], weights.shape[3])
    for row, lesson in zip(wanted, lessons, strict=True):
        for place, span in enumerate(lesson.looked_at):
            if span is not None:
                begin = min(max(int(span[0] * 50) - 1, 0), row.shape[1] - 1)
                row[place, begin : max(math.ceil(span[1] * 50) + 1, begin + 1)] = 1
    chosen = wanted.any(-1)
    if not chosen.any():
        return weights.new_zeros(())
    wanted = wanted[chosen]
    spread, gathered = (weights[:, head][chosen] for head in GUIDED_HEADS)
    unevenness = -((spread + 1e-4).log() * wanted).sum(-1) / wanted.sum(-1)
    return (_EVEN_SHARE * unevenness - ((gathered * wanted).sum(-1) + 1e-4).log()).mean()
