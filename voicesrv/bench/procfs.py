"""CPU time and memory of a process and all its descendants, read from Linux's ``/proc`` (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree(root: int, proc: Path = Path("/proc")) -> list[int]:
    """Give ``root`` and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            fields = _stat(proc, int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_s(pids: Iterable[int], proc: Path = Path("/proc")) -> float:
    """CPU seconds, user and system, that these processes and their reaped children used so far."""
    ticks = 0
    for pid in pids:
        fields = _stat(proc, pid)
        if fields:
            ticks += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return ticks / _TICKS_PER_S


def own_kb(pids: Iterable[int], proc: Path = Path("/proc")) -> int:
    """Memory in KiB, without that of mapped files; pages that several of them share count once.

    Files, such as libraries, are left out because the share of them that counts as a process's own (PSS)
    shrinks whenever another process maps them as well.
    """
    total = 0
    for pid in pids:
        try:
            text = (proc / str(pid) / "smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        sizes = {line.split()[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
        total += sizes["Pss_Anon:"] + sizes["Pss_Shmem:"]
    return total


def processor(proc: Path = Path("/proc")) -> str:
    """The processor's name; empty where the system does not tell."""
    lines = (proc / "cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _stat(proc: Path, pid: int) -> list[str]:
    """The fields of ``stat`` after the name, which may hold spaces: state, ppid, …; empty where it ended."""
    try:
        text = (proc / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()
