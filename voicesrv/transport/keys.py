"""Keys and short-lived tokens: who a client is. Pure; the time is an argument."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from voicesrv.errors import ConfigError

ALL_SCOPES = frozenset({"*"})
TOKEN_PREFIX = "vst_"
"""What tells a token from a key."""
TOKEN_LIFE_S = 60.0

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}(\+[a-z]{1,32})*")
_MIN_KEY_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is, and what it may do."""

    name: str
    scopes: frozenset[str] = ALL_SCOPES
    is_short_lived: bool = False
    """Whether it showed a token, which cannot be used to get another."""

    def may(self, scope: str) -> bool:
        """Whether it has a scope."""
        return scope in self.scopes or "*" in self.scopes


LOCAL = Identity("local")
"""Everybody, where no keys are set."""


class KeyRing:
    """The keys that open this server, kept as SHA-256 digests.

    A key is long and random, so that a plain hash is enough; what is compared takes the same time for
    every key that is not right.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Read the keys.

        Args:
            entries: ``KEY``, ``NAME:KEY``, or ``NAME+SCOPE+SCOPE:KEY`` for a key that may do no more than
                that. Unnamed keys are called ``key-1``, ``key-2`` and so on by their place.

        Raises:
            ConfigError: an entry makes no sense; its key is not shown.
        """
        self._digests: list[tuple[bytes, Identity]] = []
        for place, entry in enumerate(entries, 1):
            head, colon, key = entry.partition(":")
            head, key = (head, key) if colon else (f"key-{place}", entry)
            if not _NAME.fullmatch(head):
                raise ConfigError(f"api_keys: the name of key {place} is not letters, digits, _ . - and +scopes")
            if len(key) < _MIN_KEY_LENGTH or key.startswith(TOKEN_PREFIX):
                raise ConfigError(
                    f"api_keys: key {place} is under {_MIN_KEY_LENGTH} characters or begins with {TOKEN_PREFIX}"
                )
            name, *scopes = head.split("+")
            self._digests.append((_digest(key), Identity(name, frozenset(scopes) or ALL_SCOPES)))

    def __bool__(self) -> bool:
        """Whether there are keys at all."""
        return bool(self._digests)

    def find(self, key: str) -> Identity | None:
        """Tell whose key it is; None where it is nobody's."""
        digest = _digest(key)
        found = None
        for known, identity in self._digests:  # all of them: stopping early would tell where it was
            if hmac.compare_digest(known, digest):
                found = identity
        return found


class Tokens:
    """Makes tokens that serve once and soon, for pages that must not hold a key.

    A token is ``vst_`` and base64url of its JSON and of an HMAC-SHA-256 under a secret that lives as
    long as the process. Times are seconds of a clock that does not go back.
    """

    def __init__(self, secret: bytes | None = None) -> None:
        """Draw a secret of 256 bits where none is given."""
        self._secret = secret or secrets.token_bytes(32)
        self._used: dict[str, float] = {}  # id -> when it ends; a token that has ended needs no remembering

    def issue(self, identity: Identity, now: float) -> str:
        """Make a token that stands for ``identity`` for the next minute."""
        claims = [secrets.token_urlsafe(12), round(now + TOKEN_LIFE_S, 3), identity.name, sorted(identity.scopes)]
        body = _encode(json.dumps(claims).encode())
        return f"{TOKEN_PREFIX}{body}.{self._sign(body)}"

    def redeem(self, token: str, now: float) -> Identity | None:
        """Use a token up; None where it is not ours, has ended or was used before."""
        body, _, signature = token.removeprefix(TOKEN_PREFIX).partition(".")
        if not hmac.compare_digest(self._sign(body).encode(), signature.encode(errors="replace")):
            return None
        id, ends, name, scopes = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        self._used = {used: end for used, end in self._used.items() if end > now}
        if ends <= now or id in self._used:
            return None
        self._used[id] = ends
        return Identity(name, frozenset(scopes), is_short_lived=True)

    def _sign(self, body: str) -> str:
        return _encode(hmac.digest(self._secret, body.encode(errors="replace"), "sha256"))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
