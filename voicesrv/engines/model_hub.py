"""Files of the Hugging Face hub: what it says of one, and fetching one so that a half download can go on.

The only importer of huggingface_hub, which knows the addresses, keys (``HF_TOKEN``), mirrors (``HF_ENDPOINT``) and
proxies. Its own ``hf_hub_download`` throws away what it has when it is stopped, so files are fetched with what lies
below that: one request for what the hub says, one for the bytes that are missing. Its second way, Xet, is not
taken: it cannot go on with a half download either, and every file can be had without.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, errors, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # it exports them by a lazy loader
    WeakFileLock,
    build_hf_headers,
    hf_raise_for_status,
)

from voicesrv.engines.model_catalogue import HubFile, Model
from voicesrv.errors import EngineUnavailable

TIMEOUT_S = 10.0
"""For the hub's answer to what it has and for the next bytes of a file, as huggingface_hub itself waits."""
TRIES = 4
"""Connections that bring nothing before it is given up."""
_WAIT_S = 1.0
"""Before the next of those."""


class HubUnreachable(EngineUnavailable):
    """The hub did not answer, or something between says no."""


@dataclass(frozen=True, slots=True)
class Remote:
    """What the hub says of a file."""

    url: str
    size: int
    """In bytes."""
    etag: str
    """SHA-256 in hex of a large file, git's SHA-1 of a small one."""
    commit: str
    """Of the repository that it belongs to."""


def endpoint() -> str:
    """The hub's address: ``HF_ENDPOINT``, else the usual one."""
    return constants.ENDPOINT


def ask(model: Model, file: HubFile, timeout_s: float = TIMEOUT_S) -> Remote:
    """Ask the hub for what it has.

    Args:
        model: whose file it is.
        file: the file.
        timeout_s: to wait for the answer, looking the hub's name up included.

    Raises:
        HubUnreachable: it does not answer.
        EngineUnavailable: it has no such file, or shows it to nobody without a key.
    """
    url = hf_hub_url(model.repo, file.path, revision=model.revision)
    answer: list[Remote | Exception] = []

    def work() -> None:
        try:
            told = get_hf_file_metadata(url, timeout=timeout_s)
            if told.etag is None or told.size is None or told.commit_hash is None:
                raise HubUnreachable(f"{url} answers, but not as a hub does: it tells no checksum, size and commit")
            answer.append(Remote(url, told.size, told.etag, told.commit_hash))
        except Exception as error:
            answer.append(error)

    # Looking a name up has no time limit of its own, and takes 10 s and more without a network.
    thread = threading.Thread(target=work, name="ask the hub", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not answer:
        raise HubUnreachable(f"{endpoint()} does not answer within {timeout_s:g} s")
    if isinstance(answer[0], Exception):
        raise _translated(model, file, answer[0]) from answer[0]
    return answer[0]


def fetch(model: Model, file: HubFile, remote: Remote, part: Path, count: Callable[[int], None]) -> None:
    """Fetch a file; go on where ``part`` ends, also when the connection breaks.

    What has come stays in ``part`` whatever happens, Ctrl-C included; but for a file that is longer than the hub said,
    of which no byte can be believed.

    Args:
        model: whose file it is.
        file: the file.
        remote: what the hub says of it.
        part: where the bytes go; may hold the first of them.
        count: told how many bytes came, on each piece.

    Raises:
        HubUnreachable: the connection broke, and nothing came in ``TRIES`` more.
        EngineUnavailable: the hub refuses, or more comes than it said.
        OSError: the disk is full, or cannot be written to.
    """
    in_vain = 0
    with part.open("ab") as here:
        while (have := here.tell()) < remote.size:
            broken = HubUnreachable(f"{endpoint()} ends {file.path} before its end")
            try:
                for piece in _pieces(model, file, remote.url, have):
                    if here.tell() + len(piece) > remote.size:
                        here.truncate(0)
                        raise EngineUnavailable(
                            f"more comes of {file.path} than the {remote.size} bytes it should have"
                        )
                    here.write(piece)
                    count(len(piece))
            except HubUnreachable as error:
                broken = error
            if here.tell() == have:
                in_vain += 1
                if in_vain > TRIES:
                    raise broken
                time.sleep(_WAIT_S)
            else:
                in_vain = 0


def _pieces(model: Model, file: HubFile, url: str, start: int) -> Iterator[bytes]:
    """Yield a file from its byte ``start`` on, as it comes."""
    # Compressed, it would have another length, and no byte to go on from.
    headers = build_hf_headers() | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT_S) as response:
            hf_raise_for_status(response)
            unwanted = 0 if response.status_code == 206 else start  # not every mirror understands ranges
            for piece in response.iter_bytes():
                if len(piece) > unwanted:
                    yield piece[unwanted:]
                unwanted = max(unwanted - len(piece), 0)
    except Exception as error:
        raise _translated(model, file, error) from error


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Be the only process between here and the end of the block.

    Raises:
        EngineUnavailable: another is.
    """
    held = False
    try:
        with WeakFileLock(lock, timeout=0.2):
            held = True
            yield
    except TimeoutError as error:
        if held:
            raise
        raise EngineUnavailable("it is being downloaded by another process; wait for that") from error


def _translated(model: Model, file: HubFile, error: Exception) -> EngineUnavailable:
    """An error of the hub's or its HTTP client's (whose classes change with its version) in our words."""
    if isinstance(error, EngineUnavailable):
        return error
    where = f"{endpoint()}/{model.repo}"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubUnreachable("HF_HUB_OFFLINE is set, so nothing is downloaded; unset it")
    if isinstance(error, errors.GatedRepoError):
        return EngineUnavailable(
            f"{where} is for those who accepted its terms: accept them there, and set HF_TOKEN to a key of yours"
        )
    if isinstance(error, errors.RemoteEntryNotFoundError | errors.RevisionNotFoundError):
        return EngineUnavailable(
            f"{where} has no {file.path} at {model.revision[:12]}: a mirror that lacks it, or it is gone"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return EngineUnavailable(f"{where} is not there, or not for everybody (then set HF_TOKEN)")
    if isinstance(error, errors.HfHubHTTPError):
        return HubUnreachable(f"{where} answers {error.response.status_code} for {file.path}")
    reason = str(error).strip().splitlines()
    return HubUnreachable(f"{endpoint()} cannot be reached: {reason[0][:200] if reason else type(error).__name__}")
