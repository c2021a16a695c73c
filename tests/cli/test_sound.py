from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import voicesrv_client
from voicesrv.audio.files import decode
from voicesrv.cli.sound import Sound, microphone
from voicesrv.errors import ConfigError


class Broken(ModuleType):
    """A sounddevice that finds no device."""

    class PortAudioError(Exception):
        pass

    def RawInputStream(self, **options: object) -> object:
        raise self.PortAudioError("Error querying device -1")

    RawOutputStream = RawInputStream


@pytest.fixture
def fresh() -> Iterator[None]:
    """Have the devices imported anew, now and by whoever comes next."""

    def forget() -> None:
        sys.modules.pop("voicesrv_client.devices", None)
        vars(voicesrv_client).pop("devices", None)

    forget()
    yield
    forget()


@pytest.fixture
def without_devices(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Broken("sounddevice"))


@pytest.fixture
def without_package(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)


@pytest.mark.anyio
async def test_plays_at_real_time_and_keeps_what_was_played(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    with Sound(aloud=False, out=tmp_path / "out.wav") as sound:
        sound.playout.push(1, b"\1\0" * 24 * 300)
        playing = asyncio.create_task(sound.play())
        begun = loop.time()
        await asyncio.sleep(0.1)
        assert sound.playout.played_ms()[1] <= (loop.time() - begun) * 1000 + 20
        sound.playout.clear(1)
        playing.cancel()
        sound.keep()
        played_ms = sound.playout.played_ms()[1]
    assert 80 <= played_ms < 300
    # 24 kHz, read at 16 kHz.
    assert sum(block.size for block in decode(tmp_path / "out.wav")) == pytest.approx(played_ms * 16, abs=32)


@pytest.mark.usefixtures("without_package")
def test_a_missing_package_is_said_and_done_without(capsys: pytest.CaptureFixture[str]) -> None:
    with Sound(aloud=True, out=None):
        pass
    assert "pip install 'voicesrv[mic]'; replies are not played" in capsys.readouterr().err


@pytest.mark.usefixtures("without_devices")
def test_a_missing_speaker_is_said_and_done_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Sound(aloud=True, out=tmp_path / "out.wav"):
        pass
    said = capsys.readouterr().err
    assert "there is no speaker (Error querying device -1)" in said
    assert "kept in" in said


@pytest.mark.usefixtures("without_package")
def test_a_microphone_needs_a_package() -> None:
    with pytest.raises(ConfigError, match=r"voicesrv\[mic\].*; talk with a recording instead"):
        microphone()


@pytest.mark.anyio
@pytest.mark.usefixtures("without_devices")
async def test_a_microphone_needs_a_device() -> None:
    with pytest.raises(ConfigError, match=r"there is no microphone .*; talk with a recording instead"):
        microphone()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"), Sound(aloud=False, out=tmp_path / "no" / "out.wav"):
        pass
