from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.scripted import Peer, scripted
from voicesrv.audio.files import decode, write_wav
from voicesrv.cli import talking
from voicesrv.cli.reach import Server
from voicesrv.cli.talking import Exchange, talk_to
from voicesrv.errors import ClientError
from voicesrv_client.events import Ready, ReplyEnd, ReplyStart, ServerError, TurnEnd, TurnStart

SPEECH = Path("tests/data/speech/en_go_forward.wav")


def test_exchange_is_idle_when_nothing_is_due() -> None:
    exchange = Exchange()
    assert exchange.idle
    for event, idle in [
        (TurnStart(1), False),
        (TurnEnd(1, "hello"), False),
        (ReplyStart(1, 1), False),
        (TurnStart(2), False),
        (ReplyEnd(1), False),
        (TurnEnd(2, ""), True),  # nothing understood gets no reply
        (TurnEnd(3, "hello"), False),
        (TurnEnd(4, "again"), False),
        (ReplyStart(2, 4), False),  # one reply to both
        (ReplyEnd(2), True),
        (TurnEnd(5, "hello"), False),
        (ServerError("engine_failed"), True),
        (Ready("voicesrv.v1", "c1"), True),
        (TurnEnd(6, "hello"), False),
        (ReplyStart(3, 6), False),
        (TurnStart(7), False),
        (Ready("voicesrv.v1", "c1"), False),  # resumed
        (Ready("voicesrv.v1", "c2"), True),  # the other one is lost, and all that was open in it
    ]:
        exchange.apply(event)
        assert exchange.idle is idle, event


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """100 ms of speech."""
    samples = next(iter(decode(SPEECH)))
    write_wav(tmp_path / "clip.wav", [samples[:1000], samples[:610]], 16_000)
    return tmp_path / "clip.wav"


@pytest.mark.anyio
async def test_says_a_recording_plays_and_keeps_the_reply(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(talking, "_SETTLE_MS", 100)
    played: list[dict[str, object]] = []

    async def reply(peer: Peer) -> None:
        assert peer.query == {"endpointing_ms": "100"}
        await peer.ready()
        await peer.say("turn.start", seq=2, turn=1, at_ms=0)
        await peer.hear_audio(3400)
        await peer.say("transcript", seq=3, turn=1, text="go for", stable=2)
        await peer.say("turn.end", seq=4, turn=1, text="go forward")
        await peer.say("reply.start", seq=5, reply=1, turn=1)
        await peer.say("reply.text", seq=6, reply=1, delta="Gone.")
        await peer.say("audio.start", seq=7, reply=1, encoding="linear16", sample_rate=24000, channels=1)
        await peer.socket.send(b"\1\0" * 24 * 600)
        await peer.say("audio.end", seq=8, reply=1, duration_ms=600)
        await peer.say("reply.end", seq=9, reply=1, text="Gone.", heard="Gone.", cause="complete")
        while not peer.commands or peer.commands[-1]["type"] != "close":
            await peer.hear()
        played.extend(command for command in peer.commands if command["type"] == "playback")
        # 100 ms of speech, filled up to a message, and silence for as long as the reply took and a while more.
        assert peer.audio[: 1610 * 2] == b"".join(block.tobytes() for block in decode(clip))
        assert not any(peer.audio[1610 * 2 :])
        assert len(peer.audio) >= 32 * (100 + 600 + 200)
        await peer.socket.close(1000)

    async with scripted(reply) as url:
        out = tmp_path / "reply.wav"
        await talk_to(Server(url, None, None), {"endpointing_ms": 100}, [clip], aloud=False, out=out)
    assert capsys.readouterr().out.splitlines() == ["you… go| for", "you: go forward", "agent: Gone."]
    assert b"".join(block.tobytes() for block in decode(out)) != b""
    assert out.read_bytes()[-28_800:] == b"\1\0" * 24 * 600
    assert all(report["reply"] == 1 for report in played)
    times = [int(str(report["played_ms"])) for report in played]
    assert times == sorted(times)
    assert times[-1] == 600


@pytest.mark.anyio
async def test_what_is_cleared_is_neither_played_nor_kept(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking, "_SETTLE_MS", 100)

    async def interrupted(peer: Peer) -> None:
        await peer.ready()
        await peer.say("audio.start", seq=2, reply=1, encoding="linear16", sample_rate=24000, channels=1)
        await peer.socket.send(b"\1\0" * 24 * 2000)
        await peer.say("clear", seq=3, reply=1)
        await peer.say("reply.end", seq=4, reply=1, text="long", heard="", cause="interrupted")
        while not peer.commands:
            await peer.hear()
        await peer.socket.close(1000)

    async with scripted(interrupted) as url:
        out = tmp_path / "reply.wav"
        await talk_to(Server(url, None, None), {"endpointing_ms": 100}, [clip], aloud=False, out=out)
    assert out.stat().st_size < 44 + 48 * 100


@pytest.mark.anyio
async def test_push_to_talk_ends_the_turn_with_the_recording(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "_SETTLE_MS", 100)

    async def listen(peer: Peer) -> None:
        await peer.ready()
        assert await peer.hear_command() == {"type": "finalize"}
        assert len(peer.audio) in range(32 * 100, 32 * 140)
        await peer.hear_command()
        await peer.socket.close(1000)

    async with scripted(listen) as url:
        await talk_to(Server(url, None, None), {"endpointing_ms": 0}, [clip], aloud=False, out=None)


@pytest.mark.anyio
async def test_a_file_that_is_no_recording_is_found_before_a_server_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "not.wav").write_text("no audio")
    with pytest.raises(ClientError, match=r"not\.wav"):
        await talk_to(Server("http://127.0.0.1:9", None, None), {}, [tmp_path / "not.wav"], aloud=False, out=None)
