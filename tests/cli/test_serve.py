"""``voicesrv serve`` as a process, with the certificate that it makes."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from voicesrv.cli import serve
from voicesrv.errors import ConfigError
from voicesrv.settings import Settings
from voicesrv.transport import addresses
from voicesrv_client import VoiceClient
from voicesrv_client.events import ReplyEnd
from voicesrv_client.tls import trusting

COMMAND = [sys.executable, "-c", "from voicesrv.cli.app import main; main()", "serve"]
NULLS = {f"VOICESRV_{kind}": "null" for kind in ("VAD", "STT", "LLM", "TTS")}


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[tuple[list[str], subprocess.Popen[str]]]:
    """A server as a process on a free port, and what it has said of itself."""
    environment = os.environ | NULLS | {"VOICESRV_STATE_DIR": str(folder), "VOICESRV_PORT": "0"}
    with subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            said = []
            for line in process.stderr:
                said.append(line.rstrip("\n"))
                if "arecord" in line:
                    break
            yield said, process
        finally:
            process.kill()


def test_a_conversation_with_the_certificate_that_the_greeting_names(tmp_path: Path) -> None:
    with started(tmp_path, "--tls", "self-signed") as (said, process):
        text = "\n".join(said)
        url, ca = re.search(r"talk --url (\S+) --ca (\S+)\n", text).groups()  # type: ignore[union-attr]
        assert f"voicesrv: open {url} in a browser and talk" in text
        assert (tmp_path / "tls" / "self-signed.pem").stat().st_mode & 0o777 == 0o600
        trust = trusting(ca)
        assert httpx.get(url, verify=trust).status_code == 200
        assert httpx.get(url.replace("https", "http"), follow_redirects=False).headers["location"] == f"{url}/"
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(url, verify=ssl.create_default_context())
        assert asyncio.run(converse(url, trust)) == "complete"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
        assert process.stderr is not None and "Traceback" not in process.stderr.read()


async def converse(url: str, trust: ssl.SSLContext) -> str:
    async with VoiceClient(url, ssl=trust) as client:
        await client.send_text("Hello.")
        async for event in client:
            if isinstance(event, ReplyEnd):
                return event.cause
    raise AssertionError("no reply")


def test_bad_files_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--tls", str(tmp_path / "no.pem")],
        env=os.environ | NULLS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"voicesrv: tls: {tmp_path / 'no.pem'} cannot be read: No such file or directory\n"


# --- which certificate ---------------------------------------------------------------------------


def test_without_tls_there_is_none(tmp_path: Path) -> None:
    assert serve.certificate_of(Settings(state_dir=str(tmp_path))) is None
    assert list(tmp_path.iterdir()) == []


def test_one_of_its_own_has_every_name_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "names", lambda: ("nas", "nas.local"))
    mine = partial(Settings, state_dir=str(tmp_path), tls="self-signed", open_access=True)
    made = serve.certificate_of(mine(host="192.168.7.7", allowed_hosts=("voice.example", "*", "[::1]")))
    assert made is not None
    found = {str(each) for each in addresses.addresses()}
    named = {"localhost", "127.0.0.1", "::1", "nas", "nas.local", "192.168.7.7", "voice.example"}
    assert set(made.names) == named | found
    assert serve.certificate_of(mine(host="0.0.0.0")) == made


def test_a_given_one_is_taken_from_its_files(tmp_path: Path) -> None:
    made = serve.certificate_of(Settings(state_dir=str(tmp_path), tls="self-signed"))
    assert made is not None
    given = serve.certificate_of(Settings(tls=str(made.file)))
    assert given is not None and (given.fingerprint, given.public) == (made.fingerprint, None)
    with pytest.raises(ConfigError, match=r"tls_key: .* cannot be read"):
        serve.certificate_of(Settings(tls=str(made.file), tls_key=str(tmp_path / "no.key")))


# --- where others find it ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "found"), [("127.0.0.1", []), ("localhost", []), ("::1", []), ("192.168.0.7", ["192.168.0.7"])]
)
def test_an_address_is_found_where_it_listens(host: str, found: list[str]) -> None:
    assert serve.lan_of(Settings(host=host, open_access=True)) == found


def test_on_all_addresses_it_is_found_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    both = tuple(map(ipaddress.ip_address, ("192.168.0.7", "fd00::7")))
    monkeypatch.setattr(addresses, "addresses", lambda: both)
    assert serve.lan_of(Settings(host="0.0.0.0", open_access=True)) == ["192.168.0.7"]
    assert serve.lan_of(Settings(host="::", open_access=True)) == ["192.168.0.7", "fd00::7"]
