from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.workers.voices import MICRO, untold
from voicesrv.engines.workers.onnx_outputs import made_by, one_more_output, outputs_of

MODEL = MICRO.read_bytes()


def outputs(model: bytes) -> list[str]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [output.name for output in session.get_outputs()]


def test_what_a_model_gives_out() -> None:
    assert outputs_of(memoryview(MODEL)) == outputs(MODEL) == ["output", "durations"]
    assert made_by(memoryview(MODEL), "Ceil") == ["durations"]
    assert made_by(memoryview(MODEL), "Nothing") == []


def test_one_more(tmp_path: Path) -> None:
    model = untold(tmp_path).read_bytes()
    assert outputs(model) == ["output"]
    more = model + one_more_output("durations")
    assert outputs(more) == ["output", "durations"]
    assert outputs_of(memoryview(more)) == ["output", "durations"]


def test_a_long_name() -> None:
    name = "x" * 300
    assert outputs_of(memoryview(one_more_output(name))) == [name]


@given(st.integers(3, len(MODEL) - 100))  # within the graph
def test_a_model_that_is_cut_off_is_told(length: int) -> None:
    with pytest.raises(ValueError, match="too early"):
        made_by(memoryview(MODEL)[:length], "Ceil")


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        assert all(isinstance(name, str) for name in outputs_of(memoryview(data)))
    except ValueError as error:
        assert "protocol buffer" in str(error)
