"""What clients/python and the server's package say of the same thing: the server's wheel carries the client."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_both_packages_need_the_same() -> None:
    server, client = project(ROOT), project(CLIENT)
    assert set(client["dependencies"]) <= set(server["dependencies"])
    assert client["optional-dependencies"]["mic"] == server["optional-dependencies"]["mic"]
    for name in ("version", "requires-python", "license"):
        assert client[name] == server[name]


def test_the_servers_wheel_carries_the_client() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert "clients/python/voicesrv_client" in build["targets"]["wheel"]["packages"]
    assert "COPY clients/python/voicesrv_client clients/python/voicesrv_client\n" in (ROOT / "Dockerfile").read_text()


def test_the_licence_is_the_same() -> None:
    assert (CLIENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (CLIENT / "voicesrv_client" / "py.typed").exists()
