"""JSON from strangers, made safe once, here, for every dialect and endpoint."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from voicesrv.errors import ClientError, Code

MAX_DEPTH = 32


def parse_object(text: str) -> dict[str, Any]:
    """Parse one JSON object.

    What ``json.loads`` lets through and later code trips over is refused: ``NaN`` and infinities,
    numbers that overflow to one, deep nesting (a ``RecursionError``), lone surrogates and NUL
    (they cannot be encoded, logged or stored).

    Raises:
        ClientError: ``bad_message``, saying what is wrong.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise _bad(f"nested deeper than {MAX_DEPTH}") from None
    except ValueError as error:
        # JSONDecodeError tells where; a number of over 4300 digits is a plain ValueError
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise _bad(f"not JSON{where}") from None
    if not isinstance(value, dict):
        raise _bad(f"a JSON {_KIND.get(type(value), 'value')}, not an object")
    # Only an escape can spell NUL or a lone surrogate, and only many brackets can be deep.
    if "\\u" in text or text.count("{") + text.count("[") > MAX_DEPTH:
        _check(value, MAX_DEPTH)
    return value


def dump(value: object) -> str:
    """Write JSON as sent on the wire: compact, UTF-8; half of a pair of surrogates becomes U+FFFD.

    Raises:
        ValueError: a number is not finite.
    """
    text = _ENCODER.encode(value)
    return text if text.isascii() or _encodable(text) else _SURROGATES.sub("\ufffd", text)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_KIND = {list: "array", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if "\0" in value or not _encodable(value):
            raise _bad("text with NUL or a lone surrogate")
    elif isinstance(value, dict | list):
        if depth == 0:
            raise _bad(f"nested deeper than {MAX_DEPTH}")
        if isinstance(value, dict):
            for key, entry in value.items():
                _check(key, depth)
                _check(entry, depth - 1)
        else:
            for entry in value:
                _check(entry, depth - 1)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_constant(name: str) -> NoReturn:
    raise _bad(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _bad(f"number out of range: {text[:32]}")
    return number


def _bad(what: str) -> ClientError:
    return ClientError(Code.BAD_MESSAGE, f"a message is one JSON object; this is {what}")
