from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesrv.errors import ConfigError
from voicesrv.transport import keys
from voicesrv.transport.keys import ALL_SCOPES, LOCAL, TOKEN_LIFE_S, Identity, KeyRing, Tokens


def test_keys_are_found_by_their_owner() -> None:
    ring = KeyRing(["alice:alices-key", "unnamed-key", "kiosk+listen+metrics:kiosks-key"])
    assert ring.find("alices-key") == Identity("alice", ALL_SCOPES)
    assert ring.find("unnamed-key") == Identity("key-2", ALL_SCOPES)
    kiosk = ring.find("kiosks-key")
    assert kiosk == Identity("kiosk", frozenset({"listen", "metrics"}))
    assert kiosk.may("listen")
    assert not kiosk.may("speak")
    assert LOCAL.may("anything")


def test_a_key_may_hold_a_colon_after_its_name() -> None:
    assert KeyRing(["alice:left:right"]).find("left:right") == Identity("alice")


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "alice",
        "alice:alices-key",
        "alices-ke",
        "alices-key2",
        "ALICES-KEY",
        " alices-key",
        "x" * 6000,
        "ключ",
        "\udc80",
    ],
)
def test_what_is_not_quite_a_key_is_no_key(shown: str) -> None:
    assert KeyRing(["alice:alices-key"]).find(shown) is None


def test_every_key_is_compared_in_constant_time_whichever_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    compare = hmac.compare_digest

    def counted(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return compare(a, b)

    monkeypatch.setattr(keys.hmac, "compare_digest", counted)
    ring = KeyRing([f"key-number-{i}" for i in range(5)])
    for shown in ("key-number-0", "key-number-4", "wrong"):
        compared.clear()
        ring.find(shown)
        assert compared == 5 * [(32, 32)]  # digests: their length tells nothing of the key's


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("short", "under 8 characters"),
        ("alice:short", "under 8 characters"),
        ("no spaces:secret-key", "name of key 1"),
        (":secret-key", "name of key 1"),
        ("a" * 65 + ":secret-key", "name of key 1"),
        ("alice:vst_secret", "begins with vst_"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_and_not_shown(entry: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        KeyRing([entry])
    assert "secret" not in str(caught.value)


def test_no_keys_is_false() -> None:
    assert not KeyRing()
    assert KeyRing(["some-key-or-other"])


def test_a_token_stands_for_its_owner_once() -> None:
    tokens = Tokens()
    token = tokens.issue(Identity("kiosk", frozenset({"listen"})), now=100.0)
    assert tokens.redeem(token, 100.0) == Identity("kiosk", frozenset({"listen"}), is_short_lived=True)
    assert tokens.redeem(token, 100.0) is None
    other = tokens.issue(LOCAL, now=100.0)
    assert other != tokens.issue(LOCAL, now=100.0)
    assert tokens.redeem(other, 100.0) == Identity("local", ALL_SCOPES, is_short_lived=True)


def test_a_token_ends_and_is_forgotten_then() -> None:
    tokens = Tokens()
    used, unused = tokens.issue(LOCAL, 0.0), tokens.issue(LOCAL, 0.0)
    assert tokens.redeem(used, TOKEN_LIFE_S - 0.001) is not None
    assert tokens.redeem(unused, TOKEN_LIFE_S) is None
    assert tokens.redeem(used, TOKEN_LIFE_S) is None
    assert tokens._used == {}


def test_a_token_of_another_process_is_worth_nothing() -> None:
    assert Tokens().redeem(Tokens().issue(LOCAL, 0.0), 0.0) is None


@given(at=st.integers(0, 200), byte=st.characters(codec="latin-1"))
def test_a_token_with_any_letter_changed_is_worth_nothing(at: int, byte: str) -> None:
    tokens = Tokens(b"secret")
    token = tokens.issue(LOCAL, 0.0)
    changed = token[: at % len(token)] + byte + token[at % len(token) + 1 :]
    found = tokens.redeem(changed, 0.0)
    assert (found is not None) == (changed == token)


@given(st.text(max_size=100))
def test_noise_is_no_token(noise: str) -> None:
    assert Tokens().redeem("vst_" + noise, 0.0) is None
