"""A model's name -> pydantic-ai's model object, with its own HTTP client; nothing is asked of a provider yet."""

from __future__ import annotations

import os
from typing import Any

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers import Provider, infer_provider_class
from pydantic_ai.providers.ollama import OllamaProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.providers.vllm import VLLMProvider
from pydantic_ai.settings import ModelSettings

from voicesrv.engines.llm_choice import HOSTED, LOCAL
from voicesrv.errors import EngineUnavailable


def make_model(name: str, *, base_url: str = "", api_key: str = "", thinking: bool = False) -> Model:
    """Make the model; imports its provider's client.

    Args:
        name: ``provider:model``, one of the ``LOCAL`` servers with a model, or, where ``base_url``
            is given, any name that the server there knows.
        base_url: an OpenAI-compatible server; empty for none.
        api_key: for that server; providers find theirs in the environment.
        thinking: whether the model may think before it speaks.

    Raises:
        EngineUnavailable: no such provider, or its key or package is missing.
    """
    prefix, _, model = name.partition(":")
    try:
        if prefix in LOCAL and model:
            return _local(prefix, model, base_url, api_key, thinking)
        if model and _is_provider(prefix):
            return infer_model(name)
    except ImportError as error:
        extra = next((hosted.extra for hosted in HOSTED if hosted.model.startswith(f"{prefix}:")), prefix)
        raise EngineUnavailable(
            f"language model {name!r} needs a package that is not installed: pip install 'pydantic-ai-slim[{extra}]'"
        ) from error
    except UserError as error:  # raised before any request; it names variables and models
        raise EngineUnavailable(f"language model {name!r}: {error}") from error
    if name and base_url:
        return OpenAIChatModel(name, provider=OpenAICompatibleProvider("custom", base_url=base_url, api_key=api_key))
    raise EngineUnavailable(
        f"language model {name!r}: name one as provider:model, such as {HOSTED[0].model}, or set base_url to the "
        "server that has it"
    )


def _is_provider(name: str) -> bool:
    """Whether pydantic-ai has a provider of that name; imports its client.

    Raises:
        ImportError: the client is not installed.
    """
    try:
        infer_provider_class(name)
    except ValueError:
        return False
    return True


def _local(prefix: str, model: str, base_url: str, api_key: str, thinking: bool) -> Model:
    # The variable is the one that pydantic-ai looks at.
    base_url = base_url or os.environ.get(f"{prefix.upper()}_BASE_URL") or LOCAL[prefix][1]
    provider: Provider[Any]
    if prefix == "ollama":
        provider = OllamaProvider(base_url=base_url, api_key=api_key)
        return OllamaModel(model, provider=provider, settings=None if thinking else _quiet(model))
    if prefix == "vllm":  # its profiles know which models think
        return OpenAIChatModel(model, provider=VLLMProvider(base_url=base_url, api_key=api_key))
    provider = OpenAICompatibleProvider(prefix, base_url=base_url, api_key=api_key)
    settings = _quiet(model) if prefix == "llamacpp" and not thinking else None
    return OpenAIChatModel(model, provider=provider, settings=settings)


def _quiet(model: str) -> ModelSettings:
    """Switch a local model's thinking off, which is on by default where the model has it.

    Both servers take the field from models that do not think, too: https://docs.ollama.com/openai,
    https://github.com/ggml-org/llama.cpp/pull/26045. gpt-oss cannot stop thinking, but think little.
    """
    effort = "low" if "gpt-oss" in model else "none"
    return ModelSettings(extra_body={"reasoning_effort": effort})
