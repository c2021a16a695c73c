"""The check of import directions: it passes what STYLE allows and names what it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_imports"


def check(root: Path, **modules: str) -> tuple[int, str]:
    """Run the script on a package of these modules; ``audio__pcm`` is ``voicesrv/audio/pcm.py``."""
    return check_files(root, {f"voicesrv/{name.replace('__', '/')}.py": text for name, text in modules.items()})


def check_files(root: Path, files: dict[str, str]) -> tuple[int, str]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_our_own_package_passes() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_imports_that_point_downwards_pass(tmp_path: Path) -> None:
    assert check(
        tmp_path,
        events="import enum\n",
        audio__pcm="import numpy\nfrom voicesrv import errors\n",
        audio__framing="from voicesrv.audio import pcm\nfrom . import pcm\nfrom .pcm import x\n",
        conversation__turn="from voicesrv.engines.base import Vad\nfrom voicesrv.engines import base\n",
        app="from voicesrv.engines.null import NullVad\nfrom voicesrv.shelf import EngineShelf\nimport starlette\n",
        bench__run="from voicesrv_client.events import Audio\n",
        cli__serve="def serve():\n    from voicesrv import app\n    import uvloop\n    import voicesrv_client\n",
    ) == (0, "")


@pytest.mark.parametrize(
    ("module", "text", "fault"),
    [
        ("errors", "\nfrom voicesrv import events\n", ":2: errors imports voicesrv.events, which is above it"),
        ("events", "import voicesrv.audio.pcm\n", ":1: events imports voicesrv.audio.pcm, which is a neighbour"),
        ("protocols__native", "from ..conversation.turn import x\n", "conversation.turn, which is a neighbour"),
        ("conversation__a", "from voicesrv.engines.null import N\n", "voicesrv.engines.null, an adapter; it may see"),
        ("conversation__a", "from voicesrv.engines import null\n", "voicesrv.engines.null, an adapter; it may see"),
        ("transport__relay", "from voicesrv_client import VoiceClient\n", "voicesrv_client is for cli alone"),
        ("audio__pcm", "import asyncio\n", "audio does without asyncio"),
        ("transport__http", "import av.audio\n", "av is for audio alone"),
        ("conversation__a", "from starlette.websockets import WebSocket\n", "starlette is for transport alone"),
        ("app", "def make():\n    import json\n", ":2: json is imported inside a function"),
        (
            "app",
            "if TYPE_CHECKING:\n    from voicesrv.cli import main\n",
            "app imports voicesrv.cli.main, which is above",
        ),
        ("stray", "", ":1: 'stray' has no level"),
        ("app", "from voicesrv import stray\n", "'stray' has no level"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, module: str, text: str, fault: str) -> None:
    code, said = check(tmp_path, **{module: text})
    assert code == 1
    assert fault in said
    assert said.startswith(f"voicesrv/{module.replace('__', '/')}.py:")
    assert said.count("\n") == 1


def test_the_client_passes_with_what_it_depends_on(tmp_path: Path) -> None:
    folder = "clients/python/voicesrv_client"
    files = {
        f"{folder}/connection.py": "import asyncio\nimport websockets.http11\nfrom voicesrv_client import link\n",
        f"{folder}/devices.py": "import sounddevice\nfrom voicesrv_client.playout import Playout\n",
        f"{folder}/playout.py": "import threading\n",
    }
    assert check_files(tmp_path, files) == (0, "")


@pytest.mark.parametrize(
    ("module", "text", "fault"),
    [
        (
            "voicesrv_client/client",
            "\nfrom voicesrv.events import Word\n",
            ":2: the client installs without the server",
        ),
        ("examples/say", "import voicesrv\n", ":1: the client installs without the server, and imports voicesrv"),
        ("voicesrv_client/client", "import websockets\n", ":1: websockets is for connection alone"),
        ("voicesrv_client/client", "import numpy as np\n", ":1: numpy is nothing that the client depends on"),
        ("voicesrv_client/ring", "from asyncio import Lock\n", ":1: ring does without asyncio"),
        ("voicesrv_client/client", "def f():\n    import json\n", ":2: json is imported inside a function"),
    ],
)
def test_what_the_client_may_not_import(tmp_path: Path, module: str, text: str, fault: str) -> None:
    code, said = check_files(tmp_path, {f"clients/python/{module}.py": text})
    assert code == 1
    assert said.startswith(f"clients/python/{module}.py{fault}")
    assert said.count("\n") == 1
