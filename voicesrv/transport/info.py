"""``GET /v1/info``: what this server has, so that clients show what there is and hide what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from voicesrv.agents import Agent
from voicesrv.options import MODES, Options
from voicesrv.protocols.native import PROTOCOL, QUERY_OPTIONS
from voicesrv.transport.auth import Access
from voicesrv.transport.keys import Identity

CERTIFICATE_PATH = "/certificate.crt"


class Choice(Protocol):
    """An engine that can be named."""

    @property
    def name(self) -> str: ...
    @property
    def chosen(self) -> bool:
        """Whether a client that names none gets it."""
        ...

    @property
    def capabilities(self) -> Mapping[str, Any] | None:
        """Of an open engine that states them."""
        ...


class Shelf(Protocol):
    """Knows the engines that a client may name."""

    def choices(self) -> Mapping[Any, Sequence[Choice]]:
        """All of them, by kind."""
        ...


@dataclass(frozen=True, slots=True)
class About:
    """What does not change while the server runs."""

    version: str
    agents: Sequence[Agent]
    defaults: Options
    """Of a client that names nothing."""
    has_tls: bool = False
    certificate: bytes | None = None
    """PEM, of one that was made here and that a device may be given to trust."""


def routes(access: Access, shelf: Shelf, about: About) -> list[BaseRoute]:
    """Make the routes; ``/v1/info`` asks for a key where there are keys, the certificate is everybody's."""

    async def info(request: Request) -> Response:
        found = document(access.admit(request.scope), shelf, about, asks_for_keys=access.asks_for_keys)
        return JSONResponse(found, headers={"cache-control": "no-store"})

    async def certificate(request: Request) -> Response:
        # The type by which telephones know what to install.
        return Response(
            about.certificate, media_type="application/x-x509-ca-cert", headers={"cache-control": "no-cache"}
        )

    made: list[BaseRoute] = [Route("/v1/info", info, methods=["GET"])]
    if about.certificate is not None:
        made.append(Route(CERTIFICATE_PATH, certificate, methods=["GET"]))
    return made


def document(identity: Identity, shelf: Shelf, about: About, *, asks_for_keys: bool) -> dict[str, Any]:
    """Say what the server has, and what one that names nothing gets.

    Args:
        identity: who asks.
        shelf: has the engines; what is said of them is as of now.
        about: the rest.
        asks_for_keys: whether anybody needs a key.
    """
    chosen = {str(kind): _chosen(choices) for kind, choices in shelf.choices().items()}
    stt, tts = (_capabilities(chosen.get(kind)) for kind in ("stt", "tts"))
    shown = about.defaults.public()
    return {
        "version": about.version,
        "protocol": PROTOCOL,
        "features": {"history": False, "search": False, "tls": about.has_tls, "auth_required": asks_for_keys},
        "certificate": CERTIFICATE_PATH if about.certificate is not None else None,
        "client": {"name": identity.name, "modes": [mode for mode in MODES if identity.may(mode)]},
        "agents": [_agent(agent) for agent in about.agents],
        "defaults": {name: shown[name] for name in QUERY_OPTIONS},
        "engines": {kind: choice.name if choice is not None else None for kind, choice in chosen.items()},
        "languages": list(stt.get("languages", ())),
        "detects_language": bool(stt.get("detects_language", False)),
        "voices": _voices(tts),
    }


def _chosen(choices: Sequence[Choice]) -> Choice | None:
    return next((choice for choice in choices if choice.chosen), None)


def _capabilities(choice: Choice | None) -> Mapping[str, Any]:
    return (choice.capabilities if choice is not None else None) or {}


def _agent(agent: Agent) -> dict[str, Any]:
    """An agent as clients may know it: what it is told stays between it and the operator."""
    return {
        "name": agent.name,
        "greeting": agent.greeting,
        "language": agent.language,
        "llm": agent.llm,
        "tts": agent.tts,
        "voice": agent.voice,
        "tools": [tool.name for tool in agent.tools],
    }


def _voices(tts: Mapping[str, Any]) -> list[dict[str, str | None]]:
    """Voices, each with the language that it speaks as far as the engine says: its own name, or the only one."""
    languages: Sequence[str] = tts.get("languages", ())
    only = languages[0] if len(languages) == 1 and languages[0] != "*" else None
    known = set(languages)
    return [{"name": voice, "language": voice if voice in known else only} for voice in tts.get("voices", ())]
