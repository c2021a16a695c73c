"""What a machine has: of the system, of a container's share, of a GPU's driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicesrv.engines.machine import Machine, cpus, gpu_mb, ram_mb, this_machine


def test_a_container_has_its_share(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text(f"{300 * 2**20}\n")
    assert (cpus(tmp_path), ram_mb(tmp_path)) == (1, 300)
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cpus(tmp_path) == 1, "half a CPU is one that is slow"


def test_without_a_limit_it_has_all(tmp_path: Path) -> None:
    whole = cpus(tmp_path), ram_mb(tmp_path)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert (cpus(tmp_path), ram_mb(tmp_path)) == whole
    assert whole[0] >= 1 and whole[1] > 300


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("echo 143771; echo 143771", 143771),
        ("echo 'NVIDIA-SMI has failed'; exit 9", 0),
        ("echo 'No devices were found'", 0),
        ("true", 0),
    ],
)
def test_a_gpu_is_what_its_driver_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, found: int
) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_mb() == found


def test_without_a_driver_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_mb() == 0


def test_it_is_told_in_words() -> None:
    assert str(Machine(1, 0, 0)) == "1 CPU, an unknown amount of memory, no NVIDIA GPU"
    assert str(Machine(16, 131072, 143771)) == "16 CPUs, 128 GB of memory, a GPU with 140 GB"
    assert this_machine() is this_machine()
