"""Which language model ``auto`` is: what has a key, else what answers on this machine, else the echo.

The choice is pure but for two questions that are passed in: which packages are installed, and
whether a server answers. Keys are looked at by name, and their values never leave this module's
truth test.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import SplitResult, urlsplit


@dataclass(frozen=True, slots=True)
class Hosted:
    """A company's API."""

    keys: tuple[str, ...]
    """Environment variables, any of which may hold the key."""
    model: str
    """Fast to its first word and cheap, as pydantic-ai 2.68 names it."""
    package: str = "openai"
    """The client that pydantic-ai needs for it."""
    extra: str = ""
    """The extra of pydantic-ai-slim that brings the client; empty where we depend on it ourselves."""


# Small models without a thinking phase, or one that can be switched off: what counts is the time to
# the first word. Names as in pydantic-ai 2.68's list of known models, prices as in genai-prices 0.2.3.
HOSTED = (
    Hosted(("OPENAI_API_KEY",), "openai:gpt-6-luna"),
    Hosted(("ANTHROPIC_API_KEY",), "anthropic:claude-haiku-5-5", "anthropic", "anthropic"),
    Hosted(("GOOGLE_API_KEY", "GEMINI_API_KEY"), "google:gemini-3.5-flash-lite", "google-genai", "google"),
    Hosted(("GROQ_API_KEY",), "groq:openai/gpt-oss-120b", "groq", "groq"),
    Hosted(("CEREBRAS_API_KEY",), "cerebras:gpt-oss-120b"),
    Hosted(("MISTRAL_API_KEY",), "mistral:mistral-small-latest", "mistralai", "mistral"),
    Hosted(("XAI_API_KEY",), "xai:grok-4-1-fast-non-reasoning", "xai-sdk", "xai"),
    Hosted(("DEEPSEEK_API_KEY",), "deepseek:deepseek-flash"),
    Hosted(("OPENROUTER_API_KEY",), "openrouter:openai/gpt-6-luna"),
)

LOCAL: Mapping[str, tuple[str, str]] = {
    "ollama": ("Ollama", "http://127.0.0.1:11434/v1"),
    "llamacpp": ("llama.cpp", "http://127.0.0.1:8080/v1"),
    "vllm": ("vLLM", "http://127.0.0.1:8000/v1"),
    "lmstudio": ("LM Studio", "http://127.0.0.1:1234/v1"),
}
"""Servers that speak OpenAI's protocol: the name's prefix -> what it is called, where it listens."""

ECHO = "echo"
_PROBE_S = 0.3
_MAX_ANSWER = 1 << 20
# Such models are listed with the others and cannot hold a conversation.
_NOT_FOR_TALK = re.compile(r"embed|rerank|whisper|bge-|clip|tts|minilm", re.IGNORECASE)

Probe = Callable[[str], Awaitable[Sequence[str]]]
"""Base URL -> the models that the server there offers; none where nothing answers."""


async def models_of(base_url: str) -> Sequence[str]:
    """Ask a server for its models, for 300 ms at most.

    Args:
        base_url: such as ``http://127.0.0.1:11434/v1``; it is connected to without a proxy or a key.

    Returns:
        The names in the server's order; empty where none answers, or something that is no model server.

    Cancelling is safe.
    """
    url = urlsplit(base_url)
    try:
        async with asyncio.timeout(_PROBE_S):
            return _names(await _get(url, f"{url.path.rstrip('/')}/models"))
    except (OSError, EOFError, ValueError, TimeoutError):
        return ()


async def _get(url: SplitResult, path: str) -> bytes:
    """Fetch a small answer. HTTP/1.0, so that it ends where the connection does and is not chunked."""
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(url.hostname, port, ssl=secure or None, limit=_MAX_ANSWER)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {url.hostname}\r\nAccept: application/json\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split(None, 2)[1:2] != [b"200"]:
            return b""
        body = bytearray()
        while (block := await reader.read(65_536)) and len(body) < _MAX_ANSWER:
            body += block
        return bytes(body)
    except asyncio.LimitOverrunError as error:  # a head that does not end
        raise EOFError from error
    finally:
        writer.close()


def _names(body: bytes) -> Sequence[str]:
    try:
        answer = json.loads(body)
    except RecursionError:
        return ()
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        return ()
    names = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    return [name for name in names if isinstance(name, str) and 0 < len(name) <= 120 and name.isprintable()]


def is_installed(package: str) -> bool:
    """Whether a package is installed, by its name on the package index."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


async def choose(
    environment: Mapping[str, str],
    *,
    own_port: int | None = None,
    base_url: str = "",
    probe: Probe = models_of,
    installed: Callable[[str], bool] = is_installed,
) -> tuple[str, str]:
    """Choose the language model for those who name none.

    Args:
        environment: where keys are looked for.
        own_port: where this server listens; nothing is asked there.
        base_url: the OpenAI-compatible server that the operator set for the ``pydantic`` engine;
            where it is set, it is the first choice.
        probe: asks a server for its models.
        installed: tells whether a package is installed.

    Returns:
        The engine's name, such as ``openai:gpt-6-luna``, and a sentence that says why; it names
        keys by their variable, never by their value. It never fails: the last choice is ``echo``.

    Takes at most 300 ms; cancelling is safe.
    """
    if base_url:
        model = _talker(await probe(base_url))
        if model:
            return f"pydantic:{model}", f"{_shown(base_url)} is set as base_url, and {model} is its first model"
    lacking: list[str] = []
    for hosted in HOSTED:
        key = next((name for name in hosted.keys if environment.get(name)), None)
        if key is None:
            continue
        if not hosted.extra or installed(hosted.package):
            return hosted.model, _sentence(f"{key} is set", lacking)
        lacking.append(f"{key} is set, but using it takes pip install 'pydantic-ai-slim[{hosted.extra}]'")
    if base_url:
        lacking.append(f"{_shown(base_url)} is set as base_url, but offers no model")
    servers = [(name, *local) for name, local in LOCAL.items() if urlsplit(local[1]).port != own_port]
    offers = await asyncio.gather(*(probe(url) for _, _, url in servers))
    for (name, title, url), offered in zip(servers, offers, strict=True):
        if model := _talker(offered):
            return f"{name}:{model}", _sentence(f"{title} answers on port {urlsplit(url).port}", lacking)
    titles = ", ".join(title for title, _ in LOCAL.values())
    return ECHO, _sentence(
        f"there is no key for a language model, and none of {titles} answers on this machine", lacking
    )


def _talker(models: Sequence[str]) -> str | None:
    return next((model for model in models if not _NOT_FOR_TALK.search(model)), None)


def _sentence(reason: str, lacking: Sequence[str]) -> str:
    return "; ".join((reason, *lacking))


def _shown(url: str) -> str:
    """An address without what may be a password in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
