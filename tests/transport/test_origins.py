from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.transport.origins import Doors, split_host


def doors(
    *,
    loopback: bool = True,
    is_open: bool = True,
    hosts: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    own: tuple[str, ...] = (),
    certified: tuple[str, ...] = (),
) -> Doors:
    return Doors(hosts, origins, loopback_only=loopback, is_open=is_open, own=own, certified=certified)


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        ("Voice.Example:8000", ("voice.example", 8000)),
        ("my_voice-2", ("my_voice-2", None)),
        ("voice:", ("voice", None)),
        ("192.168.0.7:1", ("192.168.0.7", 1)),
        ("[FE80::1]:8000", ("[fe80::1]", 8000)),
        ("[::ffff:1.2.3.4]", ("[::ffff:1.2.3.4]", None)),
        ("x" * 253, ("x" * 253, None)),
    ],
)
def test_a_host_is_a_name_or_an_address_and_maybe_a_port(host: str, parts: tuple[str, int | None]) -> None:
    assert split_host(host) == parts


@pytest.mark.parametrize(
    "host",
    [
        *("", ":8000", "a b", "a/b", "a@b", "a,b", "*", "é", "a\n", "a:8000:1", "a:x", "a:123456", "a:\u0663"),
        *("::1", "[::1", "[fe80::1%eth0]", "[x]", "x" * 254),
    ],
)
def test_all_else_is_none(host: str) -> None:
    assert split_host(host) is None


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
    assert doors(loopback=False, is_open=False).allows_host("anything.example")
    assert not doors(loopback=False, is_open=False, hosts=("voice.example",)).allows_host("anything.example")
    assert not doors(hosts=("*",)).allows_host("no host")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("192.168.0.7:8000", True),
        ("[fd00::7]:8000", True),
        ("localhost:8000", True),
        ("nas:8000", True),  # also a service of Compose, or a machine of a tailnet
        ("nas.local", True),
        ("host.docker.internal:8000", True),
        ("voice.default.svc.cluster.local", True),
        ("nas.home.arpa", True),
        ("nas.lan:8000", True),
        ("rebound.evil.example:8000", False),
        ("192.168.0.7.evil.example", False),
        ("local.evil.example", False),
        ("evil.lan.example", False),
        ("notlan", True),
        ("not.alan", False),
        ("nas.tail1234.ts.net", False),
        ("evil.example.", False),
        ("", False),
    ],
)
def test_without_keys_a_name_that_others_can_be_given_is_none_of_ours(host: str, allowed: bool) -> None:
    assert doors(loopback=False).allows_host(host) == allowed
    assert doors(loopback=False, hosts=("voice.example",)).allows_host(host) == allowed  # a list adds to it


def test_names_of_its_own_and_of_its_certificate_are_this_server() -> None:
    some = doors(loopback=False, own=("Box.example.org",), certified=("Voice.example", "*.example.net"))
    for name in ("box.example.org:8000", "voice.example:8000", "a.example.net"):
        assert some.allows_host(name)
    for name in ("x.box.example.org", "x.voice.example", "example.net", "a.b.example.net"):
        assert not some.allows_host(name)


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


def test_any_host_is_not_any_page() -> None:
    some = doors(hosts=("*",))
    assert some.allows_origin("http://192.168.0.7", "192.168.0.7", 8000)  # a proxy is before it
    assert not some.allows_origin("http://evil.example", "evil.example", 8000)


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
        ("https://a.example.net", "a.example.net", True),
        ("http://a.example.net", "a.example.net", False),
        ("http://nas.fritz.box:8000", "nas.fritz.box:8000", False),
        ("https://evil.example:8000", "evil.example:8000", False),
        ("https://evil.example:8000", "nas.fritz.box:8000", False),
        ("https://nas.fritz.box:8001", "nas.fritz.box:8000", False),
    ],
)
def test_a_name_that_the_certificate_has_cannot_be_rebound(origin: str, host: str, allowed: bool) -> None:
    some = doors(loopback=False, certified=("localhost", "nas.Fritz.box", "*.example.net"))
    assert some.allows_origin(origin, host, 8000) == allowed


@given(origin=st.text(max_size=40), host=st.text(max_size=40))
def test_no_text_is_too_strange(origin: str, host: str) -> None:
    assert doors().allows_host(host) in (True, False)
    assert not doors().allows_origin(f"http://evil.example/{origin}", host, 8000)
