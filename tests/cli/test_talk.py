"""``voicesrv talk`` as a process."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.cli.end_to_end import REPLY, ended, null_server, start
from tests.client.wire import CERTIFICATE, self_signed, wire_to
from voicesrv.audio.files import duration_s

pytestmark = pytest.mark.anyio

SPEECH = "tests/data/speech/en_go_forward.wav"


async def test_a_recording_is_answered(tmp_path: Path) -> None:
    out = tmp_path / "reply.wav"
    async with null_server() as url:
        end = await ended(await start("talk", SPEECH, "--url", url, "--no-play", "--out", str(out)))
    assert (end.code, end.err) == (0, "")
    lines = end.out.decode().splitlines()
    assert lines[0].startswith("you… null turn of |")
    assert lines[-3].startswith("you: null turn of ")
    assert " ms from the last speech to the first sound (300 endpoint, " in lines[-2]
    assert lines[-1] == f"agent: {REPLY}"
    assert duration_s(out) == pytest.approx(len(REPLY) * 0.065, abs=0.02)


async def test_a_server_is_started_where_none_runs() -> None:
    """On a port that is surely free, in place of 8000."""
    main = "import voicesrv.cli.reach as r; r.PORT = 1; from voicesrv.cli.app import main; main()"
    null = {f"VOICESRV_{kind}": "null" for kind in ("VAD", "STT", "LLM", "TTS")}
    process = await start("talk", SPEECH, "--no-play", main=main, VOICESRV_ENGINES__NULL__REPLY=REPLY, **null)
    end = await ended(process)
    assert end.code == 0, end.err
    assert end.err == "voicesrv: no server on port 1; starting one for this conversation\n"
    assert end.out.decode().splitlines()[-1] == f"agent: {REPLY}"


async def test_a_server_with_a_certificate_of_its_own() -> None:
    async with null_server() as server, wire_to(server, self_signed()) as (_, url):
        for trust in (["--ca", str(CERTIFICATE)], ["--insecure"]):
            end = await ended(await start("talk", SPEECH, "--no-play", "--url", url, *trust))
            assert (end.code, end.err) == (0, "")
            assert end.out.decode().splitlines()[-1] == f"agent: {REPLY}"
        end = await ended(await start("talk", SPEECH, "--no-play", "--url", url))
        assert end.code == 2
        assert end.err.endswith("self-signed certificate; name it with --ca FILE, or trust any with --insecure\n")


async def test_an_interrupt_ends_it() -> None:
    async with null_server() as url:
        process = await start("talk", SPEECH, "--url", url, "--no-play")
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), 30)
        process.send_signal(signal.SIGINT)
        end = await ended(process)
    assert (end.code, end.err) == (130, "")


async def test_a_file_that_is_not_there_is_one_sentence() -> None:
    end = await ended(await start("talk", "nothing.wav"))
    assert end.code == 2
    assert end.err == "voicesrv: file: 'nothing.wav': No such file or directory\n"
