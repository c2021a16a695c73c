from __future__ import annotations

import logging
from typing import Any

import pytest

from voicesrv.errors import ClientError, Code, ConfigError
from voicesrv.transport import auth
from voicesrv.transport.auth import Access, AccessOptions
from voicesrv.transport.keys import ALL_SCOPES, LOCAL, Identity

KEY = "alices-own-key"
ALICE = Identity("alice")
OPEN: dict[str, Any] = {"api_keys": (), "open_access": True}


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def access(host: str = "127.0.0.1", clock: Clock | None = None, **options: Any) -> Access:
    return Access(AccessOptions(**{"api_keys": (f"alice:{KEY}",), **options}), host, clock or Clock())


def scope(
    *headers: tuple[str, str], query: str = "", client: str = "192.0.2.7", kind: str = "websocket"
) -> dict[str, Any]:
    given = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    if not any(name == b"host" for name, _ in given):
        given.append((b"host", b"localhost:8000"))
    return {
        "type": kind,
        "path": "/ws",
        "query_string": query.encode(),
        "headers": given,
        "client": (client, 5000),
        "server": ("127.0.0.1", 8000),
    }


def refused(gate: Access, asked: dict[str, Any]) -> ClientError:
    with pytest.raises(ClientError) as caught:
        gate.admit(asked)
    return caught.value


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([("Authorization", f"Bearer {KEY}")], ""),
        ([("Authorization", f"bearer  {KEY} ")], ""),
        ([], f"mode=listen&token={KEY}"),
        ([("Sec-WebSocket-Protocol", f"voicesrv.v1, token.{KEY}")], ""),
        ([("Sec-WebSocket-Protocol", "voicesrv.v1"), ("Sec-WebSocket-Protocol", f"token.{KEY}")], ""),
        ([("Authorization", "Basic bm90OnRoaXM="), ("Sec-WebSocket-Protocol", f"token.{KEY}")], ""),
    ],
)
def test_a_key_may_come_in_three_places(headers: list[tuple[str, str]], query: str) -> None:
    assert access().admit(scope(*headers, query=query)) == ALICE


@pytest.mark.parametrize(("headers", "query"), [([], ""), ([("Authorization", KEY)], ""), ([], f"key={KEY}")])
def test_no_key_is_told_where_to_put_one(headers: list[tuple[str, str]], query: str) -> None:
    error = refused(access(), scope(*headers, query=query))
    assert error.code is Code.UNAUTHORIZED
    assert "Bearer" in error.message


@pytest.mark.parametrize(
    "shown", ["", "wrong", KEY[:-1], KEY + "x", KEY.upper(), "x" * 6000, "cl\xe9", "vst_", "vst_a.b"]
)
def test_a_wrong_key_is_refused_and_not_repeated(shown: str) -> None:
    error = refused(access(), scope(("Authorization", f"Bearer {shown}")))
    assert error.code is Code.UNAUTHORIZED
    assert len(shown) < 3 or shown not in error.message


def test_without_keys_everybody_is_local() -> None:
    assert access(api_keys=()).admit(scope()) == LOCAL
    assert access(api_keys=()).admit(scope(("Authorization", "Bearer whatever"))) == LOCAL


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "nas.local"])
def test_an_address_that_others_reach_needs_keys_or_consent(host: str) -> None:
    with pytest.raises(ConfigError, match=r"host: .* set api_keys"):
        access(host, api_keys=())
    assert access(host, api_keys=(), open_access=True).admit(scope()) == LOCAL
    assert access(host).admit(scope(query=f"token={KEY}")) == ALICE


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_address_needs_none(host: str) -> None:
    assert access(host, api_keys=()).admit(scope()) == LOCAL


def test_it_tells_whether_it_asks_for_keys() -> None:
    assert access().asks_for_keys
    assert not access(api_keys=()).asks_for_keys


def test_a_page_by_a_name_of_the_certificate_is_ours() -> None:
    asked = scope(("Host", "nas.fritz.box:8000"), ("Origin", "https://nas.fritz.box:8000"))
    assert refused(access("0.0.0.0", **OPEN), asked).code is Code.ORIGIN_NOT_ALLOWED
    assert access("0.0.0.0", **OPEN, certified_names=("nas.fritz.box",)).admit(asked) == LOCAL


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_a_rebound_page_asks_bears_no_origin_and_is_refused(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    asked = scope(("Host", "rebound.example:8000"), kind=kind)
    with caplog.at_level(logging.INFO):
        error = refused(access("0.0.0.0", **OPEN), asked)
    assert error.code is Code.ORIGIN_NOT_ALLOWED
    assert "'rebound.example'" in error.message and "allowed_hosts" in error.message
    assert caplog.messages == [f"192.0.2.7: 403 {error.message}"]
    assert access("0.0.0.0", **OPEN, allowed_hosts=("rebound.example",)).admit(asked) == LOCAL
    assert access("0.0.0.0").admit(scope(("Host", "rebound.example:8000"), query=f"token={KEY}", kind=kind)) == ALICE


def test_names_of_the_machine_and_the_address_listened_on_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "names", lambda: ("box.example.org",))
    for host in ("0.0.0.0", "voice.example.net"):
        assert access(host, **OPEN).admit(scope(("Host", "box.example.org:8000"))) == LOCAL
    assert access("voice.example.net", **OPEN).admit(scope(("Host", "voice.example.net"))) == LOCAL
    assert access("127.8.8.8", **OPEN).admit(scope(("Host", "127.8.8.8:8000"))) == LOCAL
    # The network may have given the machine its name, and nobody of the network reaches this one but by a page.
    refused(access("127.0.0.1", **OPEN), scope(("Host", "box.example.org:8000")))


