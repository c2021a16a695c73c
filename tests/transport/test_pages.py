from __future__ import annotations

import base64
import gzip
import hashlib
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from tests.hostile.raw import Answer, connected
from voicesrv.transport import pages
from voicesrv.transport.http import Guard, error_handlers
from voicesrv.transport.server import running

pytestmark = pytest.mark.anyio

HTML = b'<!doctype html><title>talk</title><script type="module" src="./assets/index-Ab12cd-F.js"></script>'
SCRIPT = b"console.log(1)\n" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Both pages, as they are compiled."""
    put(tmp_path / "talk" / "index.html", HTML)
    put(tmp_path / "talk" / "favicon.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    script = tmp_path / "talk" / "assets" / "index-Ab12cd-F.js"
    put(script, SCRIPT)
    put(script.with_name("index-Ab12cd-F.js.gz"), gzip.compress(SCRIPT))
    put(script.with_name("index-Ab12cd-F.js.br"), b"as good as brotli")
    put(tmp_path / "talk" / "assets" / "worklet-Cd34_fGH.js", b"registerProcessor()")
    put(tmp_path / "console" / "index.html", b"<!doctype html><title>console</title>")
    put(tmp_path / "console" / "assets" / "index-Ef56ghIJ.css", b"body{}")
    put(tmp_path / "clients" / "voice-avatar.js", SCRIPT)
    put(tmp_path / "clients" / "worklets" / "speaker.js", b"registerProcessor()")
    put(tmp_path / "secret.txt", b"the canary")
    return tmp_path


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


async def ask(folder: Path, line: str, *headers: str) -> Answer:
    app = Starlette(routes=pages.routes(folder), middleware=[Middleware(Guard)], exception_handlers=error_handlers())
    async with running(app) as url, connected(url) as client:
        if not line.startswith("HEAD"):
            return await client.request(f"{line} HTTP/1.1", *headers)
        client.send("\r\n".join((f"{line} HTTP/1.1", f"Host: {client.host}", "Connection: close", *headers)).encode())
        client.send(b"\r\n\r\n")
        head, _, body = (await client.end()).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        parted = (each.partition(": ") for each in lines[1:])
        return Answer(int(lines[0].split()[1]), {name.lower(): value for name, _, value in parted}, body)


# --- what is served ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "media_type", "body"),
    [
        ("/", "text/html; charset=utf-8", HTML),
        ("/?agent=clerk", "text/html; charset=utf-8", HTML),
        ("/favicon.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("/assets/index-Ab12cd-F.js", "text/javascript; charset=utf-8", SCRIPT),
        ("/console/", "text/html; charset=utf-8", b"<!doctype html><title>console</title>"),
        ("/console/assets/index-Ef56ghIJ.css", "text/css; charset=utf-8", b"body{}"),
    ],
)
async def test_files_are_where_their_folder_says(folder: Path, path: str, media_type: str, body: bytes) -> None:
    answer = await ask(folder, f"GET {path}")
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "content-encoding" not in answer.headers
    head = await ask(folder, f"HEAD {path}")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(body))


@pytest.mark.parametrize("path", ["voice-avatar.js", "worklets/speaker.js?no-inline"])
async def test_libraries_may_be_loaded_by_pages_of_any_origin(folder: Path, path: str) -> None:
    answer = await ask(folder, f"GET /clients/{path}", "Origin: https://shop.example")
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert (await ask(folder, "GET /clients/")).status == 404


async def test_pages_may_not(folder: Path) -> None:
    answer = await ask(folder, "GET /", "Origin: https://shop.example")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("query", ["", "?agent=a&x=%0d%0a"])
async def test_the_console_without_its_slash_is_moved_relatively(folder: Path, query: str) -> None:
    answer = await ask(folder, f"GET /console{query}")
    assert (answer.status, answer.headers["location"]) == (308, f"console/{query}")


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/assets/",
        "/assets",
        "/assets/index-Ab12cd-F.js.gz",
        "/assets/missing.js",
        "/talk/index.html",
        "/secret.txt",
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/assets//index-Ab12cd-F.js",
        "/console/../secret.txt",
        "//secret.txt",
        "/assets/index-Ab12cd-F.js%00",
    ],
)
async def test_no_path_leads_anywhere_else(folder: Path, path: str) -> None:
    answer = await ask(folder, f"GET {path}")
    assert answer.status == 404
    assert answer.json()["code"] == "not_found"


async def test_pages_are_only_read(folder: Path) -> None:
    answer = await ask(folder, "POST /", "Content-Length: 0")
    assert (answer.status, answer.json()["code"]) == (405, "bad_parameter")


async def test_what_is_no_part_of_a_page_is_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(folder / "talk" / ".hidden" / "a.js", b"")
    put(folder / "talk" / ".env", b"the canary")
    put(folder / "talk" / "notes.docx", b"the canary")
    for path in ("/.hidden/a.js", "/.env", "/notes.docx"):
        assert (await ask(folder, f"GET {path}")).status == 404
    assert "notes.docx is of no known type" in caplog.text


# --- caching and encodings -----------------------------------------------------------------------


async def test_hashed_files_are_kept_for_ever_and_pages_asked_for_again(folder: Path) -> None:
    assert "immutable" in (await ask(folder, "GET /assets/index-Ab12cd-F.js")).headers["cache-control"]
    assert "immutable" in (await ask(folder, "GET /console/assets/index-Ef56ghIJ.css")).headers["cache-control"]
    for path in ("/", "/console/", "/favicon.svg"):
        assert (await ask(folder, f"GET {path}")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "assets/main.notahash.js",
        "assets/main.Ab12cd-F.js",
        "assets/main-Ab12cd-.js",
        "assets/main-worklets.js",
        "assets/Ab12cd-F.js",
        "assets/main-Ab12cd-F.d/main.js",
        "main-Ab12cd-F.js",
    ],
)
async def test_what_has_no_hash_in_its_name_is_asked_for_again(folder: Path, path: str) -> None:
    put(folder / "talk" / path, b"1")
    answer = await ask(folder, f"GET /{path}")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_what_a_client_has_is_not_sent_again(folder: Path, form: str) -> None:
    etag = (await ask(folder, "GET /")).headers["etag"]
    answer = await ask(folder, "GET /", f"If-None-Match: {form.format(etag)}")
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == etag
    assert "content-security-policy" in answer.headers
    assert (await ask(folder, "GET /", 'If-None-Match: "other"')).status == 200


async def test_a_changed_page_has_another_etag(folder: Path) -> None:
    before = (await ask(folder, "GET /")).headers["etag"]
    put(folder / "talk" / "index.html", HTML + b" ")
    assert (await ask(folder, "GET /")).headers["etag"] != before


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("br;q=0, gzip;q=1.0", "gzip"),
        ("br; q=0.000, gzip;q=0", None),
        ("identity", None),
        ("", None),
    ],
)
async def test_what_was_compressed_is_sent_so(folder: Path, accept: str, coding: str | None) -> None:
    answer = await ask(folder, "GET /assets/index-Ab12cd-F.js", f"Accept-Encoding: {accept}")
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "accept-encoding"
    expected = {"br": b"as good as brotli", "gzip": gzip.compress(SCRIPT), None: SCRIPT}[coding]
    assert answer.body == expected or gzip.decompress(answer.body) == SCRIPT
    plain = await ask(folder, "GET /assets/index-Ab12cd-F.js")
    assert (answer.headers["etag"] == plain.headers["etag"]) == (coding is None)


async def test_what_was_not_compressed_is_sent_as_it_is(folder: Path) -> None:
    answer = await ask(folder, "GET /assets/worklet-Cd34_fGH.js", "Accept-Encoding: gzip, br")
    assert answer.body == b"registerProcessor()" and "content-encoding" not in answer.headers


# --- what a page may do --------------------------------------------------------------------------


def policy_of(answer: Answer) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", ["/", "/console/"])
async def test_a_page_may_run_its_own_files_and_talk_to_its_own_server(folder: Path, path: str) -> None:
    answer = await ask(folder, f"GET {path}", "Host: nas.local:8000")
    policy = policy_of(answer)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["worker-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws://nas.local:8000 wss://nas.local:8000"
    assert policy["img-src"] == "'self' data:"
    for name in ("base-uri", "form-action", "frame-ancestors", "trusted-types"):
        assert policy[name] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["permissions-policy"].startswith("microphone=(self), camera=()")
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_policy_has_no_words_for_an_ipv6_address(folder: Path) -> None:
    assert policy_of(await ask(folder, "GET /", "Host: [::1]:8000"))["connect-src"] == "'self'"


@pytest.mark.parametrize("host", ["a; script-src *", "a b", "*", "x'unsafe-inline'", "a,b", "é", ""])
async def test_no_host_gets_into_the_policy_that_is_none(folder: Path, host: str) -> None:
    answer = await ask(folder, "GET /", f"Host: {host}")
    assert answer.status == 400
    assert "content-security-policy" not in answer.headers


# --- not built -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/console/"])
async def test_a_page_that_is_not_built_says_how_to(tmp_path: Path, path: str) -> None:
    answer = await ask(tmp_path / "nothing", f"GET {path}")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    text = answer.body.decode()
    for said in ("Node.js", "scripts/serve", "VOICESRV_PULL=0", "npm ci", "voicesrv talk"):
        assert said in text
    assert "was not there" not in text  # why it is not built, the server does not know
    assert "<script" not in text and "src=" not in text
    style = re.search("<style>(.*)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy_of(answer)["style-src"] == f"'sha256-{digest}'"
    assert (await ask(tmp_path / "nothing", "GET /console")).headers["location"] == "console/"


async def test_one_page_may_be_built_without_the_other(folder: Path) -> None:
    (folder / "console" / "index.html").unlink()
    assert (await ask(folder, "GET /")).body == HTML
    assert b"Node.js" in (await ask(folder, "GET /console/")).body
    assert (await ask(folder, "GET /console/assets/index-Ef56ghIJ.css")).status == 404
