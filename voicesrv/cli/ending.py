"""How commands that hold a conversation end: never with a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import typer

from voicesrv.client import VoiceClientError
from voicesrv.errors import ConfigError, VoicesrvError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the number of SIGINT."""


def run(conversation: Coroutine[Any, Any, None]) -> None:
    """Run a conversation to its end.

    Raises:
        VoicesrvError: what went wrong, in one sentence.
        typer.Exit: after Ctrl-C.
    """
    try:
        asyncio.run(conversation)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except VoicesrvError:
        raise
    except VoiceClientError as error:
        raise VoicesrvError(str(error)) from error
    except BaseExceptionGroup as group:
        raise _explained(first(group)) from None


def first(error: BaseException) -> BaseException:
    """The fault that began it; the others of its group come of its having stopped them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _explained(fault: BaseException) -> BaseException:
    return VoicesrvError(str(fault)) if isinstance(fault, VoiceClientError) else fault


def checked_url(error: ValueError) -> ConfigError:
    """An address or option that cannot be right."""
    return ConfigError(str(error))