def test_host_and_origin_come_before_the_key() -> None:
    gate = access()
    for headers in (
        [("Host", "evil.example:8000")],
        [("Host", "localhost:8000"), ("Host", "evil.example")],
        [("Origin", "http://evil.example")],
        [("Origin", "null")],
        [("Host", "evil.example:8000"), ("Origin", "http://evil.example:8000")],
        [("Origin", "http://localhost:8000"), ("Origin", "http://evil.example")],
    ):
        error = refused(gate, scope(*headers, query=f"token={KEY}"))
        assert error.code is Code.ORIGIN_NOT_ALLOWED
    assert gate.admit(scope(("Origin", "http://localhost:8000"), query=f"token={KEY}")) == ALICE


def test_a_long_origin_is_cut_in_the_message() -> None:
    assert len(refused(access(), scope(("Origin", "http://" + "x" * 5000))).message) < 200


def test_ten_wrong_keys_a_minute_and_then_a_pause_for_that_address() -> None:
    clock = Clock()
    gate = access(clock=clock)
    for _ in range(10):
        assert refused(gate, scope(query="token=wrong")).code is Code.UNAUTHORIZED
    limited = refused(gate, scope(query=f"token={KEY}"))  # a right one too: else guessing would go on
    assert limited.code is Code.RATE_LIMITED
    assert limited.retry_after_ms == 6000
    assert gate.admit(scope(query=f"token={KEY}", client="192.0.2.8")) == ALICE
    assert refused(gate, scope()).code is Code.UNAUTHORIZED
    clock.now += 6.001
    assert gate.admit(scope(query=f"token={KEY}")) == ALICE


def test_who_guesses_keeps_nobody_out_whose_key_cannot_be_guessed() -> None:
    gate = access(api_keys=(f"alice:{KEY}", "bob:0123456789abcdefghijkl"))
    token, _ = gate.issue_token(ALICE)
    for _ in range(11):
        refused(gate, scope(query="token=wrong-but-long-enough"))
    assert gate.admit(scope(query="token=0123456789abcdefghijkl")).name == "bob"
    assert gate.admit(scope(query=f"token={token}")).name == "alice"
    assert refused(gate, scope(query=f"token={KEY}")).code is Code.RATE_LIMITED


def test_addresses_of_one_ipv6_network_share_their_failures() -> None:
    gate = access()
    for i in range(10):
        refused(gate, scope(query="token=wrong", client=f"2001:db8::{i}"))
    assert refused(gate, scope(query=f"token={KEY}", client="2001:db8::ffff")).code is Code.RATE_LIMITED
    assert gate.admit(scope(query=f"token={KEY}", client="2001:db8:0:1::1")) == ALICE


def test_addresses_of_ipv4_share_nothing_where_the_server_listens_on_both() -> None:
    gate = access()
    for _ in range(10):
        refused(gate, scope(query="token=wrong", client="::ffff:192.0.2.1"))
    assert refused(gate, scope(query=f"token={KEY}", client="192.0.2.1")).code is Code.RATE_LIMITED
    assert gate.admit(scope(query=f"token={KEY}", client="::ffff:192.0.2.2")) == ALICE


def test_the_memory_of_failures_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicesrv.transport.auth._MAX_ADDRESSES", 3)
    gate = access()
    for i in range(10):
        refused(gate, scope(query="token=wrong", client=f"192.0.2.{i}"))
    assert list(gate._failures) == ["192.0.2.7", "192.0.2.8", "192.0.2.9"]


def test_a_token_serves_once_for_a_minute_and_gets_no_other() -> None:
    clock = Clock()
    gate = access(clock=clock)
    token, life_s = gate.issue_token(gate.admit(scope(query=f"token={KEY}")))
    assert life_s == 60
    identity = gate.admit(scope(("Sec-WebSocket-Protocol", f"token.{token}")))
    assert identity == Identity("alice", ALL_SCOPES, is_short_lived=True)
    with pytest.raises(ClientError, match="cannot be used to get another"):
        gate.issue_token(identity)
    assert refused(gate, scope(query=f"token={token}")).message == "this token has ended or was used"
    late, _ = gate.issue_token(ALICE)
    clock.now += 60
    assert refused(gate, scope(query=f"token={late}")).code is Code.UNAUTHORIZED


def test_keys_do_not_show() -> None:
    assert KEY not in repr(AccessOptions(api_keys=(KEY,)))
