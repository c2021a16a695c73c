from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.client.scripted import Peer, scripted
from voicesrv.cli.piping import Pipe, Show, lines, pieces, refuse_terminals
from voicesrv.cli.streams import Reader, Writer
from voicesrv.errors import ConfigError
from voicesrv_client import VoiceClient
from voicesrv_client.events import Audio, Clear, ServerEvent

pytestmark = pytest.mark.anyio


class Pipes:
    """Both ends of a stdin and a stdout."""

    def __init__(self) -> None:
        self.stdin, self.into = os.pipe()
        self.out, self.stdout = os.pipe()
        self._open = {self.stdin, self.into, self.out, self.stdout}

    def close(self, *fds: int) -> None:
        for fd in fds:
            os.close(fd)
            self._open.remove(fd)

    def say(self, data: bytes) -> None:
        os.write(self.into, data)
        self.close(self.into)

    def heard(self) -> bytes:
        """What was written to stdout, once nobody writes any more."""
        self.close(self.stdout)
        with os.fdopen(self.out, "rb", closefd=False) as file:
            return file.read()

    def close_all(self) -> None:
        self.close(*self._open)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    pipes.close_all()


def pipe(pipes: Pipes, client: VoiceClient, show: Show = lambda event: None) -> Pipe:
    return Pipe(client, Reader(pipes.stdin, 640), Writer(pipes.stdout, 48_000), show)


async def test_audio_goes_in_replies_come_out(pipes: Pipes) -> None:
    async def reply(peer: Peer) -> None:
        await peer.ready()
        assert await peer.hear_command() == {"type": "close"}
        assert bytes(peer.audio) == b"ab" * 1000
        await peer.say("audio.start", seq=2, reply=1, encoding="linear16", sample_rate=24000, channels=1)
        await peer.socket.send(b"reply1")
        await peer.say("reply.end", seq=3, reply=1, cause="complete")
        await peer.socket.close(1000)

    shown: list[ServerEvent | Audio] = []
    async with scripted(reply) as url, VoiceClient(url) as client:
        pipes.say(b"ab" * 1000)
        await pipe(pipes, client, shown.append).converse(32_000)
    assert pipes.heard() == b"reply1"
    assert [type(event).__name__ for event in shown] == ["Ready", "AudioStart", "Audio", "ReplyEnd"]


async def test_a_file_is_sent_at_real_time(pipes: Pipes) -> None:
    loop = asyncio.get_running_loop()

    async def listen(peer: Peer) -> None:
        await peer.ready()
        begun = loop.time()
        await peer.hear_command()
        # 0.8 s of audio, of which half a second may come at once.
        assert 0.2 < loop.time() - begun < 0.8
        await peer.socket.close(1000)

    async with scripted(listen) as url, VoiceClient(url) as client:
        pipes.say(bytes(25_600))
        await pipe(pipes, client).converse(32_000)


async def test_nothing_of_a_cleared_reply_is_written(pipes: Pipes) -> None:
    cleared = asyncio.Event()

    async def reply(peer: Peer) -> None:
        await peer.ready()
        await peer.say("audio.start", seq=2, reply=1, encoding="linear16", sample_rate=24000, channels=1)
        for _ in range(16):
            await peer.socket.send(b"a" * 4096)
        await peer.say("clear", seq=3, reply=1)
        await peer.say("audio.start", seq=4, reply=2, encoding="linear16", sample_rate=24000, channels=1)
        await peer.socket.send(b"b")
        await peer.socket.close(1000)

    def show(event: ServerEvent | Audio) -> None:
        if isinstance(event, Clear):
            cleared.set()

    heard = b""
    async with scripted(reply) as url, VoiceClient(url) as client:
        pipes.close(pipes.into)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pipe(pipes, client, show).converse(32_000))
            await cleared.wait()
            while not heard.endswith(b"b"):
                heard += await asyncio.to_thread(os.read, pipes.out, 1 << 20)
    # A pipe of 16 KiB and the piece that was being written, out of 64 KiB.
    assert heard.count(b"a") <= 16_384 + 4096


