"""The bytes between a worker process and its pool: length-prefixed frames on a pipe.

::

    header   length of the payload (uint32), kind (uint8), stream (uint32); little-endian, 9 bytes
    payload  samples as linear16, a JSON object, or nothing

Streams are numbered by the pool; stream 0 is the worker itself.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_PAYLOAD = 1 << 20
"""Bytes in one payload. Both ends are ours, so more than this is a fault and not a need."""

WINDOW_BYTES = 1 << 17
"""Samples that may be under way to a worker and not yet worked off, for a stream: 4 s at 16 kHz. With it the pipe never
fills, and a cancel never waits behind more than the streams' windows."""
CREDIT_BYTES = WINDOW_BYTES // 2
"""After so much work a child says so; less often than every message, to save wake-ups."""
BLOCK_BYTES = 1 << 14
"""The longest block of samples in a frame to a worker: half a second at 16 kHz."""

_HEADER = struct.Struct("<IBI")


class Kind(enum.IntEnum):
    """What a frame is; payload in brackets."""

    HELLO = 1
    """Child: it is warm [JSON: ``slots``, how many streams it takes at once, and what the engine has to tell]."""
    OPEN = 2
    """Parent: begin a stream [JSON: what is asked for]."""
    PCM = 3
    """Either: samples [linear16]."""
    EVENT = 4
    """Either: something about the stream [JSON]."""
    END = 5
    """Either: nothing more follows on this stream; the child's ends it."""
    CANCEL = 6
    """Parent: drop the stream; the child sends no more of it."""
    FAIL = 7
    """Child: the stream failed, and is ended by it [JSON: ``message``]."""
    CREDIT = 8
    """Child: so many bytes of samples are worked off [JSON: ``bytes``]."""
    PING = 9
    """Parent: are you there? Sent on stream 0."""
    PONG = 10
    """Child: yes, between two pieces of work."""


class FrameError(Exception):
    """The bytes are no frames; the other end is broken."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    kind: Kind
    stream: int
    payload: bytes = b""

    def json(self) -> dict[str, Any]:
        """The payload as an object.

        Raises:
            FrameError: it is not one.
        """
        try:
            value = json.loads(self.payload)
        except (ValueError, RecursionError) as error:
            raise FrameError(f"{self.kind.name} carries no JSON") from error
        if not isinstance(value, dict):
            raise FrameError(f"{self.kind.name} carries no JSON object")
        return value


def encode(kind: Kind, stream: int, payload: bytes | Mapping[str, Any] = b"") -> bytes:
    """Write one frame; a mapping becomes JSON.

    Raises:
        FrameError: the payload is over ``MAX_PAYLOAD``.
    """
    data = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
    if len(data) > MAX_PAYLOAD:
        raise FrameError(f"a payload of {len(data)} bytes is over {MAX_PAYLOAD}")
    return _HEADER.pack(len(data), kind, stream) + data


class FrameReader:
    """Cuts bytes as they arrive into frames. It never holds more than one unfinished frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes, split anywhere; return the frames that are whole.

        Raises:
            FrameError: an unknown kind, or a payload over ``MAX_PAYLOAD``; the reader is of no more use.
        """
        self._buffer += data
        frames: list[Frame] = []
        at = 0
        while len(self._buffer) - at >= _HEADER.size:
            length, kind, stream = _HEADER.unpack_from(self._buffer, at)
            if length > MAX_PAYLOAD or kind not in _KINDS:
                raise FrameError(f"kind {kind} with {length} bytes is no frame")
            end = at + _HEADER.size + length
            if end > len(self._buffer):
                break
            frames.append(Frame(Kind(kind), stream, bytes(self._buffer[at + _HEADER.size : end])))
            at = end
        del self._buffer[:at]
        return frames


_KINDS = frozenset(Kind)
