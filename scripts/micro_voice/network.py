"""A small network from piper's phoneme ids to frames of sound, learnt from espeak-ng's speech.

Convolutions over the ids tell how long each sounds; its state is repeated for so many frames, with where in the
phoneme each frame is, and convolutions over the frames tell their sound. This is FastSpeech (Ren et al., NeurIPS 2019)
with convolutions for attention, small because one synthesiser's speech is so regular.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from micro_voice.vocoder import N_FEATURES, Array

WIDTH = 80
KERNEL = 5
ENCODER_LAYERS = 4
DILATIONS = (1, 1, 2, 4, 1)
"""Of the decoder's convolutions: together they see 18 frames, 144 ms, either way."""
N_PLACES = 4
_BATCH = 16
_LEARNING_RATE = 2e-3
_REPORT_EVERY = 100


@dataclass(frozen=True)
class Example:
    """An utterance as the network sees it."""

    ids: NDArray[np.int64]
    """With padding, as piper gives them: shape (n,)."""
    frames: NDArray[np.int64]
    """How many frames each id sounds: shape (n,)."""
    features: Array
    """Shape (n_frames, 45)."""


class Network(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """Ids and durations -> features; ids -> durations. What is padding is held at zero, as at the edges."""

    def __init__(self, n_symbols: int) -> None:
        super().__init__()
        same = KERNEL // 2
        self.embedding = nn.Embedding(n_symbols, WIDTH)
        self.encoder = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=same) for _ in range(ENCODER_LAYERS))
        self.duration = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.duration_out = nn.Conv1d(WIDTH, 1, 1)
        self.entry = nn.Conv1d(WIDTH + N_PLACES, WIDTH, 1)
        self.decoder = nn.ModuleList(
            nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=same * dilation, dilation=dilation) for dilation in DILATIONS
        )
        self.out = nn.Conv1d(WIDTH, N_FEATURES, 1)

    def forward(
        self, ids: Tensor, there: Tensor, owners: Tensor, places: Tensor, sounds: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Give the features and the durations.

        Args:
            ids: shape (batch, n); ``there`` (batch, 1, n) is 0 for padding.
            owners: which id each frame belongs to, shape (batch, n_frames); ``sounds`` (batch, 1, n_frames) likewise.
            places: shape (batch, 4, n_frames), see ``places_of``.

        Returns:
            Standardised features (batch, 45, n_frames) and log(1 + frames) of each id (batch, n).
        """
        x = self.embedding(ids).transpose(1, 2) * there
        for layer in self.encoder:
            x = (x + torch.relu(layer(x))) * there
        durations = self.duration_out(torch.relu(self.duration(x)) * there).squeeze(1)
        y = torch.gather(x, 2, owners[:, None].expand(-1, WIDTH, -1))
        y = self.entry(torch.cat([y, places], 1)) * sounds
        for layer in self.decoder:
            y = (y + torch.relu(layer(y))) * sounds
        return self.out(y), durations


def places_of(frames: NDArray[np.int64]) -> tuple[NDArray[np.int64], Array]:
    """Which id each frame belongs to, and where in it: how far from either end, as a share of it and in 80 ms."""
    owners = np.repeat(np.arange(len(frames)), frames)
    ends = np.cumsum(frames)
    since = np.arange(len(owners)) - (ends - frames)[owners] + 0.5
    until = frames[owners] - since
    places = [since / frames[owners], until / frames[owners], np.minimum(since, 20) / 10, np.minimum(until, 20) / 10]
    return owners, np.stack(places).astype(np.float32)


def trained(examples: Sequence[Example], n_symbols: int, steps: int, seed: int) -> dict[str, Array]:
    """Train, and return the weights by name; the last layer's give features as they are, not standardised."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums come out alike whatever the number of cores, and a busy core stops no other
    everything = np.concatenate([example.features for example in examples])
    mean, scale = everything.mean(0), everything.std(0) + 1e-3
    by_length = sorted(examples, key=lambda example: len(example.features))
    batches = [_batch(by_length[i : i + _BATCH], mean, scale) for i in range(0, len(by_length), _BATCH)]
    network = Network(n_symbols)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1)))
    )
    order = np.random.default_rng(seed)
    losses: list[float] = []
    for step in range(steps):
        if step % len(batches) == 0:
            queue = order.permutation(len(batches))
        inputs, features, durations = batches[queue[step % len(batches)]]
        said, lasting = network(*inputs)
        _, there, _, _, sounds = inputs
        loss = ((said - features) ** 2 * sounds).sum() / sounds.sum() / N_FEATURES
        loss = loss + ((lasting - durations) ** 2 * there[:, 0]).sum() / there.sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % _REPORT_EVERY == 0:
            print(
                f"step {step + 1} of {steps}: loss {np.mean(losses[-_REPORT_EVERY:]):.4f}", file=sys.stderr, flush=True
            )
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    weights["out.weight"] = weights["out.weight"] * scale[:, None, None]
    weights["out.bias"] = weights["out.bias"] * scale + mean
    return weights


def _batch(examples: Sequence[Example], mean: Array, scale: Array) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
    n_ids = max(len(example.ids) for example in examples)
    n_frames = max(len(example.features) for example in examples)
    ids = np.zeros((len(examples), n_ids), np.int64)
    durations = np.zeros((len(examples), n_ids), np.float32)
    there = np.zeros((len(examples), 1, n_ids), np.float32)
    owners = np.zeros((len(examples), n_frames), np.int64)
    places = np.zeros((len(examples), N_PLACES, n_frames), np.float32)
    features = np.zeros((len(examples), N_FEATURES, n_frames), np.float32)
    sounds = np.zeros((len(examples), 1, n_frames), np.float32)
    for i, example in enumerate(examples):
        n, n_sound = len(example.ids), len(example.features)
        ids[i, :n], durations[i, :n], there[i, 0, :n] = example.ids, np.log1p(example.frames), 1
        owners[i, :n_sound], places[i, :, :n_sound] = places_of(example.frames)
        features[i, :, :n_sound], sounds[i, 0, :n_sound] = ((example.features - mean) / scale).T, 1
    inputs = tuple(map(torch.from_numpy, (ids, there, owners, places, sounds)))
    return inputs, torch.from_numpy(features), torch.from_numpy(durations)
