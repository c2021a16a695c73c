"""What a client may set on its connection: names, defaults, units and what is allowed.

The names are those of ``docs/protocol.md``; every dialect sets the same options. Values come from a query
string (text) or from JSON (typed); ``changed`` takes both and says of a bad one which field it is,
its value, and what is allowed.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from voicesrv.errors import ClientError, Code
from voicesrv.events import Tool

MODES = ("converse", "listen", "speak")
INPUT_ENCODINGS = ("linear16", "mulaw", "alaw", "float32")
OUTPUT_ENCODINGS = ("linear16", "mulaw", "alaw")
OUTPUT_SAMPLE_RATES = (8000, 16000, 22050, 24000, 44100, 48000)
MAX_INSTRUCTIONS = 32_000
"""Characters of ``instructions`` in one ``configure``."""
MAX_TOOLS = 64
MAX_KEYTERMS = 100
MAX_KEYTERM = 64
"""Characters of one of ``keyterms``."""


@dataclass(frozen=True, slots=True)
class Options:
    """The settings of one connection, all in force."""

    mode: str = "converse"
    """``converse``, ``listen`` (transcripts only) or ``speak`` (text in, audio out)."""
    encoding: str = "linear16"
    """Of the input audio."""
    sample_rate: int = 16000
    """Of the input audio, 8000 to 48000 Hz."""
    channels: int = 1
    """Of the input audio; 2 are mixed down."""
    output_encoding: str = "linear16"
    output_sample_rate: int = 24000
    agent: str = "default"
    language: str = "en"
    """BCP-47 tag, or ``auto``."""
    keyterms: tuple[str, ...] = ()
    """Names and terms that may be said, for recognisers that take them."""
    stt: str = "auto"
    llm: str = "auto"
    tts: str = "auto"
    voice: str = ""
    """Empty: the agent's, else the engine's own choice."""
    interim: bool = True
    endpointing_ms: int = 300
    """Silence that ends a turn; 0 leaves it to ``finalize``."""
    endpointing_max_ms: int = 1500
    """Silence that ends a turn whose words are plainly unfinished. Where it is no more than ``endpointing_ms`` there is
    one wait whatever is said, and so for a client that names ``endpointing_ms`` alone."""
    eager_ms: int = 0
    """Silence after which a reply is prepared; 0 never does."""
    interrupt: bool = True
    """Whether speech stops the agent's reply."""
    words: bool = False
    visemes: bool = False
    instructions: str = ""
    """Added to the agent's own."""
    tools: tuple[Tool, ...] = ()

    def public(self) -> dict[str, Any]:
        """All settings as JSON values, as ``ready`` and ``configured`` show them."""
        shown = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        shown["tools"] = [
            {"name": t.name, "description": t.description, "parameters": dict(t.parameters)} for t in self.tools
        ]
        shown["keyterms"] = list(self.keyterms)
        return shown


def changed(options: Options, changes: Mapping[str, Any], defaults: Options | None = None) -> Options:
    """Return ``options`` with ``changes`` applied; keys that are no option are ignored.

    Args:
        options: what was in force.
        changes: values as a client writes them.
        defaults: what a value of None stands for; without them there is no such value.

    Raises:
        ClientError: ``bad_parameter``, naming the field, its value and what is allowed.
    """
    reset = {name for name in _CHECKS if defaults is not None and name in changes and changes[name] is None}
    known = {n: check(n, changes[n]) for n, check in _CHECKS.items() if n in changes and n not in reset}
    if "endpointing_ms" in known and "endpointing_max_ms" not in changes:
        known["endpointing_max_ms"] = 0  # who names one wait means that one
    if "endpointing_ms" in reset and "endpointing_max_ms" not in changes:
        reset.add("endpointing_max_ms")
    return dataclasses.replace(options, **known, **{name: getattr(defaults, name) for name in reset})


def names() -> tuple[str, ...]:
    """The options a client may set, in the order of the documentation."""
    return tuple(_CHECKS)


def bad_parameter(name: str, value: object, allowed: str) -> ClientError:
    """The one form in which a bad value is refused."""
    shown = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    if len(shown) > 64:
        shown = shown[:61] + "..."
    return ClientError(Code.BAD_PARAMETER, f"{name}: {shown} is {allowed}")


