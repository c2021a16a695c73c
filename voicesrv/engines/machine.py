"""What this machine has that decides which models suit it: CPUs, memory, and a GPU."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
"""Where Linux tells a container its share of the machine (control groups, version 2)."""
_NVIDIA = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
_NVIDIA_TIMEOUT_S = 5
"""It takes 50 ms where the driver is well, and hangs where it is not."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a process may use."""

    cpus: int
    ram_mb: int
    """All of it, free or not; 0 where the system does not tell."""
    gpu_mb: int
    """Memory of the first NVIDIA GPU; 0 without one."""

    def __str__(self) -> str:
        ram = f"{self.ram_mb / 1024:.0f} GB of memory" if self.ram_mb else "an unknown amount of memory"
        gpu = f"a GPU with {self.gpu_mb / 1024:.0f} GB" if self.gpu_mb else "no NVIDIA GPU"
        return f"{self.cpus} CPU{'s' if self.cpus > 1 else ''}, {ram}, {gpu}"


@lru_cache(maxsize=1)
def this_machine() -> Machine:
    """Look once: it stays as it is while a process runs. This starts a program, so call it off an event loop."""
    return Machine(cpus(), ram_mb(), gpu_mb())


def cpus(cgroup: Path = _CGROUP) -> int:
    """CPUs that this process may use, where the system tells, else those there are."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _text(cgroup / "cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        found = min(found, max(int(quota) // int(period), 1))
    return found


def ram_mb(cgroup: Path = _CGROUP) -> int:
    """Memory that this process may use, in MiB; 0 where the system does not tell."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        found = 0
    limit = _text(cgroup / "memory.max")
    if limit.isdecimal():
        found = min(found, int(limit)) if found else int(limit)
    return found // 2**20


def gpu_mb() -> int:
    """Memory of the first NVIDIA GPU, in MiB, as its driver tells; 0 without a GPU or driver."""
    try:
        told = subprocess.run(_NVIDIA, capture_output=True, text=True, timeout=_NVIDIA_TIMEOUT_S, check=True).stdout
        return int(told.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
