"""The pages that the server brings: one to talk on, at ``/``, and one for whoever runs it, at ``/console/``; and its
libraries for browsers, at ``/clients/``, which pages of other origins may load.

What is compiled into a folder (``clients/README.md`` says how) is read whole when the app is made, and each file
gets a route of its own: a path that is no file's is nobody's. A page that was not compiled is stood in for by one
that says how to.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

PAGES = {"talk": "/", "console": "/console/"}
"""Folders of compiled pages, and where they are served."""
LIBRARIES = "clients"
"""Folder of what pages of any origin may load, and the path below which it is served."""

_NOT_BUILT = Path(__file__).with_name("not_built.html")
_HASHED = re.compile(r"assets/.*-(?![a-z]{8}\.)[A-Za-z0-9_-]{8}\.[a-z0-9]+")
"""Files with a hash of their contents in their names, as Vite puts it there: eight characters of base64url. What was
fetched of them once is good for ever. Eight small letters are taken for a word (``talk-worklets.js``): of 1400
hashes one looks so, and is asked for again."""
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Ours and not the machine's, as what browsers do with a file goes by its type (``nosniff``)."""
_ENCODINGS = {".br": "br", ".gz": "gzip"}
"""What may lie beside a file, compressed, by suffix; the better one first."""

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",  # of worklets too
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "media-src 'self' blob:",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # What was said is text and never markup: in Chromium and Safari ``innerHTML`` is an error.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
_SECURITY = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), display-capture=(), geolocation=(), payment=(), usb=()",
}
_FOR_ALL = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
"""With it a module or a worklet may come from another origin than its page."""
_REFUSED_ENCODING = re.compile(r"\s*q\s*=\s*0(\.0{0,3})?\s*")

logger = logging.getLogger(__name__)


def routes(folder: Path) -> list[BaseRoute]:
    """Make the routes of all pages and libraries; put them after those of the API, which win.

    Args:
        folder: holds ``talk`` and ``console``, each compiled with relative URLs, and ``clients``; a page that is
            missing is stood in for.
    """
    libraries = _files(folder / LIBRARIES, _FOR_ALL)
    made: list[BaseRoute] = [Route(f"/{LIBRARIES}/{path}", file.answer) for path, file in libraries]
    for name, at in PAGES.items():
        files = dict(_files(folder / name, _SECURITY))
        page = files.pop("index.html", None)
        if page is None:
            logger.debug("the page %s is not built", name)
            page, files = _not_built(), {}
        if at != "/":
            made.append(Route(at.rstrip("/"), _with_slash))
        made.append(Route(at, page.answer))
        made += [Route(at + path, file.answer) for path, file in files.items()]
    return made


@dataclass(frozen=True, slots=True)
class _Variant:
    """One encoding of a file."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _File:
    """A file in memory."""

    variants: Mapping[str, _Variant]
    """By content coding, the best first; ``""`` for none, which comes last."""
    headers: Mapping[str, str]
    policy: tuple[str, ...] = ()
    """Content security policy, of a page; what it may connect to is added for each request."""

    async def answer(self, request: Request) -> Response:
        """Give the file in an encoding that the client takes, or say that it has it."""
        accepted = _accepted(",".join(request.headers.getlist("accept-encoding")))
        coding = next(coding for coding in self.variants if coding in accepted)
        variant = self.variants[coding]
        headers = {**self.headers, "etag": variant.etag, "vary": "accept-encoding"}
        if self.policy:
            headers["content-security-policy"] = "; ".join((*self.policy, _may_connect(request)))
        if _has(request, variant.etag):
            return Response(status_code=304, headers=headers)
        if coding:
            headers["content-encoding"] = coding
        return Response(variant.body, headers=headers)


def _files(folder: Path, headers: Mapping[str, str]) -> Iterator[tuple[str, _File]]:
    """Every file below a folder with its path there; those that begin with a dot are nobody's."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if not path.is_file() or path.suffix in _ENCODINGS or any(part.startswith(".") for part in relative.parts):
            continue
        if path.suffix not in _TYPES:
            logger.warning("%s is of no known type, and not served", path)
            continue
        yield relative.as_posix(), _file(path, relative.as_posix(), headers)


def _file(path: Path, at: str, headers: Mapping[str, str]) -> _File:
    headers = {
        **headers,
        "content-type": _with_charset(_TYPES[path.suffix]),
        "cache-control": _FOR_EVER if _HASHED.fullmatch(at) else _ASK_AGAIN,
    }
    variants = {
        coding: _variant(beside.read_bytes())
        for suffix, coding in _ENCODINGS.items()
        if (beside := path.with_name(path.name + suffix)).is_file()
    }
    return _File({**variants, "": _variant(path.read_bytes())}, headers, _POLICY if path.suffix == ".html" else ())


def _not_built() -> _File:
    body = _NOT_BUILT.read_bytes()
    style = body.partition(b"<style>")[2].partition(b"</style>")[0]
    allowed = base64.b64encode(hashlib.sha256(style).digest()).decode()
    policy = tuple(f"style-src 'sha256-{allowed}'" if each.startswith("style-src") else each for each in _POLICY)
    headers = {**_SECURITY, "content-type": _with_charset("text/html"), "cache-control": "no-store"}
    return _File({"": _variant(body)}, headers, policy)


def _variant(body: bytes) -> _Variant:
    return _Variant(body, f'"{hashlib.sha256(body).hexdigest()[:24]}"')


async def _with_slash(request: Request) -> Response:
    """Send those on who left out the slash, without which the page's URLs would be of the folder above."""
    # Relative, as a proxy may serve all of it below a path of its own.
    query = f"?{request.url.query}" if request.url.query else ""
    location = f"{request.url.path.rpartition('/')[2]}/{query}"
    return Response(status_code=308, headers={"location": location, "cache-control": _ASK_AGAIN})


def _may_connect(request: Request) -> str:
    """Allow this server's own WebSocket by name: Safari before 15.4 takes ``'self'`` for HTTP alone."""
    host = request.headers.get("host", "")  # the protocol lets none through that could say more than a host
    named = f" ws://{host} wss://{host}" if host and not host.startswith("[") else ""  # a policy knows no IPv6
    return f"connect-src 'self'{named}"


def _accepted(header: str) -> set[str]:
    """The codings that an ``Accept-Encoding`` allows (RFC 9110, section 12.5.3); always that there be none."""
    parts = (part.partition(";") for part in header.split(","))
    return {"", *(name.strip().lower() for name, _, weight in parts if not _REFUSED_ENCODING.fullmatch(weight))}


def _has(request: Request, etag: str) -> bool:
    """Whether the client has what ``etag`` stands for (RFC 9110, section 13.1.2)."""
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    return etag in known or "*" in known


def _with_charset(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
