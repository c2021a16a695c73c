"""PyTorch weights -> the CTranslate2 folder that faster-whisper loads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ctranslate2.specs import WhisperSpec
from torch import nn

from .network import MicroWhisper
from .tokens import Reader

QUANTIZATION = "int8_float16"
"""Of the file: matrices in int8, all else in 16 bits. At ``compute_type="int8"`` the latter is widened as it loads."""


def convert(network: MicroWhisper, reader: Reader, heads: Sequence[tuple[int, int]], folder: Path) -> None:
    """Write the model folder.

    Args:
        network: trained.
        reader: with the tokenizer it was trained with.
        heads: those (layer, head) whose attention tells the word times.
        folder: is made where it is not there; files of the same names are overwritten.
    """
    size = network.size
    spec = WhisperSpec(size.encoder_layers, size.heads, size.decoder_layers, size.heads)
    encoder, decoder = network.encoder, network.decoder
    for conv in ("conv1", "conv2"):
        _set(getattr(spec.encoder, conv), getattr(encoder, conv))
    spec.encoder.position_encodings.encodings = _array(encoder.positions)
    spec.decoder.position_encodings.encodings = _array(decoder.positions)
    spec.decoder.embeddings.weight = _array(decoder.tokens.weight)
    spec.decoder.projection.weight = _array(decoder.tokens.weight)
    _set(spec.encoder.layer_norm, encoder.norm)
    _set(spec.decoder.layer_norm, decoder.norm)
    for i, layer in enumerate(spec.encoder.layer):
        _set_attention(layer.self_attention, encoder.attention[i])
        _set_feedforward(layer.ffn, encoder.feedforward[i])
    for i, layer in enumerate(spec.decoder.layer):
        _set_attention(layer.self_attention, decoder.attention[i])
        _set_attention(layer.attention, decoder.listening[i])
        _set_feedforward(layer.ffn, decoder.feedforward[i])

    spec.register_vocabulary(reader.names())
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [reader.encode(" ")[0], reader.end]
    spec.config.lang_ids = list(range(reader.end + 2, reader.id("<|translate|>")))
    spec.config.alignment_heads = [list(head) for head in heads]
    spec.validate()
    spec.optimize(quantization=QUANTIZATION)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"short_windows": True}, indent=2) + "\n")
    reader.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    extractor = {"feature_size": size.mels, "sampling_rate": 16000, "hop_length": 160, "chunk_length": 30, "n_fft": 400}
    (folder / "preprocessor_config.json").write_text(json.dumps(extractor, indent=2) + "\n")


def _set_attention(spec: Any, attention: Any) -> None:
    layers = [attention.first, attention.second, attention.out]
    for linear, layer in zip(spec.linear, [layer for layer in layers if layer is not None], strict=True):
        _set(linear, layer)
    _set(spec.layer_norm, attention.norm)


def _set_feedforward(spec: Any, feedforward: Any) -> None:
    _set(spec.linear_0, feedforward.first)
    _set(spec.linear_1, feedforward.second)
    _set(spec.layer_norm, feedforward.norm)


def _set(spec: Any, module: nn.Module) -> None:
    """Copy a linear layer's, a convolution's or a norm's two parameters."""
    weight, bias = (_array(parameter) for parameter in (module.weight, module.bias))
    if isinstance(module, nn.LayerNorm):
        spec.gamma, spec.beta = weight, bias
    else:
        spec.weight, spec.bias = weight, bias


def _array(tensor: Any) -> npt.NDArray[np.float32]:
    """A copy: CTranslate2 quantizes where the values lie."""
    array: npt.NDArray[np.float32] = tensor.detach().float().numpy().copy()
    return array
