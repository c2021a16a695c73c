"""What a frame of speech sounds like, in 45 numbers: loudness by band, voicing by band, pitch.

The ONNX graph turns these back into sound: pulses at the pitch and noise, mixed by the voicing, each frame's
spectrum weighted by its loudness, and the frames added up where they overlap. It is a channel vocoder with the
mixed excitation of McCree and Barnwell, IEEE Trans. Speech and Audio Processing 3(4), 1995.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from micro_voice.speech import RATE

HOP = 128
"""Samples from frame to frame: 8 ms."""
WINDOW = 3 * HOP
FFT = 512
N_BINS = FFT // 2 + 1
N_BANDS = 40
VOICING_EDGES_HZ = (0, 1000, 2500, 5000, 8000)
N_VOICING = len(VOICING_EDGES_HZ) - 1
N_FEATURES = N_BANDS + N_VOICING + 1
FLOOR = 1e-9
"""Power of a sample, at which silence is held: the square of 16-bit resolution."""
_F0_HZ = (65, 220)
_PITCH_WINDOW = 640
_VOICED = 0.55
"""Correlation of a period with the next from which on a frame has a pitch."""

Array = NDArray[np.float32]


def analysed(samples: Array, n_frames: int) -> Array:
    """The features of each frame: shape (n_frames, 45): log power of each mel band (natural logarithm, per sample),
    voicing of each voicing band (0–1), and the logarithm of the pitch over its median in the utterance (0: no pitch).
    """
    span = _PITCH_WINDOW + RATE // _F0_HZ[0]
    padded = np.pad(samples, (span, 2 * span))
    centres = span + np.arange(n_frames) * HOP + HOP // 2
    lags, voiced = _pitch(padded, centres)
    windows = sliding_window_view(padded, WINDOW)
    hann = np.hanning(WINDOW + 1)[:-1]
    here, next_period = (np.fft.rfft(windows[at - WINDOW // 2] * hann, FFT) for at in (centres, centres + lags))
    power = np.abs(here) ** 2 / (hann**2).sum()
    loudness = np.log(power @ mel_bands().T + FLOOR)
    voicing = np.stack(
        [_alike(here[:, low:high], next_period[:, low:high]) for low, high in _voicing_bins()], axis=1
    ) * (voiced[:, None] > _VOICED)
    pitched = voiced > _VOICED
    log_f0 = np.log(RATE / lags)
    middle = float(np.median(log_f0[pitched])) if pitched.any() else 0.0
    pitch = np.where(pitched, log_f0 - middle, 0)
    return np.concatenate([loudness, voicing, pitch[:, None]], axis=1).astype(np.float32)


def _pitch(samples: Array, centres: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The period of each frame in samples, and how alike two periods are (normalised correlation)."""
    shortest, longest = RATE // _F0_HZ[1], RATE // _F0_HZ[0]
    n = _PITCH_WINDOW
    windows = sliding_window_view(samples, n + longest)[centres - n // 2]
    first = windows[:, :n]
    size = 2 * (n + longest)
    products = np.fft.irfft(np.fft.rfft(windows, size) * np.conj(np.fft.rfft(first, size)), size)[:, : longest + 1]
    energy = np.cumsum(np.pad(windows.astype(np.float64) ** 2, ((0, 0), (1, 0))), axis=1)
    energies = energy[:, n : n + longest + 1] - energy[:, : longest + 1]
    alike = products / np.sqrt(energies * energies[:, :1] + 1e-6)
    alike = alike[:, shortest:]
    best = alike.max(axis=1)
    # The shortest of the lags that do nearly as well: two periods are as alike as one.
    peaks = (
        (alike >= 0.93 * best[:, None]) & (alike >= np.roll(alike, 1, axis=1)) & (alike >= np.roll(alike, -1, axis=1))
    )
    lags = np.where(peaks.any(axis=1), peaks.argmax(axis=1), alike.argmax(axis=1)) + shortest
    return lags, best


def _alike(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> NDArray[np.float64]:
    """How far a band is the same one period later: 1 for a voice, about 0 for noise."""
    coherence: NDArray[np.float64] = np.abs((a * np.conj(b)).sum(axis=1)) / np.sqrt(
        (np.abs(a) ** 2).sum(axis=1) * (np.abs(b) ** 2).sum(axis=1) + 1e-12
    )
    sharpened: NDArray[np.float64] = np.clip((coherence - 0.4) / 0.5, 0, 1)
    return sharpened


def mel_bands() -> NDArray[np.float64]:
    """Triangles that average the power around each band's centre: shape (40, 257), rows sum to 1."""
    hz = _bins_hz()
    edges = _hz(np.linspace(_mel(0), _mel(RATE / 2), N_BANDS + 2))
    rise = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    weights: NDArray[np.float64] = np.maximum(np.minimum(rise, fall), 0) + 1e-9
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def band_to_bin(stretch: float = 1.0) -> Array:
    """Weights that draw a line through the bands' values, for each bin: shape (40, 257).

    Args:
        stretch: moves everything up in frequency, as a shorter throat does.
    """
    mels = _mel(_bins_hz() / stretch)
    centres = np.linspace(_mel(0), _mel(RATE / 2), N_BANDS + 2)[1:-1]
    return _lines(np.interp(mels, centres, np.arange(N_BANDS)), N_BANDS)


def voicing_to_bin() -> Array:
    """Weights that spread the voicing bands over the bins: shape (4, 257)."""
    centres = [(a + b) / 2 for a, b in pairwise(VOICING_EDGES_HZ)]
    return _lines(np.interp(_bins_hz(), centres, np.arange(N_VOICING)), N_VOICING)


def _lines(places: NDArray[np.float64], n: int) -> Array:
    """Weights that draw a line through ``n`` values at whole numbers, at each of the places: shape (n, n_places)."""
    weights: Array = np.maximum(1 - np.abs(places[None, :] - np.arange(n)[:, None]), 0).astype(np.float32)
    return weights


def _bins_hz() -> NDArray[np.float64]:
    hz: NDArray[np.float64] = np.fft.rfftfreq(FFT, 1 / RATE).astype(np.float64)
    return hz


def _voicing_bins() -> list[tuple[int, int]]:
    edges = [round(hz * FFT / RATE) for hz in VOICING_EDGES_HZ]
    return list(pairwise(edges))


def _mel(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    mel: NDArray[np.float64] = 2595 * np.log10(1 + np.asarray(hz) / 700)
    return mel


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    hz: NDArray[np.float64] = 700 * (10 ** (mel / 2595) - 1)
    return hz
