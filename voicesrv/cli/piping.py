"""A conversation between stdin and stdout: what ``voicesrv pipe`` does."""

from __future__ import annotations

import asyncio
import codecs
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from voicesrv.cli.reach import Server
from voicesrv.cli.screen import View
from voicesrv.cli.streams import Reader, Writer
from voicesrv.errors import ConfigError
from voicesrv_client import Settings, VoiceClient
from voicesrv_client.events import Audio, Clear, Flushed, Ready, ServerEvent
from voicesrv_client.pacing import Pacer
from voicesrv_client.protocol import bytes_per_second

_CHUNKS_PER_S = 20
"""Chunks of 50 ms at most: what arrives in smaller ones is passed on as it comes."""
_HELD_BACK_S = 10
"""Output that may wait for a slow reader before no more is taken from the server."""
_BURST_S = 0.5
"""Input that may be sent at once; a file is then sent at real time, as a microphone's audio would come."""
_LINES_AHEAD = 2
"""Lines to be spoken that the server has at a time; its own limits are far above."""
_MAX_SPEAK = 2000
"""Characters of one ``speak``, see ``docs/protocol.md``."""
_LINES_PER_S = 7.0
"""Two commands each, and the server takes 20 a second."""

Show = Callable[[ServerEvent | Audio], object]
"""Called with every event and every piece of audio."""


class _NobodyReads(Exception):
    """Stdout was closed at its other end."""


async def pipe_to(server: Server, options: Settings, events: Path | None) -> None:
    """Hold a conversation between stdin and stdout; what is said goes to stderr.

    Args:
        server: whom to talk to.
        options: settings of the conversation; the mode and the formats of the audio among them.
        events: keeps every event, one JSON object a line.

    Raises:
        ConfigError: a terminal where audio is to go, ``events`` that cannot be written, or a bad option.
        VoiceClientError: the server does not let it in, or is gone for good.
    """
    if sys.stdin is None or sys.stdout is None:  # the shell closed them: `<&-`, `>&-`
        raise ConfigError("stdin and stdout are the conversation's audio; one of them is closed")
    refuse_terminals(str(options["mode"]), stdin=sys.stdin.isatty(), stdout=sys.stdout.isatty())
    bytes_per_s = bytes_per_second(
        str(options["encoding"]), int(options["sample_rate"] or 0), int(options["channels"] or 0)
    )
    out_per_s = bytes_per_second(str(options["output_encoding"]), int(options["output_sample_rate"] or 0))
    with _log(events) as log:
        view = View()

        def show(event: ServerEvent | Audio) -> None:
            if isinstance(event, ServerEvent) and log is not None:
                print(json.dumps(event.raw, ensure_ascii=False), file=log, flush=True)
            for line in view.apply(event):
                if line.who != "latency":
                    print(line, file=sys.stderr, flush=True)

        async with server.connected(options) as client:
            stdin = Reader(sys.stdin.fileno(), bytes_per_s // _CHUNKS_PER_S)
            pipe = Pipe(client, stdin, Writer(sys.stdout.fileno(), _HELD_BACK_S * out_per_s), show)
            await (pipe.dictate() if options["mode"] == "speak" else pipe.converse(bytes_per_s))


def refuse_terminals(mode: str, *, stdin: bool, stdout: bool) -> None:
    """Say what to do where audio would be typed or shown.

    Args:
        stdin, stdout: whether each is a terminal.

    Raises:
        ConfigError: one is, and the mode has audio there.
    """
    if stdin and mode != "speak":
        raise ConfigError("stdin is a terminal and should be audio: arecord -q -f S16_LE -r 16000 -c 1 | voicesrv pipe")
    if stdout and mode != "listen":
        raise ConfigError("stdout is a terminal and gets audio: voicesrv pipe | aplay -q -f S16_LE -r 24000 -c 1")


def _log(path: Path | None) -> AbstractContextManager[TextIO | None]:
    try:
        return path.open("w", encoding="utf-8") if path else nullcontext()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


class Pipe:
    """Moves what the microphone or a text says to the server, and replies to stdout."""

    def __init__(self, client: VoiceClient, stdin: Reader, writer: Writer, show: Show) -> None:
        self._client = client
        self._stdin = stdin
        self._writer = writer
        self._show = show
        self._conversation = ""
        self._room = asyncio.Semaphore(_LINES_AHEAD)
        self._unspoken: set[str] = set()  # ids of the flushes that are to be answered

    async def converse(self, bytes_per_s: int) -> None:
        """Send stdin as audio until it ends, then hear the server out.

        Args:
            bytes_per_s: of the input audio.

        Raises:
            VoiceClientError: the server is gone for good.

        A stdout that is closed ends it quietly.
        """
        await self._run(self._send_audio(bytes_per_s))

    async def dictate(self) -> None:
        """Have each line of stdin spoken; otherwise as ``converse``."""
        await self._run(self._send_lines())

    async def _run(self, send: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(self._send(send)), tasks.create_task(self._watch())]
                await self._receive()
                for task in others:
                    task.cancel()
            await self._writer.drain()
        except* _NobodyReads:
            pass

    async def _send(self, send: Coroutine[Any, Any, None]) -> None:
        await send
        await self._client.close()

    async def _watch(self) -> None:
        await self._writer.closed.wait()
        raise _NobodyReads

    async def _receive(self) -> None:
        async for event in self._client:
            match event:
                case Audio(reply=reply, pcm=pcm):
                    await self._writer.write(reply, pcm)
                case Clear(reply=reply):
                    self._writer.clear(reply)
                case Flushed(id=str(id)) if id in self._unspoken:
                    self._spoken([id])
                case Ready(conversation=conversation) if conversation != self._conversation:
                    self._conversation = conversation
                    self._spoken(list(self._unspoken))  # lost with the old conversation
            self._show(event)

    async def _send_audio(self, bytes_per_s: int) -> None:
        pacer = Pacer(bytes_per_s, _BURST_S * bytes_per_s)
        now = asyncio.get_running_loop().time
        async for chunk in self._stdin:
            await asyncio.sleep(pacer.wait_s(len(chunk), now()))
            await self._client.send_audio(chunk)

    async def _send_lines(self) -> None:
        pacer = Pacer(_LINES_PER_S, burst=1)
        now = asyncio.get_running_loop().time
        n_lines = 0
        async for line in lines(self._stdin):
            for piece in pieces(line):
                await self._room.acquire()
                await asyncio.sleep(pacer.wait_s(1, now()))
                n_lines += 1
                self._unspoken.add(f"line-{n_lines}")
                await self._client.say(piece, flush=False)
                await self._client.flush(f"line-{n_lines}")

    def _spoken(self, ids: list[str]) -> None:
        for id in ids:
            self._unspoken.remove(id)
            self._room.release()


async def lines(stdin: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """Cut bytes as they arrive into lines of UTF-8 text, the last one with or without its end."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    async for chunk in stdin:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in whole:
            yield line
    yield rest + decoder.decode(b"", final=True)


def pieces(line: str) -> Iterator[str]:
    """Cut a line into texts that one ``speak`` takes, between words; one without a letter or digit is dropped."""
    while line:
        cut = len(line) if len(line) <= _MAX_SPEAK else line.rfind(" ", 1, _MAX_SPEAK) + 1 or _MAX_SPEAK
        piece, line = line[:cut], line[cut:]
        if any(character.isalnum() for character in piece):
            yield piece
