"""Silero v6 voice activity detection on onnxruntime."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from voicesrv.engines.base import Samples
from voicesrv.errors import EngineUnavailable

_FRAME = 512
_CONTEXT = 64
"""Samples before each frame that the network sees again."""
_STATE_SHAPE = (1, 1, 128)


@dataclass(frozen=True, slots=True)
class SileroVadOptions:
    """How the detector runs."""

    threads: int = 1
    """Of one inference, which takes 0.1 ms: more would cost more than they gain."""


class SileroVad:
    """A small recurrent network; it tells speech from noise and music, in any language.

    Args:
        model: path of the ONNX file; empty for the one inside the faster-whisper package.
        options: see ``SileroVadOptions``.
    """

    name = "silero"
    frame_samples = _FRAME
    Options = SileroVadOptions

    def __init__(self, model: str = "", options: SileroVadOptions = SileroVadOptions()) -> None:
        self._path = model
        self._options = options
        self._session: Any = None

    async def __aenter__(self) -> Self:
        """Load the model and run it once, in a thread; 50 ms.

        Raises:
            EngineUnavailable: no such file, or not this network.
        """
        self._session = await asyncio.to_thread(self._load)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session = None

    def room(self) -> int | None:
        return None

    def open(self) -> SileroVadStream:
        """Start on a new stream. The session is shared; only the network's state is the stream's own."""
        return SileroVadStream(self._session)

    def _load(self) -> Any:
        path = Path(self._path) if self._path else _packaged_model()
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self._options.threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
            SileroVadStream(session).process(np.zeros((1, _FRAME), np.int16))
        except Exception as error:  # onnxruntime has an exception type of its own for each way to be a bad file
            raise EngineUnavailable(f"{path} cannot be used as a Silero v6 model: {error}") from error
        return session


class SileroVadStream:
    """The network's state for one stream: 1.3 KB."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._context = np.zeros(_CONTEXT, np.float32)
        self._h = np.zeros(_STATE_SHAPE, np.float32)
        self._c = np.zeros(_STATE_SHAPE, np.float32)

    def process(self, frames: Samples) -> NDArray[np.float32]:
        """Probability of speech for each of ``frames``, shape ``(n_frames, 512)``.

        The graph runs over a sequence of frames and carries its state from one to the next, so a
        message costs one call, with the same results as frame by frame. Measured on an idle
        core: 128 µs for one frame, 185 for two, 363 for four, 62 for each of fifty.
        """
        if not len(frames):
            return np.zeros(0, np.float32)
        inputs = np.empty((len(frames), _CONTEXT + _FRAME), np.float32)
        np.multiply(frames, np.float32(1 / 32_768), out=inputs[:, _CONTEXT:])
        inputs[0, :_CONTEXT] = self._context
        inputs[1:, :_CONTEXT] = inputs[:-1, -_CONTEXT:]
        self._context = inputs[-1, -_CONTEXT:].copy()
        probabilities: NDArray[np.float32]
        probabilities, self._h, self._c = self._session.run(
            ("speech_probs", "hn", "cn"), {"input": inputs, "h": self._h, "c": self._c}
        )
        return probabilities


def _packaged_model() -> Path:
    """The file inside faster-whisper, found without importing it: that would load CTranslate2."""
    spec = find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        raise EngineUnavailable("the Silero model comes with faster-whisper; run: pip install faster-whisper")
    return Path(spec.origin).parent / "assets" / "silero_vad_v6.onnx"
