"""The exception tree, cut by what the catcher can do."""

from __future__ import annotations

import pytest

from voicesrv import errors
from voicesrv.errors import ClientError, Code, ConfigError, EngineError, EngineUnavailable, VoicesrvError


def test_who_catches_one_kind_catches_no_other() -> None:
    kinds = (ClientError, EngineUnavailable, EngineError, ConfigError)
    for kind in kinds:
        assert kind.__bases__ == (VoicesrvError,)
    defined = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)}
    assert defined == {VoicesrvError, *kinds}


def test_a_clients_fault_says_what_and_when_to_try_again() -> None:
    error = ClientError(Code.RATE_LIMITED, "slower, please", retry_after_ms=50)
    assert (error.code, error.message, error.retry_after_ms, str(error)) == (
        Code.RATE_LIMITED,
        "slower, please",
        50,
        "slower, please",
    )
    assert ClientError(Code.IDLE, "x").retry_after_ms is None


@pytest.mark.parametrize("code", Code)
def test_codes_are_words_for_the_wire(code: Code) -> None:
    assert code.value == code.name.lower() == f"{code}"
