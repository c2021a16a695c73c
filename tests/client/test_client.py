from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator

import pytest

from tests.client.scripted import Peer, scripted
from voicesrv_client import Closed, Upkeep, VoiceClient
from voicesrv_client.events import Audio, AudioStart, Ready
from voicesrv_client.playout import Playout

pytestmark = pytest.mark.anyio


async def test_a_conversation_from_ready_to_close() -> None:
    async def converse(peer: Peer) -> None:
        assert peer.query == {"mode": "converse", "interim": "false"}
        assert peer.headers["Authorization"] == "Bearer key"
        assert peer.socket.subprotocol == "voicesrv.v1"
        await peer.ready(connection="n1")
        await peer.hear_audio(4)
        await peer.say("audio.start", seq=2, reply=1, encoding="linear16", sample_rate=24000, channels=1)
        await peer.socket.send(b"wxyz")
        assert await peer.hear_command() == {"type": "close"}
        await peer.socket.close(1000)

    async with scripted(converse) as url, VoiceClient(url, token="key", mode="converse", interim=False) as client:
        await client.send_audio(b"abcd")
        events = []
        async for event in client:
            events.append(event)
            if isinstance(event, Audio):
                await client.close()
        assert [type(e) for e in events] == [Ready, AudioStart, Audio]
        assert events[2] == Audio(1, b"wxyz", 0)
        assert (client.conversation, client.connection) == ("c1", "n1")
        assert (client.reconnections, client.lost_ms) == (0, 0)


async def test_every_command_on_the_wire() -> None:
    heard = []

    async def listen(peer: Peer) -> None:
        await peer.ready()
        while not peer.commands or peer.commands[-1]["type"] != "close":
            await peer.hear()
        heard.extend(peer.commands)
        await peer.socket.close(1000)

    async with scripted(listen) as url, VoiceClient(url) as client:
        await client.send_text("grüß dich")
        await client.say("one", flush=False)
        await client.flush()
        await client.flush("f1")
        await client.finalize()
        await client.cancel()
        await client.playback(3, 1200)
        await client.tool_result("t1", "42")
        await client.tool_result("t2", error="no such city")
        await client.tool_result("t3", None)
        await client.configure(instructions="be brief", tools=[{"name": "f"}], endpointing_ms=200)
        await client.ping()
        await client.ping(7)
        await client.close()
        assert [event async for event in client] == [Ready("voicesrv.v1", "c1", resume="r1")]
    assert heard == [
        {"type": "text", "text": "grüß dich"},
        {"type": "speak", "text": "one", "flush": False},
        {"type": "flush"},
        {"type": "flush", "id": "f1"},
        {"type": "finalize"},
        {"type": "cancel"},
        {"type": "playback", "reply": 3, "played_ms": 1200},
        {"type": "tool_result", "id": "t1", "output": "42"},
        {"type": "tool_result", "id": "t2", "error": "no such city"},
        {"type": "tool_result", "id": "t3", "output": None},
        {
            "type": "configure",
            "id": "configure-1",
            "endpointing_ms": 200,
            "instructions": "be brief",
            "tools": [{"name": "f"}],
        },
        {"type": "ping"},
        {"type": "ping", "id": 7},
        {"type": "close"},
    ]


async def test_settings_go_into_the_query_or_are_told_at_once() -> None:
    async def listen(peer: Peer) -> None:
        assert peer.query == {"conversation": "c7", "keyterms": "Saoirse,piper", "endpointing_max_ms": "2000"}
        await peer.ready(conversation="c7")
        asked = {"type": "configure", "id": "configure-1", "instructions": "be brief", "tools": [{"name": "f"}]}
        assert await peer.hear_command() == asked
        assert await peer.hear_command() == {
            "type": "configure",
            "id": "configure-2",
            "keyterms": ["Kim"],
            "voice": None,
        }
        await peer.socket.close(1000)

    async with (
        scripted(listen) as url,
        VoiceClient(
            url,
            conversation="c7",
            keyterms=["Saoirse", "piper"],
            endpointing_max_ms=2000,
            voice=None,
            instructions="be brief",
            tools=[{"name": "f"}],
        ) as client,
    ):
        await client.configure(keyterms=["Kim"], voice=None)
        assert [type(event) async for event in client] == [Ready]


async def test_a_token_is_fetched_for_each_connection() -> None:
    given: list[str] = []
    seen: list[str] = []

    async def token() -> str:
        given.append(f"token-{len(given)}")
        if len(given) == 2:
            raise OSError("the network is down")
        return given[-1]

    async def drops(peer: Peer) -> None:
        seen.append(peer.headers["Authorization"])
        await peer.ready()
        peer.drop()

    async def ends(peer: Peer) -> None:
        seen.append(peer.headers["Authorization"])
        await peer.ready()
        await peer.socket.close(1000)

    upkeep = Upkeep(jitter=lambda: 0.0)
    async with scripted(drops, ends) as url, VoiceClient(url, token=token, upkeep=upkeep) as client:
        assert [type(event) async for event in client] == [Ready, Ready]
    assert seen == ["Bearer token-0", "Bearer token-2"]


