"""Which values an ONNX file gives out, and how to have it give out one more. Pure.

Published piper voices compute how long each phoneme sounds, but do not give it out. Piper's own remedy rewrites the
file with the ``onnx`` package; here the list of outputs is lengthened behind the file's end, which takes no package:
where a message stands twice in a protocol buffer the two are merged, and their lists are put together
(https://protobuf.dev/programming-guides/encoding/#last-one-wins).

The field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_OUTPUT = 1, 12
_NODE_OUTPUT, _NODE_KIND = 2, 4
_VALUE_NAME = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def outputs_of(model: memoryview) -> list[str]:
    """The names of what the model gives out, in order.

    Raises:
        ValueError: the bytes are no protocol buffer, or end too early.
    """
    return [
        _text(value, _VALUE_NAME) for graph in _parts(model, _MODEL_GRAPH) for value in _parts(graph, _GRAPH_OUTPUT)
    ]


def made_by(model: memoryview, kind: str) -> list[str]:
    """The names of what the graph's nodes of one kind make, such as ``Ceil``.

    Raises:
        ValueError: the bytes are no protocol buffer, or end too early.
    """
    return [
        bytes(name).decode("utf-8", "replace")
        for graph in _parts(model, _MODEL_GRAPH)
        for node in _parts(graph, _GRAPH_NODE)
        if _text(node, _NODE_KIND) == kind
        for name in _parts(node, _NODE_OUTPUT)
    ]


def one_more_output(name: str) -> bytes:
    """What to put behind a model's bytes, so that it also gives out the value called ``name``, after the others."""
    return _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, _field(_VALUE_NAME, name.encode())))


def _text(message: memoryview, number: int) -> str:
    return "".join(bytes(part).decode("utf-8", "replace") for part in _parts(message, number))


def _parts(message: memoryview, number: int) -> Iterator[memoryview]:
    """The contents of each field with a number that holds bytes; what is in others is passed over."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        length = 0
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _BYTES:
            length, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no protocol buffer: field type {kind} at byte {at}")
        if at + length > len(message):
            raise ValueError("the protocol buffer ends too early")
        if kind == _BYTES and tag >> 3 == number:
            yield message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("the protocol buffer ends too early")


def _field(number: int, content: bytes) -> bytes:
    return _encoded(number << 3 | _BYTES) + _encoded(len(content)) + content


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
