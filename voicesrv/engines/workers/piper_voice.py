"""A piper voice: its files opened and checked, text to phonemes, phonemes to samples.

piper-tts is under the GPL-3; its worker process alone loads it, and this module alone knows it.

API: https://github.com/OHF-Voice/piper1-gpl/blob/v1.8.0/src/piper/voice.py
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from piper import PhonemeType, PiperConfig, PiperVoice
from piper.const import BOS, EOS, PAD

from voicesrv.engines.workers.onnx_outputs import made_by, one_more_output, outputs_of

_INPUTS = {"input", "input_lengths", "scales"}
_SPEAKER_INPUT = "sid"
_KINDS = (PhonemeType.ESPEAK, PhonemeType.TEXT)
"""The others want dictionaries that piper downloads when it first speaks."""
_WORDS_KEPT = 4096
_WARM_UP = "1 2 3 4 5 6 7 8 9."
"""Can be said in every language, and has loud and quiet sounds."""
_PEAK = 0.85
_LOUDEST = 0.99


class BadVoice(Exception):
    """The files are no voice that can be spoken with; the message is for who put them there."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a piece is to be spoken; None: as the voice is by itself."""

    speaker: int = 0
    length_scale: float | None = None
    noise_scale: float | None = None
    noise_w_scale: float | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the network made of a piece."""

    samples: NDArray[np.int16]
    lengths: list[float] | None
    """How long each symbol sounds, the signs for beginning and end included, in a unit of no matter; None: untold."""


class Voice:
    """One voice, loaded and warm.

    Args:
        path: the ONNX file; its description lies beside it under the same name with ``.json`` added.
        threads: that one piece is computed with.

    Raises:
        BadVoice: a file is missing or broken, or is no piper voice.
        MemoryError: it does not fit in memory.
    """

    def __init__(self, path: Path, threads: int) -> None:
        config = _config(Path(f"{path}.json"))
        self._session = _session(path, threads)
        _check_inputs(path, self._session, config)
        self._piper = PiperVoice(self._session, config)
        self.sample_rate = config.sample_rate
        self.language: str = config.espeak_voice
        by_number = {number: name for name, number in config.speaker_id_map.items()}
        self.speakers = (
            [by_number.get(i, str(i)) for i in range(config.num_speakers)] if config.num_speakers > 1 else []
        )
        self.length_scale = config.length_scale
        self.tells_lengths = len(self._session.get_outputs()) > 1
        self.alone = lru_cache(_WORDS_KEPT)(self._alone)
        self._gain = self._warm_up()

    def phonemes(self, text: str) -> list[list[str]]:
        """The phonemes of each sentence, those that the voice knows."""
        known = self._piper.config.phoneme_id_map
        # Between double brackets piper would take phonemes, and an ellipsis would put two words together.
        plain = text.replace("[[", "[ [").replace("…", ", ")
        return [[symbol for symbol in sentence if symbol in known] for sentence in self._piper.phonemize(plain)]

    def speak(self, symbols: Sequence[str], manner: Manner, options: onnxruntime.RunOptions | None = None) -> Spoken:
        """Speak one piece, in one run of the network.

        Args:
            symbols: of one sentence or a part of it.
            manner: see ``Manner``.
            options: with ``terminate`` set from another thread the run ends early, in an exception.

        Raises:
            MemoryError: it does not fit in memory.
            ValueError: the network cannot speak it.
        """
        audio, lengths = self._run(symbols, manner, options)
        gain = min(self._gain, _LOUDEST / max(float(np.abs(audio).max(initial=0)), 1e-9))
        return Spoken((audio * (gain * 32767)).astype(np.int16), lengths)

    def _run(
        self, symbols: Sequence[str], manner: Manner, options: onnxruntime.RunOptions | None
    ) -> tuple[NDArray[np.float32], list[float] | None]:
        config = self._piper.config
        ids = self._piper.phonemes_to_ids(list(symbols))
        scales = (
            _or(manner.noise_scale, config.noise_scale),
            _or(manner.length_scale, config.length_scale),
            _or(manner.noise_w_scale, config.noise_w_scale),
        )
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if config.num_speakers > 1:
            inputs[_SPEAKER_INPUT] = np.array([manner.speaker], np.int64)
        try:
            result = self._session.run(None, inputs, options)
        except Exception as error:  # onnxruntime has an exception type of its own for each way to fail
            raise _memory_or(ValueError, f"the voice cannot speak this: {_line(error)}", error) from error
        lengths = self._by_symbol(symbols, result[1].reshape(-1)) if len(result) > 1 else None
        return result[0].reshape(-1), lengths

    def _by_symbol(self, symbols: Sequence[str], by_id: NDArray[np.float32]) -> list[float] | None:
        """Put together what belongs to one symbol: its ids and the padding behind it."""
        known = self._piper.config.phoneme_id_map
        padding = len(known[PAD])
        counts = [len(known[symbol]) + padding for symbol in (BOS, *symbols)]
        if sum(counts) + len(known[EOS]) != len(by_id):
            return None
        starts = np.concatenate([[0], np.cumsum(counts)])
        return [float(length) for length in np.add.reduceat(by_id, starts)]

    def _alone(self, word: str) -> tuple[str, ...]:
        return tuple(symbol for sentence in self.phonemes(word) for symbol in sentence)

    def _warm_up(self) -> float:
        """Speak for the first time, which allots the memory; return what makes the voice as loud as others.

        Piper's own remedy makes the peak of every piece the same, however soft it should be.
        """
        audio, _ = self._run(self._alone(_WARM_UP), Manner(), None)
        peak = float(np.abs(audio).max(initial=0))
        return _PEAK / peak if peak > 1e-4 else 1.0


def _config(path: Path) -> PiperConfig:
    try:
        config = PiperConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise BadVoice(f"{path} is missing: it belongs to the voice, pull both together") from error
    except (OSError, ValueError) as error:
        raise BadVoice(f"{path} cannot be read, pull the voice anew: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise BadVoice(f"{path} is no description of a piper voice: {error!r}") from error
    if config.phoneme_type not in _KINDS:
        raise BadVoice(f"{path}: phonemes of type {config.phoneme_type.value} are not supported, espeak and text are")
    missing = [sign for sign in (BOS, EOS, PAD) if sign not in config.phoneme_id_map]
    if missing:
        raise BadVoice(f"{path} is no description of a piper voice: its phoneme_id_map has no {', '.join(missing)}")
    return config


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    # Pieces differ in length, and a plan of the memory for each length is kept for good.
    settings.enable_mem_pattern = False
    # Threads that wait for work by spinning would take a CPU from who talks meanwhile.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(_model(path), settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has an exception type of its own for each way to be a bad file
        message = f"{path} is no voice that onnxruntime can load (cut off? pull it anew): {_line(error)}"
        raise _memory_or(BadVoice, message, error) from error


def _model(path: Path) -> str | bytes:
    """The file, or its bytes with one more output where it does not tell how long phonemes sound but knows it."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            view = memoryview(mapped)
            try:
                outputs, lengths = len(outputs_of(view)), made_by(view, "Ceil")
            finally:
                view.release()
    except FileNotFoundError as error:
        raise BadVoice(f"{path} is missing") from error
    except (OSError, ValueError) as error:
        raise BadVoice(f"{path} is no whole ONNX file, pull it anew: {error}") from error
    # As piper's patch_voice_with_alignment finds it: lengths are rounded up to whole frames, and nothing else is.
    if outputs == 1 and len(lengths) == 1:
        return path.read_bytes() + one_more_output(lengths[0])
    return str(path)


def _check_inputs(path: Path, session: onnxruntime.InferenceSession, config: PiperConfig) -> None:
    wanted = _INPUTS | ({_SPEAKER_INPUT} if config.num_speakers > 1 else set())
    has = {given.name for given in session.get_inputs()}
    if has != wanted:
        raise BadVoice(
            f"{path} is no piper voice of {max(config.num_speakers, 1)} speakers: "
            f"its inputs are {', '.join(sorted(has))}, not {', '.join(sorted(wanted))}"
        )


def _memory_or(otherwise: type[Exception], message: str, error: Exception) -> Exception:
    """onnxruntime tells of full memory in the text of an error of no particular type."""
    text = str(error).lower()
    full = isinstance(error, MemoryError) or "bad_alloc" in text or "failed to allocate" in text
    return MemoryError(message) if full else otherwise(message)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
