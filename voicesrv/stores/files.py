"""Snapshots as files, for a server that is restarted on one machine."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import time
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
STALE_S = 60.0
"""No file takes so long to write."""
MAX_BYTES = 16 << 20
"""A file that is larger is none of ours."""


class FileStore:
    """One file a conversation, readable by its owner alone; wall-clock time, as the process ends between."""

    def __init__(self, folder: Path) -> None:
        """Args:
        folder: made with the first snapshot, with mode 0700.
        """
        self._folder = folder

    def put(self, id: str, snapshot: dict[str, Any], keep_s: float) -> None:
        """Keep a snapshot (see ``ConversationStore``)."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(id)
        text = json.dumps({"until": time.time() + keep_s, "conversation": snapshot})
        part = path.with_suffix(".part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)

    def get(self, id: str) -> dict[str, Any] | None:
        """Return a snapshot (see ``ConversationStore``)."""
        kept = self._read(self._path(id))
        if kept is None or kept["until"] < time.time():
            self.drop(id)
            return None
        snapshot: dict[str, Any] = kept["conversation"]
        return snapshot

    def drop(self, id: str) -> None:
        """Forget a snapshot (see ``ConversationStore``)."""
        self._path(id).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Forget all whose time is over, and what cannot be read."""
        for part in self._folder.glob("*.part"):  # of a process that was killed while it wrote
            with contextlib.suppress(FileNotFoundError):  # another has just finished writing it
                if part.stat().st_mtime < time.time() - STALE_S:
                    part.unlink()
        for path in self._folder.glob("*.json"):
            kept = self._read(path)
            if kept is None or kept["until"] < time.time():
                path.unlink(missing_ok=True)

    def _path(self, id: str) -> Path:
        if not _ID.fullmatch(id):
            raise ValueError(f"{id!r} is no conversation's id")
        return self._folder / f"{id}.json"

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            if path.stat().st_size > MAX_BYTES:
                return None
            kept = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError):
            logger.warning("a kept conversation cannot be read: %s", path.name)
            return None
        whole = isinstance(kept, dict) and isinstance(kept.get("until"), int | float)
        return kept if whole and isinstance(kept.get("conversation"), dict) else None
