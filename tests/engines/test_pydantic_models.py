from __future__ import annotations

import pytest
from pydantic_ai.models import Model

from voicesrv.engines.llm_choice import LOCAL
from voicesrv.engines.pydantic_models import make_model
from voicesrv.errors import EngineUnavailable

URL = "http://127.0.0.1:9/v1"


def address(model: Model) -> str:
    return str(model.base_url).rstrip("/")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OLLAMA_BASE_URL", "VLLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_provider_finds_its_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    model = make_model("openai:gpt-6-luna")
    assert (model.system, model.model_name) == ("openai", "gpt-6-luna")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(EngineUnavailable, match=r"'openai:gpt-6-luna'.*OPENAI_API_KEY"):
        make_model("openai:gpt-6-luna")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("voicesrv.engines.pydantic_models.infer_provider_class", missing)
    with pytest.raises(EngineUnavailable, match=r"pip install 'pydantic-ai-slim\[anthropic\]'"):
        make_model("anthropic:claude-haiku-5-5")


@pytest.mark.parametrize("name", LOCAL)
def test_local_servers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(f"{name}:qwen3:8b")
    assert model.model_name == "qwen3:8b"
    assert address(model) == LOCAL[name][1]
    assert address(make_model(f"{name}:x", base_url=URL)) == URL
    monkeypatch.setenv(f"{name.upper()}_BASE_URL", "http://127.0.0.1:10/v1")
    assert address(make_model(f"{name}:x")) == "http://127.0.0.1:10/v1"


@pytest.mark.parametrize("name", ["ollama", "llamacpp"])
def test_local_models_do_not_think_unless_asked_to(name: str) -> None:
    assert make_model(f"{name}:qwen3:8b").settings == {"extra_body": {"reasoning_effort": "none"}}
    assert make_model(f"{name}:gpt-oss:20b").settings == {"extra_body": {"reasoning_effort": "low"}}
    assert make_model(f"{name}:qwen3:8b", thinking=True).settings is None


@pytest.mark.parametrize("name", ["tiny", "qwen3:8b", "meta/llama:free"])
def test_a_server_of_ones_own_takes_any_name(name: str) -> None:
    model = make_model(name, base_url=URL)
    assert (model.model_name, address(model)) == (name, URL)


def test_a_provider_is_itself_beside_a_server_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert address(make_model("openai:gpt-6-luna", base_url=URL)) != URL


@pytest.mark.parametrize("name", ["", "tiny", "nobody:tiny", "openai:"])
def test_a_name_that_says_too_little(name: str) -> None:
    with pytest.raises(EngineUnavailable, match="provider:model"):
        make_model(name)
