"""The one exception tree, cut by what the catcher can do about it.

::

    VoicesrvError
    ├── ClientError        the peer did something it can put right: tell it, go on or close
    ├── EngineUnavailable  not loaded, busy or unreachable: try another engine
    ├── EngineError        this piece of work failed: the turn or reply fails, the session lives
    └── ConfigError        refuse to start, naming the setting
"""

from __future__ import annotations

import enum


class Code(enum.StrEnum):
    """What went wrong, in the words of ``docs/protocol.md``; every dialect translates from these."""

    BAD_PARAMETER = "bad_parameter"
    BAD_MESSAGE = "bad_message"
    UNKNOWN_MESSAGE = "unknown_message"
    CONTAINER_IN_PCM = "container_in_pcm"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    TEXT_TOO_LONG = "text_too_long"
    NOTHING_TO_SPEAK = "nothing_to_speak"
    AUDIO_TOO_FAST = "audio_too_fast"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_ERRORS = "too_many_errors"
    OVERLOADED = "overloaded"
    IDLE = "idle"
    SLOW_CONSUMER = "slow_consumer"
    SUPERSEDED = "superseded"
    STATE_LOST = "state_lost"
    ENGINE_FAILED = "engine_failed"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL = "internal"


class VoicesrvError(Exception):
    """Root of everything this package raises on purpose."""


class ClientError(VoicesrvError):
    """The peer's fault, or a state of ours that the peer must know of.

    Attributes:
        code: what kind of fault; the wire codec knows its HTTP status and close code.
        message: one sentence that names the field, its value and what is allowed.
        retry_after_ms: when trying again may help; None where waiting changes nothing.
    """

    def __init__(self, code: Code, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms


class EngineUnavailable(VoicesrvError):
    """An engine is not installed, not loaded, busy or unreachable; another may be tried."""


class EngineError(VoicesrvError):
    """An engine failed at a piece of work that another engine would be given in vain."""


class ConfigError(VoicesrvError):
    """A setting makes no sense; the message names the setting, its value and what is allowed."""
