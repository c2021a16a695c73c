"""The check of import directions: it passes what STYLE allows and names what it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_imports"


def check(root: Path, **modules: str) -> tuple[int, str]:
    """Run the script on a package of these modules; ``audio__pcm`` is ``voicesrv/audio/pcm.py``."""
    for name, text in modules.items():
        path = root / "voicesrv" / (name.replace("__", "/") + ".py")
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
        cli__serve="def serve():\n    from voicesrv import app\n    import uvloop\n",
    ) == (0, "")


@pytest.mark.parametrize(
    ("module", "text", "fault"),
    [
        ("errors", "\nfrom voicesrv import events\n", ":2: errors imports voicesrv.events, which is above it"),
        ("events", "import voicesrv.audio.pcm\n", ":1: events imports voicesrv.audio.pcm, which is a neighbour"),
        ("protocols__native", "from ..conversation.turn import x\n", "conversation.turn, which is a neighbour"),
        ("conversation__a", "from voicesrv.engines.null import N\n", "voicesrv.engines.null, an adapter; it may see"),
        ("conversation__a", "from voicesrv.engines import null\n", "voicesrv.engines.null, an adapter; it may see"),
        (
            "client__client",
            "from voicesrv.events import Word\n",
            "client imports voicesrv.events.Word, which is above it",
        ),
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
