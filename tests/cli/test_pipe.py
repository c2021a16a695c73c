"""``voicesrv pipe`` as a process, against a server with null engines."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from pathlib import Path

import pytest

from tests.cli.end_to_end import REPLY, SPEECH, ended, null_server, start
from voicesrv.bench.continuity import MarkedAudio

pytestmark = pytest.mark.anyio


def is_whole_reply(pcm: bytes) -> bool:
    check = MarkedAudio()
    return len(pcm) == 48 * 20 * round(len(REPLY) * 65 / 20) and check.feed(pcm) == 0 and check.finish() == 0


async def test_a_conversation_through_pipes(tmp_path: Path) -> None:
    async with null_server() as url:
        process = await start("pipe", "--url", url, "--events", str(tmp_path / "events.jsonl"))
        end = await ended(process, SPEECH)
    assert end.code == 0, end.err
    assert is_whole_reply(end.out)
    you, agent = end.err.splitlines()
    assert you.startswith("you: null turn of ")
    assert agent == f"agent: {REPLY}"
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    types = [event["type"] for event in events]
    assert types[:2] == ["ready", "turn.start"]
    assert types[-2:] == ["audio.end", "reply.end"]
    assert [types.index(each) for each in ("turn.end", "reply.start", "audio.start", "latency")] == sorted(
        types.index(each) for each in ("turn.end", "reply.start", "audio.start", "latency")
    )


async def test_files_instead_of_pipes() -> None:
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout:
        stdin.write(SPEECH)
        stdin.seek(0)
        async with null_server() as url:
            end = await ended(await start("pipe", "--url", url, stdin=stdin, stdout=stdout.fileno()))
        stdout.seek(0)
        assert end.code == 0, end.err
        assert is_whole_reply(stdout.read())


async def test_lines_of_text_are_said() -> None:
    async with null_server() as url:
        end = await ended(await start("pipe", "--url", url, "--mode", "speak"), b"Hello there.\n\nGood bye")
    assert end.code == 0, end.err
    assert end.err.splitlines() == ["agent: Hello there.", "agent: Good bye"]
    check = MarkedAudio()
    assert (check.feed(end.out), check.finish()) == (0, 0)
    assert len(end.out) > 48 * 1000


async def test_a_closed_stdout_ends_it() -> None:
    read, write = os.pipe()
    async with null_server() as url:
        process = await start("pipe", "--url", url, stdout=write)
        os.close(write)
        os.close(read)
        assert process.stdin is not None
        process.stdin.write(SPEECH)  # and it stays open
        end = await ended_without_stdin(process)
    assert end == 0


async def ended_without_stdin(process: asyncio.subprocess.Process) -> int:
    code = await asyncio.wait_for(process.wait(), 30)
    assert process.stderr is not None and process.stdin is not None
    assert b"Traceback" not in await process.stderr.read()
    process.stdin.close()
    return code


async def test_an_interrupt_ends_it() -> None:
    async with null_server() as url:
        process = await start("pipe", "--url", url, "--mode", "listen")
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(SPEECH)
        said = await asyncio.wait_for(process.stderr.readline(), 30)
        process.send_signal(signal.SIGINT)
        assert await ended_without_stdin(process) == 130
    assert said.startswith(b"you: null turn")


async def test_a_server_that_is_not_there_is_one_sentence() -> None:
    end = await ended(await start("pipe", "--url", "http://127.0.0.1:1"), b"")
    assert end.code == 1
    assert end.err.startswith("voicesrv: no voicesrv answers at 127.0.0.1:1: ")
    assert len(end.err.splitlines()) == 1
