"""The server as a process of its own: ``python -m tests.hostile.server SETTINGS``, which are JSON."""

from __future__ import annotations

import json
import sys

from voicesrv.app import create_app, server_options
from voicesrv.settings import Settings
from voicesrv.transport import logs
from voicesrv.transport.server import serve


def main() -> None:
    settings = Settings(port=0, **json.loads(sys.argv[1]))
    logs.configure(settings.log_level)
    serve(create_app(settings), server_options(settings))


if __name__ == "__main__":
    main()