async def test_a_token_that_cannot_be_made_ends_the_conversation() -> None:
    given: list[str] = []

    async def token() -> str:
        given.append("token")
        if len(given) > 1:
            raise KeyError("nobody is logged in")
        return "token"

    async def drops(peer: Peer) -> None:
        await peer.ready()
        peer.drop()

    async with scripted(drops) as url:
        client = VoiceClient(url, token=token, upkeep=Upkeep(jitter=lambda: 0.0))
        await client.__aenter__()
        with pytest.raises(KeyError, match="logged in"):
            async for _ in client:
                pass
        with pytest.raises(Closed):  # not kept waiting for a connection that nobody makes
            await client.send_text("hello")
        await client.__aexit__(None, None, None)


async def test_a_microphone_and_what_is_played_are_told_until_the_end() -> None:
    playout = Playout()
    played: list[int] = []

    async def blocks() -> AsyncIterator[bytes]:
        while True:  # as a microphone does
            yield b"ab"
            await asyncio.sleep(0)

    async def listen(peer: Peer) -> None:
        await peer.ready()
        await peer.hear_audio(10)
        for ms in (20, 30):
            playout.push(4, bytes(48 * ms))
            playout.pull(48 * ms)
            report = await peer.hear_command()
            assert (report["type"], report["reply"]) == ("playback", 4)
            played.append(report["played_ms"])
        await peer.socket.close(1000)

    async with scripted(listen) as url, VoiceClient(url) as client, asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(client.send_all(blocks()))
        tasks.create_task(client.report(playout))
        async for _ in client:
            pass
    assert played == [20, 50]


async def test_sending_all_ends_with_the_conversation_where_nothing_more_comes() -> None:
    ended = asyncio.Event()

    async def says_nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def says_nothing_more() -> AsyncIterator[bytes]:
        yield b"ab"
        try:
            await asyncio.Event().wait()  # as of a microphone that is closed
        finally:
            ended.set()

    async def listen(peer: Peer) -> None:
        await peer.ready()
        await peer.hear_audio(2)
        await peer.socket.close(1000)

    async with scripted(listen) as url, VoiceClient(url) as client, asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(client.send_all(says_nothing_more()))
        async for _ in client:
            pass
        await ended.wait()
        await client.send_all(says_nothing())  # nor does it begin


async def test_what_goes_wrong_with_the_audio_is_raised_as_it_is() -> None:
    async def fails() -> AsyncIterator[bytes]:
        yield b"ab"
        raise TimeoutError("the device is gone")

    async def listen(peer: Peer) -> None:
        await peer.ready()
        await peer.socket.wait_closed()

    async with scripted(listen) as url, VoiceClient(url) as client:
        with pytest.raises(TimeoutError, match="the device is gone"):
            await client.send_all(fails())


async def test_what_cannot_be_sent_ends_no_connection() -> None:
    async def listen(peer: Peer) -> None:
        await peer.ready()
        assert await peer.hear_command() == {"type": "text", "text": "caf\ufffd"}
        assert await peer.hear_command() == {"type": "tool_result", "id": "t", "output": {"n": 1}}
        await peer.socket.close(1000)

    async with scripted(listen) as url, VoiceClient(url) as client:
        await client.send_text("caf\ud83d")
        with pytest.raises(TypeError, match="output: "):
            await client.tool_result("t", object())
        with pytest.raises(ValueError, match="output: "):
            await client.tool_result("t", math.nan)
        await client.tool_result("t", {"n": 1})
        assert [type(event) async for event in client] == [Ready]


async def test_a_client_that_is_not_entered_says_so() -> None:
    client = VoiceClient("http://localhost:1")
    for command in (client.send_text("hi"), client.send_audio(b""), client.configure(language="de"), client.close()):
        with pytest.raises(RuntimeError, match="enter the client first"):
            await command


async def test_leaving_ends_the_conversation_and_closes_the_connection() -> None:
    codes = []

    async def listen(peer: Peer) -> None:
        await peer.ready()
        assert json.loads(await peer.socket.recv()) == {"type": "close", "finish": False}
        await peer.socket.wait_closed()
        codes.append(peer.socket.close_code)

    async with scripted(listen) as url:
        async with VoiceClient(url) as client:
            pass
        with pytest.raises(Closed):
            await client.send_text("late")
        assert [type(e) async for e in client] == [Ready]
    assert codes == [1000]


async def test_a_bad_address_or_encoding_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ValueError, match="no address"):
        VoiceClient("localhost")
    with pytest.raises(ValueError, match="'mp3'"):
        VoiceClient("http://localhost", encoding="mp3")
