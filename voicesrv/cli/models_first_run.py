"""The first run of ``scripts/serve``: better ears and a better voice are downloaded while the server runs already.

The server begins with the engines that need no download, and ``auto`` takes the models for the next conversation when
they are whole. It is tried once for a models folder: what came of it, or that the hub cannot be reached, is remembered
in ``.first-run`` there. A download that the end of the server stopped goes on with the next.
"""

from __future__ import annotations

import os
from pathlib import Path

from voicesrv.cli.models_progress import Lines
from voicesrv.engines.machine import this_machine
from voicesrv.engines.model_catalogue import Model, recommended
from voicesrv.engines.model_files import installed, models_folder
from voicesrv.engines.model_hub import HubUnreachable
from voicesrv.engines.model_pull import pull
from voicesrv.engines.model_store import megabytes
from voicesrv.errors import ConfigError, EngineUnavailable
from voicesrv.settings import Settings, load

ANSWER_S = 3.0
"""For the hub to answer; a machine without a network learns of it so soon."""
_MARK = ".first-run"
_BEFORE = "voicesrv models: "


def begin(config: Path | None, beside: int | None = None, **flags: str | None) -> None:
    """Download what the settings leave to ``auto`` and no model is there for.

    Args:
        config: the settings file, where a flag named one.
        beside: process id of the server, whose child this is; the download ends with it, however that ends. It may
            have ended already: this process takes a second to start. None: it ends with nobody.
        flags: ``stt``, ``tts`` and ``language`` as the server is given them.
    """
    mark = models_folder() / _MARK
    try:
        settings = load(flags, config)
    except ConfigError:
        return  # the server tells
    lacking = [model for model in recommended(this_machine(), settings.language) if _lacks(model, settings)]

    def is_wanted() -> bool:
        return beside is None or os.getppid() == beside  # an orphan gets another parent

    if not lacking or mark.exists() or not is_wanted():
        return
    show = Lines(_BEFORE, is_wanted)
    try:
        show.say(
            f"getting {' and '.join(map(str, lacking))} ({megabytes(sum(model.size for model in lacking))}) for you"
        )
        show.say("the server runs meanwhile with what it has; VOICESRV_PULL=0 downloads nothing")
        for model in lacking:
            pull(model, show, ANSWER_S)
            show.say(f"{model} is here: the next conversation has it" + (f"; {model.note}" if model.note else ""))
    except KeyboardInterrupt:
        return
    except HubUnreachable as error:
        reason = str(error).partition("\n")[0]
        show.say(f"{reason}; the server goes on without. Later: voicesrv models pull recommended")
    except EngineUnavailable as error:
        show.say(f"{error}. Later: voicesrv models pull recommended")
    try:
        mark.touch()
    except OSError:
        return  # the folder cannot be written to, which has been told


def _lacks(model: Model, settings: Settings) -> bool:
    """Whether ``auto`` would want a model of this engine and has none."""
    wanted = settings.stt if model.engine == "whisper" else settings.tts
    return wanted == "auto" and not installed(model.engine)
