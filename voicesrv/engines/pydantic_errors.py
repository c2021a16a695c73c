"""What went wrong at a provider, in our words.

Nothing that a provider wrote is repeated, and the original is not chained: its text may quote the
key, the conversation, or megabytes of somebody's error page, and tracebacks end up in logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic_ai import exceptions

from voicesrv.errors import EngineError, EngineUnavailable

# The first that fits counts, so the special stand before the general.
_FAULTS: tuple[tuple[type[Exception], type[EngineError | EngineUnavailable], str], ...] = (
    (TimeoutError, EngineUnavailable, "did not answer in time"),
    (exceptions.ModelTimeoutError, EngineUnavailable, "did not answer in time"),
    (exceptions.ModelConnectionError, EngineUnavailable, "cannot be reached, or the connection was lost"),
    (exceptions.ModelAuthenticationError, EngineUnavailable, "is refused to us: the key is wrong or lacks the right"),
    (exceptions.ModelNotFoundError, EngineUnavailable, "is not known to its provider"),
    (exceptions.ModelQuotaExceededError, EngineUnavailable, "is refused to us: the account's quota is used up"),
    (exceptions.ModelRateLimitError, EngineUnavailable, "is refused to us: too many requests"),
    (exceptions.ModelUnavailableError, EngineUnavailable, "is overloaded or down"),
    (exceptions.ModelServerError, EngineUnavailable, "failed at its provider's"),
    (exceptions.ModelContextWindowExceededError, EngineError, "cannot take a conversation this long"),
    (exceptions.ModelRequestRejectedError, EngineError, "refused the request"),
    (exceptions.ContentFilterError, EngineError, "was stopped by its provider's filter"),
    (exceptions.UserError, EngineError, "cannot be asked this"),
    (exceptions.ModelAPIError, EngineUnavailable, "failed"),
)


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn whatever a provider's client raises into ``EngineUnavailable`` or ``EngineError``.

    Put nothing but calls into pydantic-ai inside: each of a dozen clients raises exceptions of its
    own, down to a JSON decoder's, so all are caught.
    """
    try:
        yield
    except Exception as error:
        raise _ours(name, error) from None


def _ours(name: str, error: Exception) -> EngineError | EngineUnavailable:
    kind, text = next(
        ((kind, text) for of, kind, text in _FAULTS if isinstance(error, of)),
        (EngineUnavailable, f"gave an answer that cannot be read ({type(error).__name__})"),
    )
    status = f" (HTTP {error.status_code})" if isinstance(error, exceptions.ModelHTTPError) else ""
    return kind(f"language model {name!r} {text}{status}")
