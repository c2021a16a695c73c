"""The network and a vocoder as one ONNX graph, with the inputs and outputs of a piper voice.

::

    input          int64 [1, n]   phoneme ids, padding between them
    input_lengths  int64 [1]
    scales         float32 [3]    noise, length, and noise of the lengths
    sid            int64 [1]      speaker
    output         float32 [1, 1, 1, samples]
    durations      float32 [1, 1, n]   frames of ``hop_length`` samples of each id

With both noises at 0 the same input gives the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from micro_voice.network import DILATIONS, ENCODER_LAYERS, KERNEL
from micro_voice.speech import RATE
from micro_voice.vocoder import FFT, HOP, N_BANDS, N_BINS, N_VOICING, WINDOW, Array, band_to_bin, voicing_to_bin

_OPSET = 17
_F0_HZ = (105.0, 190.0)
_STRETCH = (1.0, 1.12)
"""The speakers: their pitch, and how much higher than espeak-ng's the resonances of their throats are."""
_TOP_HZ = 7900
"""The highest harmonic."""
_NOISE_SAMPLES = 8192
_NOISE_STEP = 1 / 40
"""The noise that is always the same is kept as int8; this is one step of it, where its deviation is 1."""
_BREATH = 0.2
"""How much of the voicing turns into breath at noise 1."""
_LENGTH_NOISE = 0.25
_HALVED_FROM = 64
"""Weights of so many numbers are kept as float16: half the file, and no error that can be heard."""


class _Graph:
    """Collects nodes; each method returns the name of what it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str | float | Sequence[int], out: str = "", **attributes: object) -> str:
        """Add a node; a number among the inputs is a float constant, a sequence one of integers."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        name = out or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def constant(self, value: float | Sequence[int] | NDArray[np.generic]) -> str:
        if isinstance(value, np.ndarray):
            array = value
        elif isinstance(value, Sequence):
            array = np.array(value, np.int64)
        else:
            array = np.array(value, np.float32)
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, value: Array) -> str:
        if value.size < _HALVED_FROM:
            return self.constant(value)
        return self.op("Cast", self.constant(value.astype(np.float16)), to=TensorProto.FLOAT)

    def item(self, vector: str, index: int) -> str:
        """One number of a vector."""
        return self.op("Gather", vector, self.constant(np.array(index, np.int64)), axis=0)

    def random_like(self, shaped: str) -> str:
        return self.op("RandomNormalLike", shaped, dtype=TensorProto.FLOAT)


