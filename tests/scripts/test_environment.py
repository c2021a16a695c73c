"""How the scripts set up their environment, with programs that only say how they were called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "dirname", "basename", "cksum", "cat", "rm", "mkdir", "chmod")

FAKE_PYTHON = """#!/usr/bin/env bash
case "$*" in
  "-c "*) exit {too_old} ;;
  "-m venv "*) {venv} ;;
  *) echo "called: $*" ;;
esac
"""
FAKE_UV = """#!/usr/bin/env bash
echo "uv: $*" >&2
[ "$1" = pip ] || {python} -m venv .venv
"""
MAKES_VENV = 'mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/voicesrv'


class Machine:
    """A clone of the project on a machine that has nothing but what is put there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "clone"
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.root / "scripts").mkdir(parents=True)
        for name in ("serve", "test", "environment", "pages"):
            shutil.copy(ROOT / "scripts" / name, self.root / "scripts" / name)
        (self.root / "pyproject.toml").write_text("[project]\n")
        for tool in (*TOOLS, "cp", "env"):
            path = shutil.which(tool)
            assert path is not None, tool
            (self.bin / tool).symlink_to(path)

    def put(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def put_python(self, name: str = "python3", *, too_old: bool = False, venv: str = MAKES_VENV) -> None:
        self.put(name, FAKE_PYTHON.format(too_old=int(too_old), venv=venv))

    def run(self, script: str = "serve", *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / "bash", self.root / "scripts" / script, *arguments],
            env={"PATH": str(self.bin), **environment},
            cwd=self.root.parent,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_first_start_installs_and_later_ones_do_not(machine: Machine) -> None:
    machine.put_python()
    first = machine.run("serve", "--port", "9000")
    assert first.returncode == 0, first.stderr
    # The fake says on stdout how it was called, and the script sends what an installer says to stderr.
    assert "called: -m pip install --quiet --disable-pip-version-check --editable .[embedded,piper]" in first.stderr
    assert "called: serve --port 9000\n" in first.stdout
    assert "pip" not in machine.run("serve").stderr


def test_the_first_run_gets_models_beside_the_server_unless_it_is_refused(machine: Machine, tmp_path: Path) -> None:
    machine.put_python()
    folder = str(tmp_path)
    said = machine.run("serve", "--port", "9000", VOICESRV_MODELS=folder).stdout
    first_run, server = sorted(said.splitlines())
    assert re.fullmatch(r"called: models first-run --beside \d+ --port 9000", first_run)
    assert server == "called: serve --port 9000"
    assert machine.run("serve", VOICESRV_MODELS=folder, VOICESRV_PULL="0").stdout == "called: serve\n"
    (tmp_path / ".first-run").touch()
    assert machine.run("serve", VOICESRV_MODELS=folder).stdout == "called: serve\n"


def test_the_download_is_told_whose_server_it_runs_beside(machine: Machine, tmp_path: Path) -> None:
    machine.put_python()
    machine.run("serve", VOICESRV_MODELS=str(tmp_path), VOICESRV_PULL="0")
    fake = '#!/usr/bin/env bash\n[ "$1" = serve ] && echo "$$" || echo "$4"\n'
    (machine.root / ".venv" / "bin" / "voicesrv").write_text(fake)
    server, parent = machine.run("serve", VOICESRV_MODELS=str(tmp_path)).stdout.split()
    assert server == parent


def test_a_change_of_pyproject_installs_again(machine: Machine) -> None:
    machine.put_python()
    machine.run()
    (machine.root / "pyproject.toml").write_text("[project]\nversion = '2'\n")
    assert "pip install" in machine.run().stderr


def test_the_tests_have_what_serving_has_and_more(machine: Machine) -> None:
    machine.put_python()
    done = machine.run("test", "-k", "mulaw")
    assert "--editable .[embedded,piper,dev]" in done.stderr
    assert done.stdout == "called: -m pytest -k mulaw\n"
    assert "pip" not in machine.run("serve").stderr


def test_uv_is_used_where_there_is_one(machine: Machine) -> None:
    machine.put_python()
    machine.put("uv", FAKE_UV.format(python=machine.bin / "python3"))
    said = machine.run().stderr
    assert f"uv: venv --quiet --python {machine.bin}/python3 .venv" in said
    assert "uv: pip install --quiet --python .venv/bin/python --editable .[embedded,piper]" in said


def test_without_a_python_it_says_so(machine: Machine) -> None:
    machine.put_python(too_old=True)
    done = machine.run()
    assert done.returncode == 1
    assert "needs Python 3.11 or newer, and found none" in done.stderr


def test_a_newer_python_is_preferred_and_one_can_be_named(machine: Machine) -> None:
    machine.put_python("python3", too_old=True)
    machine.put_python("python3.11")
    assert f"making .venv with {machine.bin}/python3.11" in machine.run().stderr
    shutil.rmtree(machine.root / ".venv")
    machine.put_python("mine")
    assert f"making .venv with {machine.bin}/mine" in machine.run(PYTHON="mine").stderr


def test_without_the_venv_module_it_says_so_and_leaves_nothing(machine: Machine) -> None:
    machine.put_python(venv="mkdir .venv; exit 1")
    done = machine.run()
    assert done.returncode == 1
    assert "its venv module is missing (Debian, Ubuntu: apt install python3-venv)" in done.stderr
    assert not (machine.root / ".venv").exists()


def test_without_a_network_it_says_so_and_tries_again_the_next_time(machine: Machine) -> None:
    machine.put_python()
    machine.put_python("python3", venv=MAKES_VENV + '; echo "exit 1" >> .venv/bin/python')
    done = machine.run()
    assert done.returncode == 1
    assert "A first start needs the network" in done.stderr
    assert "pip install" in machine.run().stderr


def test_a_broken_environment_is_named(machine: Machine) -> None:
    machine.put_python()
    machine.run()
    os.unlink(machine.root / ".venv/bin/python")
    done = machine.run()
    assert done.returncode == 1
    assert "remove it and start again: rm -rf .venv" in done.stderr
