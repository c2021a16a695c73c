from __future__ import annotations

import json

import pytest
from pydantic_ai import exceptions

from voicesrv.engines.pydantic_errors import translated
from voicesrv.errors import EngineError, EngineUnavailable

SECRET = "sk-canary"


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (TimeoutError(SECRET), EngineUnavailable, "did not answer in time"),
        (exceptions.ModelConnectionError("m", SECRET), EngineUnavailable, "connection was lost"),
        (exceptions.ModelTimeoutError("m", SECRET), EngineUnavailable, "did not answer in time"),
        (exceptions.ModelRateLimitError("m", SECRET), EngineUnavailable, "too many requests"),
        (exceptions.ModelQuotaExceededError("m", SECRET), EngineUnavailable, "quota"),
        (exceptions.ModelOverloadedError("m", SECRET), EngineUnavailable, "overloaded"),
        (exceptions.ModelAuthenticationError("m", SECRET), EngineUnavailable, "key"),
        (exceptions.ModelNotFoundError("m", SECRET), EngineUnavailable, "not known"),
        (exceptions.ModelContextWindowExceededError("m", SECRET), EngineError, "this long"),
        (exceptions.ModelRequestRejectedError("m", SECRET), EngineError, "refused the request"),
        (exceptions.ContentFilterError(SECRET), EngineError, "filter"),
        (exceptions.ModelHTTPError(418, "m", SECRET), EngineUnavailable, r"failed \(HTTP 418\)"),
        (exceptions.UnexpectedModelBehavior(SECRET), EngineUnavailable, "cannot be read"),
        (json.JSONDecodeError(SECRET, SECRET, 0), EngineUnavailable, r"cannot be read \(JSONDecodeError\)"),
    ],
)
def test_every_fault_has_our_words(error: Exception, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=f"language model 'x:y' .*{text}") as caught, translated("x:y"):
        raise error
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_is_no_fault_passes() -> None:
    with pytest.raises(GeneratorExit), translated("x:y"):
        raise GeneratorExit
    with translated("x:y"):
        pass
