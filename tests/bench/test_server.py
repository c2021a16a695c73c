from __future__ import annotations

import pytest

from voicesrv.bench.orders import Serving
from voicesrv.bench.server import settings_for


def test_null_engines_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESRV_STT", "pocketsphinx")
    settings = settings_for(Serving(null=True, conversations=500))
    assert {settings.vad, settings.stt, settings.llm, settings.tts} == {"null"}
    assert settings.max_conversations == 500


def test_real_engines_are_those_of_the_settings_without_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESRV_STT", "pocketsphinx")
    monkeypatch.setenv("VOICESRV_API_KEYS", "a-long-enough-key")
    settings = settings_for(Serving(null=False, conversations=7))
    assert settings.stt == "pocketsphinx"
    assert settings.max_conversations == 7
    assert settings.api_keys == ()
