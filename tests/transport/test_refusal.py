from __future__ import annotations

import json

import pytest

from voicesrv.errors import ClientError, Code
from voicesrv.transport.refusal import raw_refusal, refusal, status_of


def test_a_refusal_has_the_one_shape() -> None:
    answer = refusal(ClientError(Code.RATE_LIMITED, "slow down", retry_after_ms=1), headers={"x-more": "yes"})
    assert answer.status_code == 429
    assert json.loads(bytes(answer.body)) == {
        "type": "error",
        "code": "rate_limited",
        "message": "slow down",
        "fatal": True,
        "retry_after_ms": 1,
    }
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-more"] == "yes"


def test_a_raw_refusal_is_http() -> None:
    head, _, body = raw_refusal(ClientError(Code.UNAUTHORIZED, "Grüße"), 401).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 401 Unauthorized"
    assert f"content-length: {len(body)}" in lines
    assert "connection: close" in lines
    assert "www-authenticate: Bearer" in lines
    assert json.loads(body)["message"] == "Grüße"


@pytest.mark.parametrize(
    ("code", "status"),
    [(Code.NOT_FOUND, 404), (Code.ORIGIN_NOT_ALLOWED, 403), (Code.OVERLOADED, 503), (Code.SUPERSEDED, 400)],
)
def test_statuses(code: Code, status: int) -> None:
    assert status_of(ClientError(code, "")) == status
