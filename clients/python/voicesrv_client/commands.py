"""Commands in words, as one text message each. Pure; the twin of ``encodeCommand`` in clients/web/src/protocol.ts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def encode(command: Mapping[str, Any]) -> str:
    """Put a command into words. Halves of surrogate pairs, which no message can carry, become U+FFFD.

    Raises:
        TypeError: a field, which is named, is no JSON.
        ValueError: a field, which is named, has NaN or infinity in it, itself, or too many levels.
    """
    fields = (f"{json.dumps(name)}: {_value(name, value)}" for name, value in command.items())
    return "{" + ", ".join(fields) + "}"


def _value(name: str, value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise ValueError(f"{name}: nested too deep") from None
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
