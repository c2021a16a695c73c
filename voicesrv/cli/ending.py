"""How a command that holds a conversation ends: never with a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import typer

from voicesrv.errors import ConfigError, VoicesrvError
from voicesrv_client import Untrusted, VoiceClientError

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
    except Exception as error:
        fault = first(error)
        if isinstance(fault, Untrusted):
            raise ConfigError(f"{fault}; name it with --ca FILE, or trust any with --insecure") from error
        if isinstance(fault, VoiceClientError):
            raise VoicesrvError(str(fault)) from error
        raise fault from None


def first(error: BaseException) -> BaseException:
    """The fault that began it; the others of its group come of its having stopped them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
