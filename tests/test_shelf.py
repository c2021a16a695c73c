"""The shelf: each engine opened once and closed in the end, whoever asks, whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import pytest

from voicesrv import plugins, shelf
from voicesrv.engines.base import SttCapabilities
from voicesrv.errors import ClientError, Code, ConfigError, EngineUnavailable
from voicesrv.settings import Settings
from voicesrv.shelf import EngineShelf

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class FakeOptions:
    """Options of a fake."""

    workers: int = 1
    api_key: str = ""


class Fake:
    """An engine that tells what was done with it."""

    Options = FakeOptions
    made: ClassVar[list[Fake]] = []
    refuse: ClassVar[str] = ""
    """Why opening fails; empty where it does not."""
    gate: ClassVar[asyncio.Event | None] = None
    """Opening waits for it."""
    begun: ClassVar[asyncio.Event]
    """Set when opening begins."""

    def __init__(self, model: str = "", options: FakeOptions = FakeOptions()) -> None:
        self.model, self.options = model, options
        self.name = type(self).__name__
        self.capabilities = SttCapabilities(languages=("en", "de"))
        self.places: int | None = None
        self.task: asyncio.Task[Any] | None = None
        self.is_open = False
        Fake.made.append(self)

    async def __aenter__(self) -> Self:
        self.task = asyncio.current_task()
        Fake.begun.set()
        if Fake.gate is not None:
            await Fake.gate.wait()
        if Fake.refuse == "a bug":
            raise KeyError("a bug")
        if Fake.refuse:
            raise EngineUnavailable(Fake.refuse)
        self.is_open = True
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert asyncio.current_task() is self.task, "an engine is left where it was entered"
        self.is_open = False

    def room(self) -> int | None:
        return self.places


ENGINES = {
    "vad": ("silero",),
    "stt": ("pocketsphinx", "other"),
    "llm": ("echo", "pydantic"),
    "tts": ("espeak",),
}


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Fake]]:
    """Fakes in place of all engines; gives those that were made."""

    def entry_points(group: str) -> list[EntryPoint]:
        kind = group.removeprefix("voicesrv.")
        return [EntryPoint(name, "tests.test_shelf:Fake", group) for name in ENGINES[kind]]

    async def choose(environment: Mapping[str, str], *, own_port: int, base_url: str) -> tuple[str, str]:
        return "echo", "nothing better answers"

    monkeypatch.setattr(plugins, "entry_points", entry_points)
    monkeypatch.setattr(EntryPoint, "load", lambda point: Fake)
    monkeypatch.setattr(shelf, "choose", choose)
    Fake.made, Fake.refuse, Fake.gate, Fake.begun = [], "", None, asyncio.Event()
    yield Fake.made


# --- opening and closing --------------------------------------------------------------------------


async def test_an_engine_is_opened_once_and_left_in_the_end(fakes: list[Fake]) -> None:
    async with EngineShelf(Settings()) as engines:
        first: object = await engines.get("stt", "pocketsphinx")
        assert await engines.get("stt", "pocketsphinx") is first
        assert [id(fake) for fake in fakes] == [id(first)]
        assert fakes[0].is_open
    assert not fakes[0].is_open


async def test_what_goes_wrong_inside_passes_as_it_is(fakes: list[Fake]) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with EngineShelf(Settings()) as engines:
            await engines.get("stt", "other")
            raise KeyError("mine")
    assert not fakes[0].is_open


async def test_requests_at_one_time_share_the_opening(fakes: list[Fake]) -> None:
    Fake.gate = asyncio.Event()
    async with EngineShelf(Settings()) as engines, asyncio.TaskGroup() as tasks:
        requests = [tasks.create_task(engines.get("stt", "other")) for _ in range(10)]
        Fake.gate.set()
    assert len(fakes) == 1
    assert {id(request.result()) for request in requests} == {id(fakes[0])}


async def test_a_cancelled_request_does_not_stop_the_opening(fakes: list[Fake]) -> None:
    Fake.gate = asyncio.Event()
    async with EngineShelf(Settings()) as engines:
        async with asyncio.TaskGroup() as tasks:
            impatient = tasks.create_task(engines.get("stt", "other"))
            patient = tasks.create_task(engines.get("stt", "other"))
            await Fake.begun.wait()
            impatient.cancel()
            Fake.gate.set()
        assert impatient.cancelled()
        assert patient.result() is fakes[0]  # type: ignore[comparison-overlap]


async def test_the_part_after_the_colon_is_the_model(fakes: list[Fake]) -> None:
    async with EngineShelf(Settings()) as engines:
        await engines.get("stt", "other:base.en")
        await engines.get("stt", "other:tiny")
    assert [fake.model for fake in fakes] == ["base.en", "tiny"]


async def test_any_provider_and_model_is_a_language_model(fakes: list[Fake]) -> None:
    async with EngineShelf(Settings()) as engines:
        await engines.get("llm", "openai:gpt-5")
    assert fakes[0].model == "openai:gpt-5"


async def test_several_names_are_one_engine_that_opens_the_first_that_can_be_had(fakes: list[Fake]) -> None:
    async with EngineShelf(Settings(stt="pocketsphinx, other:model")) as engines:
        both = await engines.get("stt")
        assert await engines.get("stt") is both
        assert [(fake.model, fake.is_open) for fake in fakes] == [("", True)]
        assert both.name == "Fake" and both.room() is None
        fakes[0].places = 3
        assert engines.room() == 3
        chosen = [choice for choice in engines.choices()["stt"] if choice.chosen]
        assert [choice.name for choice in chosen] == ["pocketsphinx,other:model"]
        # What the other one knows is not known before it is opened.
        assert chosen[0].capabilities is not None and chosen[0].capabilities["languages"] == ("*",)


async def test_an_unknown_name_among_several_stops_the_start() -> None:
    async with EngineShelf(Settings(stt="pocketsphinx,nonsense")) as engines:
        with pytest.raises(ConfigError, match="nonsense"):
            await engines.warm()


async def test_an_unknown_name_lists_what_there_is() -> None:
    async with EngineShelf(Settings()) as engines:
        with pytest.raises(ClientError, match=r"stt: 'nope:x' .* there are auto, other, pocketsphinx$") as caught:
            await engines.get("stt", "nope:x")
        with pytest.raises(ClientError, match="llm: 'nope' "):
            await engines.get("llm", "nope")
    assert caught.value.code is Code.NOT_FOUND


async def test_there_is_a_bound_on_open_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_MAX_OPEN", 2)
    async with EngineShelf(Settings()) as engines:
        await engines.get("llm", "a:1")
        await engines.get("llm", "a:2")
        with pytest.raises(EngineUnavailable, match=r"'a:3': 2 engines are open, and no more may be"):
            await engines.get("llm", "a:3")
        await engines.get("llm", "a:1")


# --- failures -------------------------------------------------------------------------------------


async def test_a_failure_is_told_to_all_and_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, fakes: list[Fake]
) -> None:
    Fake.refuse = "no model on disk"
    async with EngineShelf(Settings()) as engines:
        for _ in range(3):
            with pytest.raises(EngineUnavailable, match="no model on disk"):
                await engines.get("stt", "other")
        assert len(fakes) == 1, "a failure is remembered for a while"
        Fake.refuse = ""
        monkeypatch.setattr(shelf, "_RETRY_S", 0.0)
        for slot in engines._slots.values():
            slot.retry_at = 0.0
        assert await engines.get("stt", "other") is fakes[1]  # type: ignore[comparison-overlap]


async def test_a_bug_in_an_engine_makes_it_unavailable_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    Fake.refuse = "a bug"
    async with EngineShelf(Settings()) as engines:
        with pytest.raises(EngineUnavailable, match="stt engine 'other' failed: KeyError"):
            await engines.get("stt", "other")
    assert "Traceback" in caplog.text


async def test_nothing_is_opened_while_the_shelf_closes(fakes: list[Fake]) -> None:
    engines = EngineShelf(Settings())
    async with engines:
        pass
    with pytest.raises(EngineUnavailable, match="the server stops"):
        await engines.get("stt", "other")
    assert not fakes


# --- options --------------------------------------------------------------------------------------


async def test_options_reach_the_engine_with_their_types(fakes: list[Fake]) -> None:
    async with EngineShelf(Settings(engines={"other": {"workers": "3"}})) as engines:
        await engines.get("stt", "other")
        await engines.get("stt", "pocketsphinx")
    assert [fake.options for fake in fakes] == [FakeOptions(workers=3), FakeOptions()]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"wrokers": 3},
            r"engines\.other\.wrokers \(default\) is no option of stt engine 'other'; known are workers, ",
        ),
        ({"workers": "many"}, r"engines\.other\.workers \(default\): 'many': .*integer"),
        ({"api_key": ["canary"]}, r"engines\.other\.api_key \(default\): \*{10}: .*string"),
        ({"api_kye": "canary"}, r"engines\.other\.api_kye"),
    ],
)
async def test_a_bad_option_is_named(table: dict[str, Any], said: str) -> None:
    async with EngineShelf(Settings(engines={"other": table})) as engines:
        with pytest.raises(ConfigError, match=said):
            await engines.get("stt", "other")


async def test_a_table_of_no_engine_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"engines\.wisper \(default\) is no engine here; there are echo, "):
        EngineShelf(Settings(engines={"wisper": {}}))


# --- auto, warmth, and what is shown --------------------------------------------------------------


async def test_warm_opens_what_a_client_gets_who_names_none() -> None:
    async with EngineShelf(Settings()) as engines:
        assert await engines.warm() == ()
        choices = engines.choices()
    chosen = {kind: [c.name for c in of_kind if c.chosen] for kind, of_kind in choices.items()}
    assert chosen == {"vad": ["silero"], "stt": ["pocketsphinx"], "llm": ["echo"], "tts": ["espeak"]}
    assert all(c.is_open for of_kind in choices.values() for c in of_kind if c.chosen)
    assert [c.why for c in choices["llm"] if c.chosen] == ["nothing better answers"]
    assert [c.is_open for c in choices["stt"]] == [False, True]
    assert [c.capabilities and c.capabilities["languages"] for c in choices["stt"]] == [None, ("en", "de")]


async def test_auto_takes_an_engine_that_needs_a_model_where_one_is_on_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(ENGINES, "tts", ("espeak", "piper"))
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    async with EngineShelf(Settings()) as engines:
        await engines.get("tts")
        assert [c.name for c in engines.choices()["tts"] if c.chosen] == ["espeak"]
    (tmp_path / "piper").mkdir()
    for name in ("de_DE-eva-low.onnx", "en_US-amy-low.onnx"):
        (tmp_path / "piper" / name).touch()
        (tmp_path / "piper" / f"{name}.json").touch()
    for language, model in (("en", "en_US-amy-low"), ("de", "de_DE-eva-low")):
        async with EngineShelf(Settings(language=language)) as engines:
            voice: Any = await engines.get("tts")
            assert voice.model == model
            chosen = [(c.name, c.why) for c in engines.choices()["tts"] if c.chosen]
            assert chosen == [("piper", f"auto: {model}, the best that is installed")]


async def test_auto_takes_a_model_that_comes_while_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(ENGINES, "tts", ("espeak", "piper"))
    monkeypatch.setenv("VOICESRV_MODELS", str(tmp_path))
    async with EngineShelf(Settings()) as engines:
        await engines.get("tts")
        (tmp_path / "piper").mkdir()
        (tmp_path / "piper" / "en_US-amy-low.onnx.json").touch()
        await engines.get("tts")
        assert [c.name for c in engines.choices()["tts"] if c.chosen] == ["espeak"], "half a voice is none"
        (tmp_path / "piper" / "en_US-amy-low.onnx").touch()
        voice: Any = await engines.get("tts")
        assert voice.model == "en_US-amy-low"
        assert [c.name for c in engines.choices()["tts"] if c.chosen] == ["piper"]


async def test_the_operators_choice_is_what_auto_gives(fakes: list[Fake]) -> None:
    async with EngineShelf(Settings(stt="other", llm="local:model")) as engines:
        await engines.get("stt")
        await engines.get("llm", "auto")
        choices = engines.choices()
    assert [fake.model for fake in fakes] == ["", "local:model"]
    assert [(c.name, c.chosen) for c in choices["llm"]] == [("echo", False), ("pydantic", False), ("local:model", True)]


async def test_warm_says_what_is_missing_and_the_rest_works() -> None:
    Fake.refuse = "no such library"
    async with EngineShelf(Settings()) as engines:
        assert await engines.warm() == ("no such library",) * 4
        assert all(c.why == "no such library" for of_kind in engines.choices().values() for c in of_kind if c.chosen)


async def test_a_setting_that_names_no_engine_stops_the_start() -> None:
    async with EngineShelf(Settings(tts="loud")) as engines:
        with pytest.raises(ConfigError, match=r"tts \(default\): tts: 'loud' is no engine here"):
            await engines.warm()


async def test_a_mistake_in_the_options_of_an_engine_that_is_not_used_stops_the_start(fakes: list[Fake]) -> None:
    async with EngineShelf(Settings(engines={"other": {"workers": "many"}})) as engines:
        with pytest.raises(ConfigError, match=r"engines\.other\.workers"):
            await engines.warm()
    assert not fakes


async def test_room_is_that_of_the_fullest(fakes: list[Fake]) -> None:
    async with EngineShelf(Settings()) as engines:
        assert engines.room() is None
        await engines.warm()
        assert engines.room() is None
        fakes[0].places, fakes[1].places = 3, 7
        assert engines.room() == 3
