from __future__ import annotations

from pathlib import Path

from voicesrv.bench.samples import Samples


def test_counts_by_kind() -> None:
    samples = Samples()
    samples.fail("no reply")
    samples.fail("no reply")
    samples.lose("audio", 3)
    assert (samples.failed, samples.lost) == (2, 3)
    assert samples.faults == {"no reply": 2, "lost audio": 3}


def test_adds_what_other_processes_measured(tmp_path: Path) -> None:
    one, other, total = Samples(turns=2), Samples(turns=3), Samples()
    one.voice_to_voice.append(300.5)
    other.voice_to_voice.append(310.25)
    one.fail("no reply")
    other.fail("no reply")
    other.fail("overloaded")
    one.write(tmp_path / "one.json")
    other.write(tmp_path / "other.json")
    total.add(tmp_path / "one.json")
    total.add(tmp_path / "other.json")
    assert list(total.voice_to_voice) == [300.5, 310.25]
    assert (total.turns, total.failed) == (5, 3)
    assert total.faults == {"no reply": 2, "overloaded": 1}
    assert {path.name for path in tmp_path.iterdir()} == {"one.json", "other.json"}
