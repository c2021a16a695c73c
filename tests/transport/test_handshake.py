from __future__ import annotations

import json

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from voicesrv.transport.handshake import Handshake

GOOD = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def test_a_good_request_is_accepted_without_extensions() -> None:
    request = Request("/", Headers({**GOOD, "Sec-WebSocket-Extensions": "permessage-deflate"}))
    response = Handshake(1000).accept(request)
    assert response.status_code == 101
    assert "Sec-WebSocket-Extensions" not in response.headers


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Version": ""}, 426),
        ({"Upgrade": "h2c"}, 426),
    ],
)
def test_a_bad_one_is_told_what_is_wrong_in_our_shape(changed: dict[str, str], status: int) -> None:
    response = Handshake(1000).accept(Request("/", Headers({**GOOD, **changed})))
    assert response.status_code == status
    body = json.loads(bytes(response.body or b""))
    assert body["type"] == "error"
    assert next(iter(changed)) in body["message"]
    assert response.headers["Content-Length"] == str(len(response.body or b""))
    if "Sec-WebSocket-Version" in changed:
        assert response.headers["Sec-WebSocket-Version"] == "13"