def to_int(name: str, value: Any, low: int, high: int) -> int:
    """Take an integer, or text that spells one, within ``low``–``high``."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_parameter(name, value, f"not a whole number; allowed are {low}–{high}")
    if not low <= value <= high:
        raise bad_parameter(name, value, f"outside {low}–{high}")
    return value


Check = Callable[[str, Any], Any]


def _integer(low: int, high: int) -> Check:
    return lambda name, value: to_int(name, value, low, high)


def _silence(name: str, value: Any) -> int:
    # Under 30 ms one window of the detector would decide; over 10 s nobody waits.
    number = to_int(name, value, 0, 10_000)
    if 0 < number < 30:
        raise bad_parameter(name, number, "too short; allowed are 0 (off) and 30–10000")
    return number


def _one_of(*allowed: str) -> Check:
    def check(name: str, value: Any) -> str:
        if value not in allowed:
            raise bad_parameter(name, value, f"not one of {', '.join(allowed)}")
        return str(value)

    return check


def _one_of_numbers(*allowed: int) -> Check:
    def check(name: str, value: Any) -> int:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else value
        if isinstance(number, bool) or not isinstance(number, int) or number not in allowed:
            raise bad_parameter(name, value, f"not one of {', '.join(map(str, allowed))}")
        return number

    return check


def _boolean(name: str, value: Any) -> bool:
    if value in ("true", "1") or value is True:
        return True
    if value in ("false", "0") or value is False:
        return False
    raise bad_parameter(name, value, "not one of true, false")


def _matching(pattern: str, allowed: str) -> Check:
    regex = re.compile(pattern)

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or not regex.fullmatch(value):
            raise bad_parameter(name, value, f"not {allowed}")
        return value

    return check


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise bad_parameter(name, value, "not text")
    if len(value) > MAX_INSTRUCTIONS:
        message = f"{name}: {len(value)} characters are over the {MAX_INSTRUCTIONS} allowed"
        raise ClientError(Code.BAD_PARAMETER, message)
    return value


def _keyterms(name: str, value: Any) -> tuple[str, ...]:
    """Take a list, or text in which commas part the terms, as a query string has it."""
    terms = value.split(",") if isinstance(value, str) else value
    if not isinstance(terms, list | tuple) or len(terms) > MAX_KEYTERMS:
        raise bad_parameter(name, value, f"not a list of at most {MAX_KEYTERMS} terms")
    for i, term in enumerate(terms):
        # What is no letter of any script could end a recogniser's prompt, or the line of a log.
        if not isinstance(term, str) or len(term) > MAX_KEYTERM or not term.isprintable():
            raise bad_parameter(f"{name}[{i}]", term, f"not text of at most {MAX_KEYTERM} characters on one line")
    return tuple(term.strip() for term in terms if term.strip())


def _tools(name: str, value: Any) -> tuple[Tool, ...]:
    if not isinstance(value, list) or len(value) > MAX_TOOLS:
        raise bad_parameter(name, value, f"not a list of at most {MAX_TOOLS} functions")
    return tuple(_tool(f"{name}[{i}]", entry) for i, entry in enumerate(value))


_TOOL_NAME = _matching(r"[A-Za-z0-9_-]{1,64}", "a name of 1–64 letters, digits, _ or -")


def _tool(name: str, entry: Any) -> Tool:
    if not isinstance(entry, dict):
        raise bad_parameter(name, entry, "not an object with name, description and parameters")
    # OpenAI nests the same three keys under "function"; clients paste both forms.
    function = entry.get("function", entry)
    if not isinstance(function, dict):
        raise bad_parameter(f"{name}.function", function, "not an object")
    parameters = function.get("parameters", {"type": "object", "properties": {}})
    if not isinstance(parameters, dict) or parameters.get("type", "object") != "object":
        raise bad_parameter(f"{name}.parameters", parameters, "not a JSON schema of type object")
    description = function.get("description", "")
    return Tool(
        name=_TOOL_NAME(f"{name}.name", function.get("name")),
        description=_text(f"{name}.description", description),
        parameters=parameters,
    )


_NAME = r"[A-Za-z0-9][A-Za-z0-9_.:/+@-]{0,127}"
_name = _matching(_NAME, "a name of 1–128 letters, digits or _.:/+@-")
_CHECKS: Mapping[str, Check] = {
    "mode": _one_of(*MODES),
    "encoding": _one_of(*INPUT_ENCODINGS),
    "sample_rate": _integer(8000, 48000),
    "channels": _integer(1, 2),
    "output_encoding": _one_of(*OUTPUT_ENCODINGS),
    "output_sample_rate": _one_of_numbers(*OUTPUT_SAMPLE_RATES),
    "agent": _matching(r"[A-Za-z0-9_-]{1,64}", "a name of 1–64 letters, digits, _ or -"),
    "language": _matching(r"auto|[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", "a BCP-47 tag such as en or pt-BR, or auto"),
    "keyterms": _keyterms,
    "stt": _name,
    "llm": _name,
    "tts": _name,
    "voice": _matching(rf"({_NAME})?", "a name of 1–128 letters, digits or _.:/+@-"),
    "interim": _boolean,
    "endpointing_ms": _silence,
    "endpointing_max_ms": _silence,
    "eager_ms": _silence,
    "interrupt": _boolean,
    "words": _boolean,
    "visemes": _boolean,
    "instructions": _text,
    "tools": _tools,
}
