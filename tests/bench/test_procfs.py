from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from voicesrv.bench import procfs


def process(proc: Path, pid: int, ppid: int, ticks: tuple[int, int, int, int] = (0, 0, 0, 0), anon: int = 0) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    fields = ["S", ppid, 0, 0, 0, 0, 0, 0, 0, 0, 0, *ticks, 20]
    (folder / "stat").write_text(f"{pid} (a name) with) " + " ".join(map(str, fields)))
    (folder / "smaps_rollup").write_text(
        f"00400000-7fff [rollup]\nRss: 9999 kB\nPss: 9000 kB\nPss_Anon: {anon} kB\nPss_File: 500 kB\nPss_Shmem: 7 kB\n"
    )


def test_sums_up_a_process_and_its_descendants(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, (100, 50, 0, 0), 1000)
    process(tmp_path, 11, 10, (10, 0, 5, 5), 200)
    process(tmp_path, 12, 11, (1, 0, 0, 0), 30)
    process(tmp_path, 13, 1, (9999, 0, 0, 0), 9999)
    (tmp_path / "self").mkdir()
    pids = procfs.tree(10, tmp_path)
    assert pids == [10, 11, 12]
    assert procfs.cpu_s(pids, tmp_path) == 171 / os.sysconf("SC_CLK_TCK")
    assert procfs.own_kb(pids, tmp_path) == 1230 + 3 * 7


def test_processes_that_have_ended_count_nothing(tmp_path: Path) -> None:
    assert procfs.tree(10, tmp_path) == [10]
    assert procfs.cpu_s([10], tmp_path) == 0
    assert procfs.own_kb([10], tmp_path) == 0


def test_processor(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast One: 3 GHz\n")
    assert procfs.processor(tmp_path) == "Fast One: 3 GHz"
    (tmp_path / "cpuinfo").write_text("")
    assert procfs.processor(tmp_path) == ""


def test_the_real_thing() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in procfs.tree(os.getpid())
        assert procfs.cpu_s([os.getpid()]) > 0
        assert procfs.own_kb([os.getpid()]) > 1000
        child.communicate(b"\n")
