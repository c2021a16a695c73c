from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.transport.origins import Doors


def doors(
    *,
    loopback: bool = True,
    is_open: bool = True,
    hosts: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    certified: tuple[str, ...] = (),
) -> Doors:
    return Doors(hosts, origins, loopback_only=loopback, is_open=is_open, certified=certified)


@pytest.mark.parametrize(
    "host", ["localhost:8000", "LOCALHOST", "127.0.0.1:8000", "[::1]:8000", "[::1]", "me.localhost:1"]
)
def test_loopback_names_are_always_this_server(host: str) -> None:
    assert doors().allows_host(host)
    assert doors(hosts=("voice.example",)).allows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "192.168.0.7",
        "",
        "::1",
    ],
)
def test_other_names_are_not_on_a_loopback_address(host: str) -> None:
    assert not doors().allows_host(host)


def test_names_can_be_added_and_any_name_let_in() -> None:
    assert doors(hosts=("Voice.Example",)).allows_host("voice.example:8000")
    assert not doors(hosts=("voice.example",), loopback=False).allows_host("evil.example")
    assert doors(hosts=("*",)).allows_host("anything.example")
    assert doors(loopback=False).allows_host("anything.example")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", "localhost:8000"),
        ("http://localhost:8000", "127.0.0.1:8000"),
        ("http://127.0.0.1:8000", "[::1]:8000"),
        ("HTTP://LOCALHOST:8000", "localhost:8000"),
        ("https://localhost:8000", "localhost:8000"),
    ],
)
def test_pages_of_this_server_may_connect(origin: str, host: str) -> None:
    assert doors().allows_origin(origin, host, 8000)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://evil.example:8000",
        "null",
        "",
        "file://",
        "http://localhost:3000",
        "http://localhost",
        "http://localhost.evil.example:8000",
        "http://localhost:8000.evil.example",
        "http://localhost:8000@evil.example",
        "http://evil.example#localhost:8000",
        "http://localhost:8000/",
        "http://localhost:8000/path",
        "http://localhost:99999",
        "chrome-extension://abcdefgh",
        "http://[::1",
    ],
)
def test_other_pages_may_not(origin: str) -> None:
    assert not doors().allows_origin(origin, "localhost:8000", 8000)


def test_pages_can_be_added_and_are_compared_whole() -> None:
    some = doors(origins=("https://App.example/", "null"))
    assert some.allows_origin("https://app.example", "localhost:8000", 8000)
    assert some.allows_origin("null", "localhost:8000", 8000)
    for other in ("http://app.example", "https://app.example:444", "https://app.example.evil", "https://xapp.example"):
        assert not some.allows_origin(other, "localhost:8000", 8000)
    assert doors(origins=("*",)).allows_origin("http://any.example", "localhost:8000", 8000)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://192.168.0.7:8000", "192.168.0.7:8000", True),
        ("http://[fe80::1]:8000", "[fe80::1]:8000", True),
        ("http://nas:8000", "nas:8000", True),
        ("http://nas.local", "nas.local", True),
        ("http://rebound.evil.example:8000", "rebound.evil.example:8000", False),
        ("http://nas:8000", "nas:8001", False),
        ("https://nas", "nas", True),
        ("https://nas", "nas:80", False),
    ],
)
def test_without_keys_a_page_is_ours_by_a_name_that_cannot_be_rebound(origin: str, host: str, allowed: bool) -> None:
    assert doors(loopback=False).allows_origin(origin, host, 8000) == allowed


def test_with_keys_or_a_listed_name_the_same_name_is_enough() -> None:
    origin, host = "https://voice.example", "voice.example"
    assert not doors(loopback=False).allows_origin(origin, host, 8000)
    assert doors(loopback=False, hosts=(host,)).allows_origin(origin, host, 8000)
    assert doors(loopback=False, is_open=False).allows_origin(origin, host, 8000)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://nas.fritz.box:8000", "nas.fritz.box:8000", True),
        ("https://NAS.fritz.box:8000", "nas.fritz.box:8000", True),
        ("https://192.168.0.7:8000", "192.168.0.7:8000", True),
        ("http://nas.fritz.box:8000", "nas.fritz.box:8000", False),
        ("https://evil.example:8000", "evil.example:8000", False),
        ("https://evil.example:8000", "nas.fritz.box:8000", False),
        ("https://nas.fritz.box:8001", "nas.fritz.box:8000", False),
    ],
)
def test_a_name_that_the_certificate_has_cannot_be_rebound(origin: str, host: str, allowed: bool) -> None:
    assert doors(loopback=False, certified=("localhost", "nas.Fritz.box")).allows_origin(origin, host, 8000) == allowed


@given(origin=st.text(max_size=40), host=st.text(max_size=40))
def test_no_text_is_too_strange(origin: str, host: str) -> None:
    assert doors().allows_host(host) in (True, False)
    assert not doors().allows_origin(f"http://evil.example/{origin}", host, 8000)
