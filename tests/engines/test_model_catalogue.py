"""The catalogue: its data is sound, names are found, and what is recommended suits."""

from __future__ import annotations

import re

import pytest

from voicesrv.engines.machine import Machine
from voicesrv.engines.model_catalogue import Model, catalogue, known, named, recommended
from voicesrv.errors import ClientError

LAPTOP = Machine(cpus=2, ram_mb=8192, gpu_mb=0)
DESKTOP = Machine(cpus=8, ram_mb=16384, gpu_mb=0)
GPU = Machine(cpus=16, ram_mb=131072, gpu_mb=16384)


@pytest.mark.parametrize("model", catalogue(), ids=str)
def test_every_entry_is_sound(model: Model) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", model.revision)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.repo)
    assert all(re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", language) for language in model.languages)
    assert model.cpus or model.gpu_mb, "it suits some machine"
    names = [file.name for file in model.files]
    if model.engine == "whisper":
        assert {"model.bin", "config.json", "tokenizer.json"} <= set(names)
        assert model.languages in ((), ("en",)) and model.name.endswith(".en") <= (model.languages == ("en",))
        weights = next(file for file in model.files if file.name == "model.bin")
        assert re.fullmatch(r"[0-9a-f]{64}", weights.sha256)
    else:
        assert names == [f"{model.name}.onnx", f"{model.name}.onnx.json", "MODEL_CARD"]
        assert model.languages == (model.name.partition("-")[0].replace("_", "-"),)
        weights = model.files[0]
        assert re.fullmatch(r"[0-9a-f]{32}", weights.md5)
    assert weights.size is not None and weights.size > 10_000_000


def test_no_name_stands_for_two() -> None:
    names = [model.name for model in catalogue()]
    assert len(names) == len(set(names)) > 40


@pytest.mark.parametrize(
    ("machine", "language", "names"),
    [
        (LAPTOP, "en", ["whisper:tiny.en", "piper:en_US-kristin-medium"]),
        (LAPTOP, "en-GB", ["whisper:tiny.en", "piper:en_GB-cori-medium"]),
        (LAPTOP, "de", ["whisper:tiny", "piper:de_DE-thorsten-medium"]),
        (DESKTOP, "en", ["whisper:small.en", "piper:en_US-kristin-medium"]),
        (DESKTOP, "auto", ["whisper:small", "piper:en_US-kristin-medium"]),
        (GPU, "fr-CA", ["whisper:large-v3-turbo", "piper:fr_FR-siwis-medium"]),
        (DESKTOP, "mi", ["whisper:small"]),
        (Machine(1, 256, 0), "en", ["whisper:tiny.en", "piper:en_US-lessac-medium"]),
    ],
)
def test_the_pair_suits_machine_and_language(machine: Machine, language: str, names: list[str]) -> None:
    assert [str(model) for model in recommended(machine, language)] == names


def test_an_unknown_amount_of_memory_is_enough() -> None:
    model = named("whisper:base.en")
    assert (
        model.suits(Machine(4, 0, 0)) and not model.suits(Machine(4, 512, 0)) and not model.suits(Machine(2, 8192, 0))
    )
    assert not named("whisper:medium").suits(Machine(64, 2**20, 0)), "it takes a GPU"


def test_names_are_found_with_and_without_their_engine() -> None:
    assert named("whisper:base.en") is named("base.en") is known("whisper", "base.en")
    assert known("piper", "base.en") is None
    assert named("base.en").page == "Systran/faster-whisper-base.en/tree/3d3d5dee26484f91867d81cb899cfcf72b96be6c"
    assert named("en_GB-cori-medium").page.endswith("/en/en_GB/cori/medium")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("whisper:bas.en", "did you mean .*whisper:base.en"),
        ("piper:en_US-lesac-medium", "did you mean .*piper:en_US-lessac-medium"),
        ("lessac", "is not in the catalogue"),
        ("piper:base.en", "'base.en' is no model of piper; it is whisper:base.en"),
        ("vosk:small", "models are for whisper and piper, such as whisper:base.en; not for 'vosk'"),
        ("whisper:", "'whisper:' is not in the catalogue"),
    ],
)
def test_a_name_that_is_none_gets_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ClientError, match=message):
        named(name)
