from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from tests.bench.test_stats import GOOD
from voicesrv.bench.report import plot, text, to_json
from voicesrv.bench.stats import IdleResult, Spread

MEASURED = dataclasses.replace(
    GOOD,
    voice_to_voice=Spread(20, 325.4, 340, 350, 360),
    cpu_per_stream=0.0089,
    cpu_cores=0.18,
    kb_per_conversation=357.2,
)
SLOW = dataclasses.replace(
    GOOD, conversations=100, voice_to_voice=Spread(9, 400, 900, 950, 960), faults={"no reply": 2}
)
IDLE = IdleResult(500, 30, 0, Spread(9, 1, 2, 3, 4), 41.25, 2.5)


def test_text_shows_what_was_measured() -> None:
    shown = text([MEASURED, SLOW], IDLE)
    first, second = (line.split() for line in shown.splitlines() if line.split()[0] in ("1", "100"))
    assert first[:3] == ["1", "20", "325/340/350"]
    assert first[-1] == "yes"
    assert {"0.0089", "0.18", "357"} <= set(first)
    assert second[-1] == "no" and "–" in second
    assert "largest load that held: 1 conversation" in shown.splitlines()
    assert "largest load that held: 100 conversations" in text([dataclasses.replace(MEASURED, conversations=100)], None)
    assert "N = 100: 2 × no reply" in shown
    assert "500 idle connections: 41.2 KB each, 2.5 % of a core, pong p50/p95/p99 1/2/3 ms, 0 failed" in shown
    assert "onset to clear" not in shown


def test_text_shows_barge_ins_where_there_were_any() -> None:
    shown = text([dataclasses.replace(MEASURED, clear=Spread(5, 12, 20, 21, 22))], None)
    assert "onset to clear" in shown
    assert "12/20/21" in shown


def test_text_says_where_the_generator_was_late() -> None:
    shown = text([dataclasses.replace(MEASURED, generator_late=Spread(9, 1, 2, 30, 40))], None)
    assert "invalid" in shown
    assert "no load held" in shown


def test_json_has_all_of_it() -> None:
    body = json.loads(to_json([MEASURED, SLOW], IDLE, {"cores": 2}))
    assert body["about"] == {"cores": 2}
    assert body["largest_held"] == 1
    assert [load["conversations"] for load in body["loads"]] == [1, 100]
    assert body["loads"][0]["voice_to_voice"]["p50"] == 325.4
    assert body["loads"][0]["valid"] is True
    assert body["idle"]["kb_per_connection"] == 41.25


def test_plot_writes_a_picture(tmp_path: Path) -> None:
    plot([MEASURED, SLOW], tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
