"""The thin shells around PortAudio, on a stand-in for it that calls back when a test says so."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import voicesrv_client
from voicesrv_client.playout import Playout


class Stream:
    """A device that never runs by itself."""

    opened: list[Stream] = []  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.states: list[str] = []
        self.opened.append(self)

    def start(self) -> None:
        self.states.append("started")

    def close(self) -> None:
        self.states.append("closed")


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    portaudio = ModuleType("sounddevice")
    vars(portaudio).update(RawInputStream=Stream, RawOutputStream=Stream, PortAudioError=RuntimeError)
    monkeypatch.setitem(sys.modules, "sounddevice", portaudio)
    sys.modules.pop("voicesrv_client.devices", None)
    vars(voicesrv_client).pop("devices", None)
    from voicesrv_client import devices

    yield devices
    sys.modules.pop("voicesrv_client.devices", None)
    vars(voicesrv_client).pop("devices", None)
    Stream.opened.clear()


@pytest.mark.anyio
async def test_a_microphone_gives_blocks_of_20_ms(devices: Any) -> None:
    with devices.Microphone() as microphone:
        (stream,) = Stream.opened
        assert stream.states == ["started"]
        assert {key: stream.options[key] for key in ("samplerate", "channels", "dtype", "blocksize")} == {
            "samplerate": 16000,
            "channels": 1,
            "dtype": "int16",
            "blocksize": 320,
        }
        buffer = bytearray(b"ab" * 320)
        await asyncio.to_thread(stream.options["callback"], buffer, 320, None, None)
        buffer[:] = b"cd" * 320  # the device uses its buffer again
        await asyncio.to_thread(stream.options["callback"], buffer, 320, None, None)
        blocks = aiter(microphone)
        assert [await anext(blocks), await anext(blocks)] == [b"ab" * 320, b"cd" * 320]
    assert stream.states == ["started", "closed"]


@pytest.mark.anyio
async def test_a_microphone_that_nobody_hears_drops_the_oldest(devices: Any) -> None:
    with devices.Microphone() as microphone:
        for n in range(253):
            microphone._put(bytes([n]))
        assert microphone.dropped == 3
        assert await anext(aiter(microphone)) == b"\3"


def test_a_speaker_plays_what_there_is_and_silence_after_it(devices: Any) -> None:
    playout = Playout()
    heard: list[bytes] = []
    with devices.Speaker(playout, heard.append):
        (stream,) = Stream.opened
        playout.push(1, b"abcdef")
        out = bytearray(b"x" * 8)
        stream.options["callback"](memoryview(out), 4, None, None)
        assert out == b"abcdef\0\0"
        stream.options["callback"](memoryview(out), 4, None, None)
        assert out == bytes(8)
    assert heard == [b"abcdef"]
    assert stream.states == ["started", "closed"]


@pytest.mark.parametrize(
    ("found", "kind", "says"),
    [(None, ImportError, "voicesrv-client\\[mic\\]"), ("no library", OSError, "PortAudio library")],
)
def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, kind: type[Exception], says: str
) -> None:
    for name in ("sounddevice", "voicesrv_client.devices"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    if found is None:
        monkeypatch.setitem(sys.modules, "sounddevice", None)  # as where it is not installed
    else:
        (tmp_path / "sounddevice.py").write_text(f"raise OSError({found!r})")
        monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(kind, match=says):
        importlib.import_module("voicesrv_client.devices")
