"""``voicesrv serve``: what it says when it starts."""

from __future__ import annotations

import pytest

from voicesrv.cli.serve import greeting
from voicesrv.settings import Settings


def test_it_says_how_to_talk_in_lines_that_can_be_pasted() -> None:
    said = greeting(Settings(), "voicesrv", 8000).splitlines()
    assert "ws://127.0.0.1:8000/ws" in said[0]
    assert "  voicesrv talk" in said
    assert "  arecord -q -f S16_LE -r 16000 -c 1 | voicesrv pipe | aplay -q -f S16_LE -r 24000 -c 1" in said


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("127.0.0.1", 9000, "http://127.0.0.1:9000"),
        ("::1", 8000, "http://[::1]:8000"),
        ("0.0.0.0", 9000, "http://localhost:9000"),
    ],
)
def test_another_address_is_in_the_lines(host: str, port: int, url: str) -> None:
    said = greeting(Settings(host=host, port=port, api_keys="long-enough"), ".venv/bin/voicesrv", port).splitlines()
    assert f"  .venv/bin/voicesrv talk --url {url}" in said
    assert any(f"| .venv/bin/voicesrv pipe --url {url} |" in line for line in said)


def test_keys_are_asked_for_and_never_said() -> None:
    said = greeting(Settings(api_keys="canary-key"), "voicesrv", 8000)
    assert "It asks for a key" in said
    assert "canary" not in said


def test_open_access_is_said_out_loud() -> None:
    assert "serves everybody" in greeting(Settings(host="0.0.0.0", open_access=True), "voicesrv", 8000)
    assert "serves everybody" not in greeting(Settings(open_access=True), "voicesrv", 8000)
