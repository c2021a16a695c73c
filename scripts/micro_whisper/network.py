"""Whisper's architecture in PyTorch, small, with what the lessons need beside it.

Layer for layer what CTranslate2 computes (Radford et al., "Robust Speech Recognition via Large-Scale Weak
Supervision", 2022, section 2.2): log-mel input, two convolutions, sinusoidal positions, pre-norm blocks, learnt
decoder positions, output weights shared with the token embedding. The encoder takes any length up to 30 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Size:
    """How big it is."""

    n_tokens: int
    width: int = 128
    heads: int = 4
    encoder_layers: int = 3
    decoder_layers: int = 2
    mels: int = 80
    audio_places: int = 1500
    text_places: int = 448
    dropout: float = 0.0


class Attention(nn.Module):
    """Multi-head attention with the norm before it; over ``source`` where one is given, else over itself."""

    def __init__(self, size: Size, cross: bool) -> None:
        super().__init__()
        self.heads = size.heads
        self.norm = nn.LayerNorm(size.width)
        self.first = nn.Linear(size.width, size.width if cross else 3 * size.width)
        self.second = nn.Linear(size.width, 2 * size.width) if cross else None
        self.out = nn.Linear(size.width, size.width)

    def forward(
        self, x: Tensor, source: Tensor | None = None, causal: bool = False, show: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """``x`` plus what it attends to; with ``show`` also the weights [batch, head, place, source place]."""
        normed = self.norm(x)
        if self.second is None:
            queries, keys, values = self.first(normed).chunk(3, -1)
        else:
            queries = self.first(normed)
            keys, values = self.second(source).chunk(2, -1)
        queries, keys, values = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (queries, keys, values))
        weights = None
        if show:
            weights = (queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])).softmax(-1)
            attended = weights @ values
        else:
            attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=causal)
        return x + self.out(attended.transpose(1, 2).flatten(2)), weights


class Feedforward(nn.Module):
    """Two linear layers with the norm before them."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size.width)
        self.first = nn.Linear(size.width, 4 * size.width)
        self.second = nn.Linear(4 * size.width, size.width)
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.dropout(self.second(functional.gelu(self.first(self.norm(x)))))
        return out


class Encoder(nn.Module):
    """Log-mel [batch, mels, frames] -> [batch, frames / 2, width]."""

    positions: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(size.mels, size.width, 3, padding=1)
        self.conv2 = nn.Conv1d(size.width, size.width, 3, stride=2, padding=1)
        self.register_buffer("positions", sinusoids(size.audio_places, size.width))
        self.attention = nn.ModuleList(Attention(size, cross=False) for _ in range(size.encoder_layers))
        self.feedforward = nn.ModuleList(Feedforward(size) for _ in range(size.encoder_layers))
        self.norm = nn.LayerNorm(size.width)

    def forward(self, mel: Tensor) -> Tensor:
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        for attention, feedforward in zip(self.attention, self.feedforward, strict=True):
            x = feedforward(attention(x)[0])
        out: Tensor = self.norm(x)
        return out


class Decoder(nn.Module):
    """Tokens [batch, place] and the encoder's output -> logits, and where the last layer looked."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.tokens = nn.Embedding(size.n_tokens, size.width)
        self.positions = nn.Parameter(torch.randn(size.text_places, size.width) * 0.02)
        self.attention = nn.ModuleList(Attention(size, cross=False) for _ in range(size.decoder_layers))
        self.listening = nn.ModuleList(Attention(size, cross=True) for _ in range(size.decoder_layers))
        self.feedforward = nn.ModuleList(Feedforward(size) for _ in range(size.decoder_layers))
        self.norm = nn.LayerNorm(size.width)
        nn.init.normal_(self.tokens.weight, std=0.05)

    def forward(self, tokens: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        x = self.tokens(tokens) + self.positions[: tokens.shape[1]]
        last = len(self.attention) - 1
        for i, (attention, listening, feedforward) in enumerate(
            zip(self.attention, self.listening, self.feedforward, strict=True)
        ):
            x, _ = attention(x, causal=True)
            x, weights = listening(x, audio, show=i == last)
            x = feedforward(x)
        return self.norm(x) @ self.tokens.weight.T, weights


class MicroWhisper(nn.Module):
    """The encoder, the decoder, and a head for single words that only the training uses."""

    def __init__(self, size: Size, n_words: int) -> None:
        super().__init__()
        self.size = size
        self.encoder = Encoder(size)
        self.decoder = Decoder(size)
        self.words = nn.Linear(size.width, n_words)


def sinusoids(places: int, width: int, longest: float = 10000.0) -> Tensor:
    """Whisper's position encoding: sines, then cosines."""
    steps = math.log(longest) / (width // 2 - 1)
    angles = torch.arange(places)[:, None] * torch.exp(-steps * torch.arange(width // 2))[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
