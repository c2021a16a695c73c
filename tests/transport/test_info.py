from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from tests.hostile.raw import Answer, connected
from voicesrv.agents import DEFAULT, Agent
from voicesrv.events import Tool
from voicesrv.options import Options
from voicesrv.transport.auth import Access, AccessOptions
from voicesrv.transport.http import Guard, error_handlers
from voicesrv.transport.info import About, document, routes
from voicesrv.transport.keys import LOCAL, Identity
from voicesrv.transport.server import running

pytestmark = pytest.mark.anyio
KEY = "alices-own-key"


@dataclass(frozen=True)
class Choice:
    name: str
    chosen: bool = False
    capabilities: Mapping[str, Any] | None = None


@dataclass
class Shelf:
    by_kind: dict[str, list[Choice]] = field(default_factory=dict)

    def choices(self) -> Mapping[Any, Sequence[Choice]]:
        return self.by_kind


ABOUT = About("1.2.3", (DEFAULT,), Options(language="de", stt="whisper"))
WHISPER = Choice("whisper", True, {"languages": ("en", "de"), "detects_language": True})


def told(shelf: Shelf, about: About = ABOUT, identity: Identity = LOCAL) -> dict[str, Any]:
    return document(identity, shelf, about, asks_for_keys=False)


async def ask(about: About, line: str, *headers: str, keys: tuple[str, ...] = ()) -> Answer:
    access = Access(AccessOptions(api_keys=keys), "127.0.0.1")
    app = Starlette(
        routes=routes(access, Shelf({"stt": [WHISPER]}), about),
        middleware=[Middleware(Guard)],
        exception_handlers=error_handlers(),
    )
    async with running(app) as url, connected(url) as client:
        return await client.request(f"{line} HTTP/1.1", *headers)


def test_what_it_has_and_what_it_has_not() -> None:
    info = told(Shelf())
    assert (info["version"], info["protocol"]) == ("1.2.3", "voicesrv.v1")
    assert info["features"] == {"history": False, "search": False, "tls": False, "auth_required": False}
    assert info["certificate"] is None
    assert info["client"] == {"name": "local", "modes": ["converse", "listen", "speak"]}


def test_what_one_that_names_nothing_gets() -> None:
    info = told(Shelf({"stt": [Choice("pocketsphinx"), WHISPER], "tts": [Choice("espeak")], "llm": []}))
    assert info["defaults"]["language"] == "de" and info["defaults"]["sample_rate"] == 16000
    assert not {"instructions", "tools"} & info["defaults"].keys()
    assert info["engines"] == {"stt": "whisper", "tts": None, "llm": None}
    assert (info["languages"], info["detects_language"]) == (["en", "de"], True)
    assert info["voices"] == []


def test_an_engine_that_is_not_open_yet_has_nothing_to_say() -> None:
    info = told(Shelf({"stt": [Choice("whisper", True)], "tts": [Choice("espeak", True)]}))
    assert (info["languages"], info["detects_language"], info["voices"]) == ([], False, [])


@pytest.mark.parametrize(
    ("voices", "languages", "spoken"),
    [
        (("en_US-amy-low", "en_US-amy-low+2"), ("en_US",), ["en_US", "en_US"]),
        (("en-gb", "de", "klatt"), ("en-gb", "de"), ["en-gb", "de", None]),
        (("tone",), ("*",), [None]),
        ((), ("en",), []),
    ],
)
def test_voices_have_their_language_as_far_as_it_is_known(
    voices: tuple[str, ...], languages: tuple[str, ...], spoken: list[str | None]
) -> None:
    info = told(Shelf({"tts": [Choice("some", True, {"voices": voices, "languages": languages})]}))
    assert [voice["name"] for voice in info["voices"]] == list(voices)
    assert [voice["language"] for voice in info["voices"]] == spoken


def test_agents_are_known_by_what_clients_may_know() -> None:
    clerk = Agent("clerk", "the canary", "openai:x", "amy", "piper", "en", (Tool("book", "", {}),), "Good evening.")
    info = told(Shelf(), About("1", (DEFAULT, clerk), Options()))
    assert [agent["name"] for agent in info["agents"]] == ["default", "clerk"]
    assert info["agents"][1] == {
        "name": "clerk",
        "greeting": "Good evening.",
        "language": "en",
        "llm": "openai:x",
        "tts": "piper",
        "voice": "amy",
        "tools": ["book"],
    }
    assert "canary" not in str(info) and DEFAULT.instructions not in str(info)


def test_a_key_is_told_what_it_may_do() -> None:
    assert told(Shelf(), identity=Identity("bob", frozenset({"listen"})))["client"] == {
        "name": "bob",
        "modes": ["listen"],
    }


async def test_it_asks_for_a_key_where_there_are_keys() -> None:
    refused = await ask(ABOUT, "GET /v1/info", keys=(f"alice:{KEY}",))
    assert (refused.status, refused.json()["code"]) == (401, "unauthorized")
    answer = await ask(ABOUT, "GET /v1/info", f"Authorization: Bearer {KEY}", keys=(f"alice:{KEY}",))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["client"]["name"] == "alice"
    assert answer.json()["features"]["auth_required"] is True
    assert (await ask(ABOUT, "GET /v1/info")).json()["features"]["auth_required"] is False
    foreign = await ask(ABOUT, "GET /v1/info", "Origin: http://evil.example")
    assert foreign.status == 403


async def test_a_certificate_that_was_made_here_can_be_fetched() -> None:
    about = About("1", (DEFAULT,), Options(), has_tls=True, certificate=b"-----BEGIN")
    info = (await ask(about, "GET /v1/info")).json()
    assert info["features"]["tls"] is True
    answer = await ask(about, f"GET {info['certificate']}", keys=(KEY,))
    assert (answer.body, answer.headers["content-type"]) == (b"-----BEGIN", "application/x-x509-ca-cert")
    assert (await ask(ABOUT, "GET /certificate.crt")).status == 404
