"""Engines by name: what is listed, what is loaded, and what is said of those that cannot be."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from voicesrv import plugins
from voicesrv.errors import ClientError, Code, ConfigError, EngineUnavailable


def pretend(monkeypatch: pytest.MonkeyPatch, **named: str) -> None:
    """Make these the only entry points there are."""
    points = [EntryPoint(name, value, "voicesrv.stt") for name, value in named.items()]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == "voicesrv.stt" else [])


def test_every_kind_has_engines_of_ours() -> None:
    names = {kind: set(plugins.available(kind)) for kind in plugins.KINDS}
    assert names["vad"] >= {"silero", "webrtc", "null"}
    assert names["stt"] >= {"pocketsphinx", "null"}
    assert names["llm"] >= {"echo", "pydantic", "null"}
    assert names["tts"] >= {"espeak", "null"}


def test_listing_imports_nothing() -> None:
    before = set(sys.modules)
    plugins.available("stt")
    assert not {name for name in set(sys.modules) - before if name.startswith("voicesrv.engines.")}


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_every_engine_of_ours_loads_and_has_options(kind: plugins.Kind) -> None:
    for name in plugins.available(kind):
        assert hasattr(plugins.load(kind, name), "Options"), name


def test_an_engine_of_another_package_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text("class OtherStt:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    pretend(monkeypatch, other="elsewhere:OtherStt")
    assert list(plugins.available("stt")) == ["other"]
    assert plugins.load("stt", "other").__name__ == "OtherStt"


def test_an_unknown_name_is_the_clients_fault_and_lists_what_exists() -> None:
    with pytest.raises(ClientError, match=r"stt: 'nope' is no engine here; there are auto, .*pocketsphinx") as caught:
        plugins.load("stt", "nope")
    assert caught.value.code is Code.NOT_FOUND


def test_a_long_name_is_cut_in_the_answer() -> None:
    with pytest.raises(ClientError) as caught:
        plugins.load("stt", "x" * 500)
    assert len(caught.value.message) < 200


def test_a_missing_backend_says_which_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)  # what Python does for a package that must not be found
    monkeypatch.delitem(sys.modules, "voicesrv.engines.webrtc_vad", raising=False)
    with pytest.raises(EngineUnavailable, match=r"'webrtc' needs the package 'webrtcvad', which is not installed"):
        plugins.load("vad", "webrtc")


def test_a_backend_that_cannot_find_its_library_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "needs_library.py").write_text("raise OSError('libsomething.so: no such file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    pretend(monkeypatch, lame="needs_library:LameStt")
    with pytest.raises(EngineUnavailable, match=r"'lame' cannot be loaded: libsomething\.so"):
        plugins.load("stt", "lame")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module_at_all:Stt", "does not exist"),
        ("voicesrv.errors:NoSuchClass", "does not exist"),
        ("voicesrv.plugins:available", "is not a class"),
    ],
)
def test_a_broken_entry_point_is_a_fault_of_the_setup(monkeypatch: pytest.MonkeyPatch, value: str, said: str) -> None:
    pretend(monkeypatch, broken=value)
    with pytest.raises(ConfigError, match=f"'broken': {value} {said}"):
        plugins.load("stt", "broken")


def test_another_package_may_replace_an_engine_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("pocketsphinx", "elsewhere:Better", "voicesrv.stt"),
        EntryPoint("pocketsphinx", "voicesrv.engines.pocketsphinx_stt:PocketSphinxStt", "voicesrv.stt"),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    assert plugins.available("stt")["pocketsphinx"].value == "elsewhere:Better"


def test_two_packages_may_not_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("same", "one:Stt", "voicesrv.stt"),
        EntryPoint("same", "two:Stt", "voicesrv.stt"),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    with pytest.raises(ConfigError, match="'same' is named by two packages, as one:Stt and two:Stt: remove one"):
        plugins.available("stt")
