from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import ifaddr
import pytest

from voicesrv.transport.addresses import addresses, is_host, names, network_of


def adapter(name: str, *ips: Any) -> SimpleNamespace:
    return SimpleNamespace(name=name, ips=[SimpleNamespace(ip=ip) for ip in ips])


def test_addresses_are_those_that_others_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = [
        adapter("lo", "127.0.0.1", ("::1", 0, 0)),
        adapter("docker0", "172.17.0.1"),
        adapter("br-7f1c", "172.18.0.1"),
        adapter("eth0", "93.184.216.34", ("fe80::1", 0, 2), ("2001:db8::9", 0, 0), ("fd00::9", 0, 0)),
        adapter("wlan0", "192.168.0.7", "169.254.3.4"),
        adapter("eth0:1", "192.168.0.7"),
    ]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    found = [str(each) for each in addresses()]
    assert found[:2] == ["192.168.0.7", "169.254.3.4"]
    assert set(found) == {"192.168.0.7", "169.254.3.4", "93.184.216.34", "2001:db8::9", "fd00::9"}
    assert len(found) == 5


def test_this_machine_is_asked() -> None:
    assert all(not each.is_loopback for each in addresses())


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("nas", ("nas", "nas.local")),
        ("nas.fritz.box", ("nas.fritz.box",)),
        ("Mac.local", ("Mac.local",)),
        ("my machine", ()),
        ("", ()),
        ("größe", ()),
    ],
)
def test_names(monkeypatch: pytest.MonkeyPatch, called: str, expected: tuple[str, ...]) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: called)
    assert names() == expected


@pytest.mark.parametrize("host", ["nas", "voice.example", "192.168.0.7", "fd00::7"])
def test_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize("host", ["", "*", "[::1]", "nas:8000", "a b", "-a", "*.example"])
def test_what_is_no_host(host: str) -> None:
    assert not is_host(host)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("/run/socket", "/run/socket"),
    ],
)
def test_what_a_client_shares(address: str, network: str) -> None:
    assert network_of(address) == network