async def test_a_closed_stdout_ends_it(pipes: Pipes) -> None:
    async def reply(peer: Peer) -> None:
        await peer.ready()
        await peer.say("audio.start", seq=2, reply=1, encoding="linear16", sample_rate=24000, channels=1)
        await peer.socket.send(b"nobody reads this")
        await peer.socket.wait_closed()

    async with scripted(reply) as url, VoiceClient(url) as client:
        pipes.close(pipes.out)
        await pipe(pipes, client).converse(32_000)


async def test_lines_are_said_one_after_another(pipes: Pipes) -> None:
    heard: list[dict[str, Any]] = []

    async def speak(peer: Peer) -> None:
        await peer.ready()
        for _ in range(4):
            heard.append(await peer.hear_command())
        # Two are ahead, and no more come before one is spoken.
        await peer.say("flushed", seq=2, id=heard[1]["id"])
        for _ in range(2):
            heard.append(await peer.hear_command())
        for n, command in enumerate(heard[3::2]):
            await peer.say("flushed", seq=3 + n, id=command["id"])
        heard.append(await peer.hear_command())
        await peer.socket.close(1000)

    async with scripted(speak) as url, VoiceClient(url, mode="speak") as client:
        pipes.say(b"Eins.\n\n...\nZwei.\nDrei")
        await pipe(pipes, client).dictate()
    assert [command.get("text") for command in heard] == ["Eins.", None, "Zwei.", None, "Drei", None, None]
    assert [command["type"] for command in heard] == ["speak", "flush"] * 3 + ["close"]
    assert all(command["flush"] is False for command in heard if command["type"] == "speak")


async def test_lines_that_a_lost_conversation_owes_are_not_waited_for(pipes: Pipes) -> None:
    heard: list[str] = []

    async def dies(peer: Peer) -> None:
        await peer.ready()
        for _ in range(4):
            await peer.hear_command()
        await peer.socket.close(4007, "state_lost")

    async def new(peer: Peer) -> None:
        await peer.ready(conversation="c2")
        while (command := await peer.hear_command())["type"] != "close":
            heard.append(command["type"])
        await peer.socket.close(1000)

    async with scripted(dies, new) as url, VoiceClient(url, mode="speak") as client:
        pipes.say(b"1\n2\n3\n")
        await pipe(pipes, client).dictate()
    assert heard == ["speak", "flush"]


class Chunks:
    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


async def test_lines_are_cut_anywhere() -> None:
    text = "ä\nöü\r\n\nend".encode()
    whole = [line async for line in lines(Chunks(text))]
    assert whole == ["ä", "öü\r", "", "end"]
    for cut in range(len(text)):
        assert [line async for line in lines(Chunks(text[:cut], text[cut:]))] == whole
    assert [line async for line in lines(Chunks(b"bad \xff byte\n"))] == ["bad � byte", ""]


def test_pieces_fit_one_request_each_and_end_between_words() -> None:
    text = "word " * 1000
    cut = list(pieces(text))
    assert "".join(cut) == text
    assert all(len(piece) <= 2000 and piece.endswith(" ") for piece in cut)
    assert [len(piece) for piece in pieces("x" * 4500)] == [2000, 2000, 500]
    assert list(pieces(" -- … ")) == []


@pytest.mark.parametrize(
    ("mode", "stdin", "stdout", "refused"),
    [
        ("converse", False, False, ""),
        ("converse", True, False, "stdin"),
        ("converse", False, True, "stdout"),
        ("listen", False, True, ""),
        ("listen", True, True, "stdin"),
        ("speak", True, False, ""),
        ("speak", False, True, "stdout"),
    ],
)
def test_audio_is_neither_typed_nor_shown(mode: str, stdin: bool, stdout: bool, refused: str) -> None:
    if refused:
        with pytest.raises(ConfigError, match=f"^{refused} is a terminal"):
            refuse_terminals(mode, stdin=stdin, stdout=stdout)
    else:
        refuse_terminals(mode, stdin=stdin, stdout=stdout)
