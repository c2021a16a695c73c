"""What the server says when it starts: lines that can be pasted, and what browsers will ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voicesrv.cli.greeting import greeting
from voicesrv.settings import Settings
from voicesrv.transport.tls import Certificate

OURS = Certificate(
    Path("own.pem"), Path("own.pem"), ("localhost", "nas"), "AB:CD", Path("/home/my state/certificate.crt")
)
GIVEN = Certificate(Path("c.pem"), Path("k.pem"), ("*.example", "voice.example"), "AB:CD")
LAN = ("192.168.0.7", "fd00::7")


def said(
    lan: tuple[str, ...] = (), certificate: Certificate | None = None, port: int = 8000, **given: Any
) -> list[str]:
    return greeting(Settings(**given), "voicesrv", port, lan, certificate).splitlines()


def test_the_page_comes_first_and_the_rest_can_be_pasted() -> None:
    lines = said()
    assert lines[0].startswith("voicesrv: open http://127.0.0.1:8000 in a browser and talk")
    assert "/console" in lines[0] and "/ws" in lines[0]
    assert "  voicesrv talk" in lines
    assert "  arecord -q -f S16_LE -r 16000 -c 1 | voicesrv pipe | aplay -q -f S16_LE -r 24000 -c 1" in lines
    assert not any("https" in line or "other devices" in line for line in lines)


def test_without_pages_none_is_named() -> None:
    assert said(pages=False)[0] == "voicesrv on http://127.0.0.1:8000 (WebSocket: /ws)"


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("127.0.0.1", 9000, "http://127.0.0.1:9000"),
        ("::1", 8000, "http://[::1]:8000"),
        ("0.0.0.0", 9000, "http://localhost:9000"),
        ("192.168.0.7", 8000, "http://192.168.0.7:8000"),
    ],
)
def test_another_address_is_in_the_lines(host: str, port: int, url: str) -> None:
    lines = said(host=host, port=port, api_keys="long-enough")
    assert f"open {url} in a browser" in lines[0]
    assert f"  voicesrv talk --url {url}" in lines
    assert any(f"| voicesrv pipe --url {url} |" in line for line in lines)


def test_keys_are_asked_for_and_never_said() -> None:
    text = "\n".join(said(api_keys="canary-key"))
    assert "It asks for a key" in text
    assert "canary" not in text


def test_open_access_is_said_out_loud() -> None:
    assert any("serves everybody" in line for line in said(LAN, host="0.0.0.0", open_access=True))
    assert not any("serves everybody" in line for line in said(open_access=True))


def test_without_tls_others_are_told_that_they_get_no_microphone() -> None:
    lines = said(LAN, host="0.0.0.0", open_access=True)
    assert "From other devices: http://192.168.0.7:8000  http://[fd00::7]:8000" in lines
    assert any("no microphone" in line and "--tls self-signed" in line for line in lines)


def test_its_own_certificate_comes_with_the_click_that_it_costs() -> None:
    lines = said(LAN, OURS, host="0.0.0.0", open_access=True)
    assert "open https://localhost:8000 in a browser" in lines[0]
    assert "From other devices: https://192.168.0.7:8000  https://[fd00::7]:8000" in lines
    text = " ".join(lines)
    assert "Advanced, then Proceed" in text and "Safari: Show Details, visit this website" in text
    assert "https://192.168.0.7:8000/certificate.crt" in text
    assert "SHA-256 AB:CD" in lines
    assert "no microphone" not in text
    assert "  voicesrv talk --url https://localhost:8000 --ca '/home/my state/certificate.crt'" in lines


def test_its_own_certificate_on_this_machine_alone() -> None:
    lines = said((), OURS)
    assert "open https://127.0.0.1:8000 in a browser" in lines[0]
    assert not any("From other devices" in line for line in lines)
    assert any("https://127.0.0.1:8000/certificate.crt" in line for line in lines)


def test_a_given_certificate_is_used_by_its_name_and_needs_no_word() -> None:
    lines = said((), GIVEN, host="0.0.0.0", api_keys="long-enough", port=443)
    assert "open https://voice.example:443 in a browser" in lines[0]
    assert "  voicesrv talk --url https://voice.example:443" in lines
    assert not any("certificate" in line for line in lines)


def test_one_address_is_not_said_twice() -> None:
    lines = said(("192.168.0.7",), host="192.168.0.7", open_access=True)
    assert not any("From other devices" in line for line in lines)
    assert any("--tls self-signed" in line for line in lines)


def test_a_machine_with_many_addresses_does_not_fill_the_screen() -> None:
    lines = said(tuple(f"10.0.0.{n}" for n in range(20)), host="0.0.0.0", open_access=True)
    assert sum(line.count("10.0.0.") for line in lines) == 4
