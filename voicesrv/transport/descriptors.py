"""How many sockets the system lets this process have."""

from __future__ import annotations

import logging

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

_BESIDE = 512
"""For all that is no client: models, engines' processes and their pipes, calls to providers, the log."""

logger = logging.getLogger(__name__)


def allow(n_connections: int) -> None:
    """Raise the soft limit of open files as far as that many connections need it and the hard limit lets it.

    Most systems begin at 1024, for programs that use ``select``; sockets beyond are not refused but reset, or left
    waiting.
    """
    if resource is None:
        return
    wanted = n_connections + _BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # a sandbox, or a kernel with a limit of its own
        allowed = soft
    if allowed < wanted:
        logger.warning(
            "the system allows %d open files, too few for %d connections; ulimit -n or LimitNOFILE= raises that",
            allowed,
            n_connections,
        )
