"""When scripts/serve compiles the pages, with programs that only say how they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "find", "mktemp", "tail", "rm", "touch", "mkdir")

FAKE_NPM = """#!/usr/bin/env bash
echo "npm $*" >>../../calls
case "$*" in
  ci*) [ -z "${OFFLINE-}" ] || { echo "npm error network" >&2; exit 1; }
       mkdir -p node_modules; touch node_modules/.package-lock.json ;;
  *) mkdir -p ../voicesrv/pages; cd ../voicesrv/pages; mkdir -p talk console clients
     touch talk/index.html console/index.html clients/voice-avatar.js clients/voicesrv.js ;;
esac
"""


class Clone:
    """A clone of the project, and a machine with Node.js where it is put there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.bin = folder, folder / "clone", folder / "bin"
        self.bin.mkdir()
        (self.root / "scripts").mkdir(parents=True)
        for script in ("environment", "pages"):
            shutil.copy(ROOT / "scripts" / script, self.root / "scripts" / script)
        for tool in TOOLS:
            path = shutil.which(tool)
            assert path is not None, tool
            (self.bin / tool).symlink_to(path)
        for source in (
            "package.json",
            "package-lock.json",
            "page/src/talk.ts",
            "web/src/index.ts",
            "web/dist/index.js",
        ):
            self.change(source, at=1000)

    def change(self, source: str, at: float | None = None) -> None:
        path = self.root / "clients" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if at is not None:
            os.utime(path, (at, at))

    def age(self) -> None:
        """All that was built was built long ago, but after the sources."""
        for file in (self.root / "voicesrv" / "pages").rglob("*.*"):
            os.utime(file, (2000, 2000))

    def put_node(self, version: str = "v22.1.0") -> None:
        for name, text in (("npm", FAKE_NPM), ("node", f"#!/usr/bin/env bash\necho {version}\n")):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

    def prepare(self, **environment: str) -> tuple[list[str], str]:
        """Run it as scripts/serve does; give npm's calls and what was said. It never fails."""
        calls = self.folder / "calls"
        calls.unlink(missing_ok=True)
        done = self.run("prepare_pages; echo served", **environment)
        assert (done.returncode, done.stdout) == (0, "served\n"), done.stderr
        return (calls.read_text().splitlines() if calls.exists() else []), done.stderr

    def run(self, commands: str, **environment: str) -> subprocess.CompletedProcess[str]:
        sourced = "source scripts/environment; source scripts/pages"
        return subprocess.run(
            [self.bin / "bash", "-euo", "pipefail", "-c", f"{sourced}; {commands}"],
            env={"PATH": str(self.bin), "TMPDIR": str(self.folder), **environment},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_the_first_start_installs_and_builds_and_later_ones_do_not(clone: Clone) -> None:
    clone.put_node()
    calls, said = clone.prepare()
    assert calls == ["npm ci --no-audit --no-fund", "npm run build"]
    assert "building the page with Node.js v22.1.0" in said and len(said.splitlines()) == 1
    assert clone.prepare() == ([], "")
    assert not list(clone.folder.glob("tmp*"))


@pytest.mark.parametrize("source", ["page/src/talk.ts", "web/src/index.ts", "package.json"])
def test_changed_sources_are_built_again(clone: Clone, source: str) -> None:
    clone.put_node()
    clone.prepare()
    clone.age()
    assert clone.prepare() == ([], "")
    clone.change(source)
    assert clone.prepare()[0] == ["npm run build"]


@pytest.mark.parametrize(
    "source",
    [
        "web/dist/index.js",
        "node_modules/a/a.js",
        "web/tests/a.test.ts",
        "web/README.md",
        "e2e/a.ts",
        "python/a.py",
        "voicesrv-web-0.1.0.tgz",
        "web/voicesrv-web-0.1.0.tgz",
    ],
)
def test_what_is_no_source_of_the_pages_changes_nothing(clone: Clone, source: str) -> None:
    clone.put_node()
    clone.prepare()
    clone.age()
    clone.change(source)
    assert clone.prepare() == ([], "")


def test_changed_packages_are_installed_again(clone: Clone) -> None:
    clone.put_node()
    clone.prepare()
    os.utime(clone.root / "clients" / "node_modules" / ".package-lock.json", (2000, 2000))
    clone.age()
    clone.change("package-lock.json")
    assert clone.prepare()[0] == ["npm ci --no-audit --no-fund", "npm run build"]


@pytest.mark.parametrize("missing", ["console/index.html", "clients/voice-avatar.js"])
def test_what_is_missing_is_built(clone: Clone, missing: str) -> None:
    clone.put_node()
    clone.prepare()
    (clone.root / "voicesrv" / "pages" / missing).unlink()
    assert clone.prepare()[0] == ["npm run build"]


@pytest.mark.parametrize("version", [None, "v18.20.1", "v20.18.3", "v9.99.0", "", "v", "error: libnode.so.115"])
def test_without_node_it_says_so_in_a_line_and_goes_on(clone: Clone, version: str | None) -> None:
    if version is not None:
        clone.put_node(version)
    calls, said = clone.prepare()
    assert calls == []
    assert "no Node.js 20.19 or newer with npm" in said and len(said.splitlines()) == 1


@pytest.mark.parametrize("version", ["v20.19.0", "v20.20.2", "v24.0.0"])
def test_node_that_is_new_enough_will_do(clone: Clone, version: str) -> None:
    clone.put_node(version)
    assert clone.prepare()[0]


def test_without_a_network_it_says_what_was_missing_and_goes_on(clone: Clone) -> None:
    clone.put_node()
    calls, said = clone.prepare(OFFLINE="1")
    assert calls == ["npm ci --no-audit --no-fund"]
    assert "npm error network" in said and "the server runs without it" in said
    assert "needs the network (or a mirror" in said


def test_checks_and_tests_end_with_a_sentence_where_packages_cannot_be_installed(clone: Clone) -> None:
    clone.put_node()
    done = clone.run("is_node_new_enough; install_packages; echo checked", OFFLINE="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the packages of clients/ could not be installed; what was missing is above" in done.stderr.splitlines()[-1]
    assert clone.run("install_packages; echo checked").stdout == "checked\n"


def test_who_wants_no_downloads_gets_none(clone: Clone) -> None:
    clone.put_node()
    calls, said = clone.prepare(VOICESRV_PULL="0")
    assert calls == [] and "downloads none" in said
    clone.prepare()
    clone.age()
    clone.change("page/src/talk.ts")
    assert clone.prepare(VOICESRV_PULL="0")[0] == ["npm run build"]


def test_without_sources_there_is_nothing_to_do(clone: Clone) -> None:
    shutil.rmtree(clone.root / "clients")
    assert clone.prepare() == ([], "")
