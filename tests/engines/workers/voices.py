"""The micro voice, and what else voices can be like, made from it."""

from __future__ import annotations

import shutil
from pathlib import Path

MICRO = Path(__file__).parents[3] / "models" / "micro-voice" / "en_US-micro-low.onnx"


def untold(folder: Path) -> Path:
    """The micro voice as published ones are: it computes how long phonemes sound, and does not give it out."""
    return _copied(folder, "untold", _without_second_output(MICRO.read_bytes()))


def unknowing(folder: Path) -> Path:
    """The micro voice without the operation that tells where those lengths are."""
    plain = _without_second_output(MICRO.read_bytes())
    assert plain.count(b"\x22\x04Ceil") == 1  # field 4 of a node, its kind
    return _copied(folder, "unknowing", plain.replace(b"\x22\x04Ceil", b"\x22\x04Relu"))  # of whole numbers: the same


def _copied(folder: Path, name: str, model: bytes) -> Path:
    path = folder / f"{name}.onnx"
    path.write_bytes(model)
    shutil.copy(f"{MICRO}.json", f"{path}.json")
    return path


def _without_second_output(model: bytes) -> bytes:
    """Leave the last entry of the graph's list of outputs out: it is the last field of the graph."""
    start, at = _field(model, 7)
    graph = model[start : start + at]
    last = graph.rindex(b"\x62", 0, graph.rindex(b"durations"))  # field 12
    shorter = graph[:last]
    head = model[: start - _size(at)]
    return head + _varint(len(shorter)) + shorter + model[start + at :]


def _field(message: bytes, number: int) -> tuple[int, int]:
    """Where the content of a field of bytes begins, and how long it is."""
    at = 0
    while True:
        tag, at = _read(message, at)
        value, at = _read(message, at)  # the fields before the graph hold numbers or short texts
        if tag == number << 3 | 2:
            return at, value
        at += value if tag & 7 == 2 else 0


def _read(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        shift += 7
        at += 1
        if message[at - 1] < 0x80:
            return value, at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _size(value: int) -> int:
    return len(_varint(value))