def write(path: Path, weights: Mapping[str, Array], silent: Sequence[int], seed: int) -> None:
    """Write the voice.

    Args:
        path: of the ONNX file.
        weights: of the network, see ``network.trained``.
        silent: ids that make no sound of their own.
        seed: of the noise that is always the same.
    """
    g = _Graph()
    noise, length, length_noise = (g.item("scales", i) for i in range(3))
    ids = g.op("Slice", "input", [0], "input_lengths", [1])
    encoded = _encoder(g, weights, ids)
    widths = _widths(g, weights, encoded, ids, silent, length, length_noise)
    features = _decoder(g, weights, encoded, widths)
    _vocoder(g, features, noise, seed)
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
        helper.make_tensor_value_info("sid", TensorProto.INT64, [1]),
    ]
    outputs = [
        helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"]),
        helper.make_tensor_value_info("durations", TensorProto.FLOAT, [1, 1, "phonemes"]),
    ]
    graph = helper.make_graph(g.nodes, "micro_voice", inputs, outputs, g.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _conv(g: _Graph, weights: Mapping[str, Array], name: str, x: str, dilation: int = 1) -> str:
    weight = weights[f"{name}.weight"]
    pad = weight.shape[2] // 2 * dilation
    bias = g.constant(weights[f"{name}.bias"])
    return g.op("Conv", x, g.weight(weight), bias, dilations=[dilation], pads=[pad, pad])


def _encoder(g: _Graph, weights: Mapping[str, Array], ids: str) -> str:
    """Ids -> their states: shape (1, width, n)."""
    assert weights["encoder.0.weight"].shape[2] == KERNEL
    x = g.op("Transpose", g.op("Gather", g.weight(weights["embedding.weight"]), ids, axis=0), perm=[0, 2, 1])
    for i in range(ENCODER_LAYERS):
        x = g.op("Add", x, g.op("Relu", _conv(g, weights, f"encoder.{i}", x)))
    return x


def _widths(
    g: _Graph, weights: Mapping[str, Array], x: str, ids: str, silent: Sequence[int], length: str, length_noise: str
) -> str:
    """How many frames each id sounds: shape (1, 1, n). The ends are rounded, not the lengths, so no time is lost."""
    predicted = _conv(g, weights, "duration_out", g.op("Relu", _conv(g, weights, "duration", x)))
    frames = g.op("Relu", g.op("Sub", g.op("Exp", predicted), 1.0))
    sounding = np.ones(len(weights["embedding.weight"]), np.float32)
    sounding[list(silent)] = 0
    mask = g.op("Unsqueeze", g.op("Gather", g.constant(sounding), ids, axis=0), [1])
    varied = g.op("Exp", g.op("Mul", g.op("Mul", g.random_like(frames), length_noise), _LENGTH_NOISE))
    lasting = g.op("Mul", g.op("Mul", g.op("Mul", frames, mask), length), varied)
    axis = g.constant(np.array(2, np.int64))
    ends = g.op("Floor", g.op("Add", g.op("CumSum", lasting, axis), 0.5))
    starts = g.op("Pad", g.op("Slice", ends, [0], [-1], [2]), [0, 0, 1, 0, 0, 0])
    # Piper makes a voice tell its alignments by finding the one Ceil in its graph, so there is one here as well.
    return g.op("Ceil", g.op("Sub", ends, starts), out="durations")


def _decoder(g: _Graph, weights: Mapping[str, Array], x: str, widths: str) -> str:
    """States, each for as many frames as it sounds -> features: shape (1, 45, n_frames)."""
    width = g.op("Squeeze", widths, [0, 1])
    zero = g.constant(np.array(0, np.int64))
    ends = g.op("CumSum", width, zero)
    starts = g.op("Sub", ends, width)
    n_frames = g.op("Max", g.op("ReduceMax", ends, keepdims=0), 1.0)
    frame = g.op("Range", g.constant(np.array(0, np.float32)), n_frames, g.constant(np.array(1, np.float32)))
    over = g.op("Cast", g.op("LessOrEqual", ends, g.op("Unsqueeze", frame, [1])), to=TensorProto.INT64)
    last = g.op("Sub", g.op("Squeeze", g.op("Shape", width), [0]), g.constant(np.array(1, np.int64)))
    owner = g.op("Min", g.op("ReduceSum", over, [1], keepdims=0), last)
    owned = g.op("Max", g.op("Gather", width, owner, axis=0), 1.0)
    since = g.op("Add", g.op("Sub", frame, g.op("Gather", starts, owner, axis=0)), 0.5)
    until = g.op("Sub", owned, since)
    places = [
        g.op("Div", since, owned),
        g.op("Div", until, owned),
        g.op("Div", g.op("Min", since, 20.0), 10.0),
        g.op("Div", g.op("Min", until, 20.0), 10.0),
    ]
    rows = [g.op("Unsqueeze", place, [0, 1]) for place in places]
    y = g.op("Concat", g.op("Gather", x, owner, axis=2), *rows, axis=1)
    y = _conv(g, weights, "entry", y)
    for i, dilation in enumerate(DILATIONS):
        y = g.op("Add", y, g.op("Relu", _conv(g, weights, f"decoder.{i}", y, dilation)))
    return _conv(g, weights, "out", y)


def _vocoder(g: _Graph, features: str, noise: str, seed: int) -> None:
    """Features -> samples, as ``vocoder`` tells: shape (1, 1, 1, n_samples)."""
    rows = g.op("Transpose", g.op("Squeeze", features, [0]), perm=[1, 0])
    loudness = g.op("Slice", rows, [0], [N_BANDS], [1])
    voicing = g.op("Clip", g.op("Slice", rows, [N_BANDS], [N_BANDS + N_VOICING], [1]), 0.0, 1.0)
    pitch = g.op("Slice", rows, [N_BANDS + N_VOICING], [N_BANDS + N_VOICING + 1], [1])
    spread = g.op("Gather", g.weight(np.stack([band_to_bin(stretch) for stretch in _STRETCH])), "sid", axis=0)
    gain = g.op("Exp", g.op("Mul", g.op("MatMul", loudness, g.op("Squeeze", spread, [0])), 0.5))
    breath = g.op("Max", g.op("Sub", 1.0, g.op("Mul", noise, _BREATH)), 0.0)
    # Clipped: weights kept as float16 do not quite sum to 1.
    voiced = g.op("Clip", g.op("Mul", g.op("MatMul", voicing, g.weight(voicing_to_bin())), breath), 0.0, 1.0)
    of_pulses = g.op("Mul", gain, g.op("Sqrt", voiced))
    of_noise = g.op("Mul", gain, g.op("Sqrt", g.op("Sub", 1.0, voiced)))
    f0 = g.op("Mul", g.op("Exp", pitch), g.op("Gather", g.constant(np.array(_F0_HZ, np.float32)), "sid", axis=0))
    spectrum = g.op(
        "Add",
        _weighted(g, _spectra(g, _pulses(g, f0)), of_pulses),
        _weighted(g, _spectra(g, _noise(g, f0, noise, seed)), of_noise),
    )
    mirror = g.constant(np.arange(N_BINS - 2, 0, -1))
    conjugate = g.op("Mul", g.op("Gather", spectrum, mirror, axis=1), g.constant(np.array([1, -1], np.float32)))
    whole = g.op("Concat", spectrum, conjugate, axis=1)
    sound = g.op("Gather", g.op("DFT", whole, axis=1, inverse=1), g.constant(np.array(0, np.int64)), axis=2)
    blocks = [g.op("Slice", sound, [i * HOP], [(i + 1) * HOP], [1]) for i in range(FFT // HOP)]
    shifted = [g.op("Pad", block, [i, 0, FFT // HOP - 1 - i, 0]) for i, block in enumerate(blocks)]
    added = g.op("Reshape", g.op("Sum", *shifted), [-1])
    # A frame begins (WINDOW - HOP) / 2 samples before its hop, and (FFT - WINDOW) / 2 more with the room around it.
    before = (WINDOW - HOP) // 2 + (FFT - WINDOW) // 2
    samples = g.op("Slice", added, [before], [before - (FFT - HOP)], [0])
    # Hann windows of three hops add up to 1.5.
    g.op("Reshape", g.op("Div", samples, 1.5), [1, 1, 1, -1], out="output")


def _pulses(g: _Graph, f0: str) -> str:
    """All harmonics of the pitch in one sum (Dirichlet's kernel), of power 1 a sample: shape (n_frames, hop)."""
    every = g.op("Expand", f0, [1, HOP])
    steps = g.op("Cast", g.op("Reshape", every, [-1]), to=TensorProto.DOUBLE)
    seconds = g.constant(np.array(1 / RATE, np.float64))
    # In double: after a minute a float's phase is off by a hundredth of a period.
    cycles = g.op("CumSum", g.op("Mul", steps, seconds), g.constant(np.array(0, np.int64)))
    phase = g.op("Cast", g.op("Sub", cycles, g.op("Floor", cycles)), to=TensorProto.FLOAT)
    half = g.op("Mul", g.op("Reshape", phase, [-1, HOP]), math.pi)
    n = g.op("Floor", g.op("Div", _TOP_HZ, every))
    below = g.op("Mul", g.op("Sin", half), 2.0)
    kernel = g.op("Sub", g.op("Div", g.op("Sin", g.op("Mul", half, g.op("Add", g.op("Mul", n, 2.0), 1.0))), below), 0.5)
    at_peak = g.op("Less", g.op("Abs", below), 1e-5)
    return g.op("Mul", g.op("Where", at_peak, n, kernel), g.op("Sqrt", g.op("Div", every, RATE / 4)))


def _noise(g: _Graph, f0: str, noise: str, seed: int) -> str:
    """Noise of power 1 a sample: shape (n_frames, hop). A stored one, and as much of a new one as the scale asks."""
    drawn = np.random.default_rng(seed).standard_normal(_NOISE_SAMPLES)
    stored = g.op(
        "Cast", g.constant(np.clip(np.round(drawn / _NOISE_STEP), -127, 127).astype(np.int8)), to=TensorProto.FLOAT
    )
    blocks = g.op("Reshape", g.op("Mul", stored, _NOISE_STEP), [-1, HOP])
    n_frames = g.op("Squeeze", g.op("Gather", g.op("Shape", f0), [0], axis=0), [0])
    zero, one = (g.constant(np.array(value, np.int64)) for value in (0, 1))
    index = g.op("Mod", g.op("Range", zero, n_frames, one), g.constant(np.array(_NOISE_SAMPLES // HOP, np.int64)))
    always = g.op("Gather", blocks, index, axis=0)
    both = g.op("Add", always, g.op("Mul", g.random_like(always), noise))
    return g.op("Div", both, g.op("Sqrt", g.op("Add", g.op("Mul", noise, noise), 1.0)))


def _spectra(g: _Graph, excitation: str) -> str:
    """Spectra of windows of three hops around each frame: shape (n_frames, 257, 2)."""
    padded = g.op("Pad", excitation, [1, 0, 1, 0])
    thirds = [g.op("Slice", padded, [i], [end], [0]) for i, end in enumerate((-2, -1, np.iinfo(np.int64).max))]
    hann = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    windows = g.op("Mul", g.op("Concat", *thirds, axis=1), g.constant(hann))
    room = (FFT - WINDOW) // 2
    return g.op("DFT", g.op("Unsqueeze", g.op("Pad", windows, [0, room, 0, room]), [2]), axis=1, onesided=1)


def _weighted(g: _Graph, spectra: str, gains: str) -> str:
    return g.op("Mul", spectra, g.op("Unsqueeze", gains, [2]))
