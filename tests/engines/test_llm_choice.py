from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import pytest
from pydantic_ai.models import known_model_names
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tests.engines.openai_server import OpenAiServer
from voicesrv.engines import llm_choice
from voicesrv.engines.llm_choice import HOSTED, LOCAL, choose, is_installed, models_of

pytestmark = pytest.mark.anyio
SECRET = "sk-canary"


async def chosen(
    environment: Mapping[str, str] | None = None,
    *,
    answering: Mapping[str, Sequence[str]] | None = None,
    lacking: tuple[str, ...] = (),
    own_port: int | None = None,
    base_url: str = "",
) -> tuple[str, str]:
    asked: list[str] = []

    async def probe(url: str) -> Sequence[str]:
        asked.append(url)
        return (answering or {}).get(url, ())

    name, reason = await choose(
        environment or {},
        own_port=own_port,
        base_url=base_url,
        probe=probe,
        installed=lambda package: package not in lacking,
    )
    assert own_port is None or not any(f":{own_port}/" in url for url in asked)
    return name, reason


class TestKeys:
    @pytest.mark.parametrize("hosted", HOSTED, ids=[hosted.model for hosted in HOSTED])
    async def test_a_key_decides(self, hosted: object) -> None:
        for key in hosted.keys:  # type: ignore[attr-defined]
            name, reason = await chosen({key: SECRET})
            assert name == hosted.model  # type: ignore[attr-defined]
            assert reason == f"{key} is set"

    async def test_the_first_key_wins(self) -> None:
        assert (await chosen({"GROQ_API_KEY": "x", "OPENAI_API_KEY": "y"}))[0] == "openai:gpt-6-luna"

    async def test_an_empty_key_is_none(self) -> None:
        assert (await chosen({"OPENAI_API_KEY": ""}))[0] == "echo"

    async def test_a_key_whose_package_is_missing_is_told_of(self) -> None:
        keys = {"ANTHROPIC_API_KEY": SECRET, "DEEPSEEK_API_KEY": SECRET}
        name, reason = await chosen(keys, lacking=("anthropic",))
        assert name == "deepseek:deepseek-flash"
        assert reason == (
            "DEEPSEEK_API_KEY is set; ANTHROPIC_API_KEY is set, but using it takes "
            "pip install 'pydantic-ai-slim[anthropic]'"
        )
        assert SECRET not in reason

    def test_pydantic_ai_knows_the_models(self) -> None:
        known = set(known_model_names())
        unlisted = {"openrouter:openai/gpt-6-luna"}  # it lists none of OpenRouter's
        assert {hosted.model for hosted in HOSTED} - unlisted <= known


class TestLocal:
    @pytest.mark.parametrize("name", LOCAL)
    async def test_a_server_that_answers(self, name: str) -> None:
        title, url = LOCAL[name]
        found, reason = await chosen(answering={url: ["nomic-embed-text", "llama3.2:3b", "other"]})
        assert found == f"{name}:llama3.2:3b"
        assert reason.startswith(f"{title} answers on port ")

    async def test_a_key_comes_before_a_server(self) -> None:
        assert (await chosen({"OPENAI_API_KEY": "x"}, answering={LOCAL["ollama"][1]: ["a"]}))[0].startswith("openai:")

    async def test_our_own_port_is_not_asked(self) -> None:
        answering = {LOCAL["vllm"][1]: ["ourselves"]}
        assert (await chosen(answering=answering, own_port=8000))[0] == "echo"
        assert (await chosen(answering=answering, own_port=9000))[0] == "vllm:ourselves"

    async def test_a_server_with_nothing_to_talk_to(self) -> None:
        name, reason = await chosen(answering={LOCAL["lmstudio"][1]: ["text-embedding-x"]})
        assert name == "echo"
        assert "no key" in reason
        assert "LM Studio" in reason

    async def test_all_are_asked_at_once(self) -> None:
        everybody = asyncio.Barrier(len(LOCAL))

        async def probe(url: str) -> Sequence[str]:
            await everybody.wait()
            return ()

        assert (await choose({}, probe=probe))[0] == "echo"


class TestBaseUrl:
    URL = "http://user:pw@127.0.0.1:9/v1"

    async def test_what_the_operator_set_comes_first(self) -> None:
        name, reason = await chosen({"OPENAI_API_KEY": "x"}, base_url=self.URL, answering={self.URL: ["mine"]})
        assert name == "pydantic:mine"
        assert reason == "http://127.0.0.1:9/v1 is set as base_url, and mine is its first model"

    async def test_where_it_does_not_answer_that_is_said(self) -> None:
        name, reason = await chosen(base_url=self.URL)
        assert name == "echo"
        assert reason.endswith("http://127.0.0.1:9/v1 is set as base_url, but offers no model")


class TestProbe:
    @pytest.fixture(autouse=True)
    def no_hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(llm_choice, "_PROBE_S", 10.0)

    async def test_a_real_server(self) -> None:
        async with OpenAiServer().serving() as server:
            assert await models_of(server.base_url) == ["tiny"]
            assert await models_of(server.base_url + "/") == ["tiny"]

    @pytest.mark.parametrize(
        "answer",
        [
            PlainTextResponse("hello"),
            PlainTextResponse("[" * 100_000),
            PlainTextResponse(b"\xff\xfe"),
            JSONResponse({"data": [{"id": 7}, 8, {"id": "x" * 500}, {"id": "a\nb"}, {"id": ""}]}),
            JSONResponse({"data": {"id": "x"}}),
            JSONResponse(["x"]),
            JSONResponse({"data": [{"id": "x"}]}, status_code=401),
            Response(status_code=204),
        ],
    )
    async def test_what_is_no_list_of_models(self, answer: Response) -> None:
        async with OpenAiServer().serving() as server:
            server.models = answer
            assert list(await models_of(server.base_url)) == []

    async def test_nobody_listens(self) -> None:
        assert list(await models_of("http://127.0.0.1:9/v1")) == []

    @pytest.mark.parametrize("said", [b"", b"HTTP/1.0 200 OK\r\n", b"x" * 3_000_000])
    async def test_a_server_that_speaks_otherwise(self, said: bytes) -> None:
        assert list(await asked(said, hang=False)) == []

    async def test_a_server_that_does_not_speak(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(llm_choice, "_PROBE_S", 0.01)
        assert list(await asked(b"HTTP/1.0 200 OK\r\n", hang=True)) == []


async def asked(said: bytes, *, hang: bool) -> Sequence[str]:
    """Ask a server that says this and then hangs up, or does not."""
    done = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(said)
            await writer.drain()
            if hang:
                await reader.read()  # until the other side hangs up
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        done.set()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        found = await models_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        await done.wait()
    return found


def test_what_is_installed() -> None:
    assert is_installed("openai")
    assert not is_installed("no-such-package-here")
