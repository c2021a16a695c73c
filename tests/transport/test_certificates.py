from __future__ import annotations

import hashlib
import ipaddress
import os
import ssl
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from voicesrv.errors import ConfigError
from voicesrv.transport import certificates
from voicesrv.transport.certificates import given, self_signed

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAMES = ("nas", "nas.local", "192.168.0.7", "fd00::7")
DAY = timedelta(days=1)


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- made here -----------------------------------------------------------------------------------


def test_it_stands_for_this_machine_and_vouches_for_no_other(tmp_path: Path) -> None:
    made = self_signed(tmp_path / "tls", NAMES, NOW)
    assert set(made.names) == {"localhost", "127.0.0.1", "::1", *NAMES}
    certificate = read(made.file)
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = constraints.value.permitted_subtrees
    assert permitted is not None
    assert {str(each.value) for each in permitted} == {
        *("localhost", "nas", "nas.local"),
        *("127.0.0.1/32", "192.168.0.7/32", "::1/128", "fd00::7/128"),
    }
    authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert authority.ca and authority.path_length == 0


def test_it_lives_as_long_as_browsers_allow(tmp_path: Path) -> None:
    certificate = read(self_signed(tmp_path, NAMES, NOW).file)
    assert certificate.not_valid_before_utc <= NOW - DAY
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= 398 * DAY
    assert certificate.not_valid_after_utc >= NOW + 395 * DAY


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    made = self_signed(tmp_path / "state" / "tls", NAMES, NOW)
    assert permissions(tmp_path / "state" / "tls") == 0o700
    assert permissions(made.key) == 0o600
    assert made.public is not None and b"PRIVATE" not in made.public.read_bytes()
    assert read(made.public) == read(made.file)
    assert sorted(each.name for each in made.file.parent.iterdir()) == [".lock", "certificate.crt", "self-signed.pem"]


def test_its_fingerprint_is_written_as_browsers_do(tmp_path: Path) -> None:
    made = self_signed(tmp_path, NAMES, NOW)
    der = ssl.PEM_cert_to_DER_cert(made.public.read_text() if made.public else "")
    digest = hashlib.sha256(der).hexdigest().upper()
    assert made.fingerprint == ":".join(digest[i : i + 2] for i in range(0, 64, 2))


def test_no_two_are_alike(tmp_path: Path) -> None:
    first, second = (self_signed(tmp_path / name, NAMES, NOW) for name in "ab")
    assert read(first.file).serial_number != read(second.file).serial_number
    assert read(first.file).public_key() != read(second.file).public_key()


# --- kept ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "later"),
    [
        (NAMES, 0 * DAY),
        (NAMES, 365 * DAY),
        (NAMES[:2], DAY),  # an address that it has too many is no harm
        ((*NAMES, "fd00::8"), DAY),  # IPv6 addresses come and go
    ],
)
def test_it_is_kept_as_long_as_it_will_do(tmp_path: Path, names: tuple[str, ...], later: timedelta) -> None:
    first = self_signed(tmp_path, NAMES, NOW)
    assert self_signed(tmp_path, names, NOW + later) == first


@pytest.mark.parametrize(
    ("names", "later"),
    [
        ((*NAMES, "voice.example"), DAY),
        ((*NAMES, "10.0.0.7"), DAY),
        (NAMES, 370 * DAY),  # it ends soon
        (NAMES, 500 * DAY),
        (NAMES, -2 * DAY),  # it has not begun: the clock was wrong when it was made
    ],
)
def test_it_is_made_anew_where_it_will_not_do(tmp_path: Path, names: tuple[str, ...], later: timedelta) -> None:
    first = self_signed(tmp_path, NAMES, NOW)
    second = self_signed(tmp_path, names, NOW + later)
    assert second.fingerprint != first.fingerprint
    assert set(names) <= set(second.names)
    assert second.public is not None and read(second.public) == read(second.file)
    second.context()


def test_a_laptop_has_one_for_the_networks_that_it_goes_between(tmp_path: Path) -> None:
    home, office = ("laptop", "10.0.0.5", "fd00::7"), ("laptop", "laptop.office.example", "192.168.1.7")
    self_signed(tmp_path, home, NOW)
    both = self_signed(tmp_path, office, NOW)
    assert set(both.names) == {"localhost", "127.0.0.1", "::1", "laptop", *home[:2], *office}
    assert self_signed(tmp_path, home, NOW) == both
    assert self_signed(tmp_path, office, NOW) == both


def test_networks_where_it_was_long_ago_are_forgotten(tmp_path: Path) -> None:
    for i in range(30):
        made = self_signed(tmp_path, ["laptop", f"host-{i}.example", f"10.0.0.{i}"], NOW)
    assert len(made.names) == len(("localhost", "127.0.0.1", "::1", "laptop", "host-29", "10.0.0.29")) + 16
    assert {"10.0.0.29", "10.0.0.28", "host-28.example"} <= set(made.names)
    assert not {"10.0.0.3", "host-3.example"} & set(made.names)


def test_what_is_not_trusted_any_more_hands_nothing_on(tmp_path: Path) -> None:
    self_signed(tmp_path, ["old.example"], NOW)
    assert "old.example" not in self_signed(tmp_path, ["new.example"], NOW + 370 * DAY).names


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nothing is locked")
def test_servers_that_start_at_once_take_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both look before either has made one."""
    kept, make = certificates._kept, certificates._make
    both_looked, looked = threading.Barrier(2), threading.local()
    made = []

    def look(*of: Any) -> x509.Certificate | None:
        found = kept(*of)
        if not hasattr(looked, "once"):
            looked.once = True
            both_looked.wait(10)
        return found

    def count(*of: Any) -> Any:
        made.append(of)
        return make(*of)

    monkeypatch.setattr(certificates, "_kept", look)
    monkeypatch.setattr(certificates, "_make", count)
    with ThreadPoolExecutor(2) as servers:
        first, second = servers.map(lambda _: self_signed(tmp_path, NAMES, NOW), range(2))
    assert first == second and len(made) == 1
    assert first.public is not None and read(first.public) == read(first.file)


def test_one_whose_key_others_could_read_is_not_trusted_any_more(tmp_path: Path) -> None:
    first = self_signed(tmp_path, NAMES, NOW)
    first.file.chmod(0o640)
    second = self_signed(tmp_path, NAMES, NOW)
    assert second.fingerprint != first.fingerprint
    assert permissions(second.file) == 0o600


@pytest.mark.parametrize("damage", ["", "nonsense", "half", "no key"])
def test_a_damaged_one_is_replaced(tmp_path: Path, damage: str) -> None:
    first = self_signed(tmp_path, NAMES, NOW)
    text = first.file.read_text()
    halves = {"half": text[: len(text) // 3], "no key": text[: text.index("-----BEGIN PRIVATE")]}
    first.file.write_text(halves.get(damage, damage))
    second = self_signed(tmp_path, NAMES, NOW)
    assert second.fingerprint != first.fingerprint
    second.context()


def test_the_copy_without_the_key_is_put_back(tmp_path: Path) -> None:
    first = self_signed(tmp_path, NAMES, NOW)
    assert first.public is not None
    first.public.unlink()
    assert self_signed(tmp_path, NAMES, NOW) == first
    first.public.write_text("of somebody else")
    self_signed(tmp_path, NAMES, NOW)
    assert read(first.public) == read(first.file)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"tls: no certificate can be kept in .*file/tls \(state_dir\)"):
        self_signed(tmp_path / "file" / "tls", NAMES, NOW)


def test_what_fails_half_way_leaves_no_key_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(part: str, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ConfigError, match="No space left"):
        self_signed(tmp_path, NAMES, NOW)
    assert [each.name for each in tmp_path.iterdir()] == [".lock"]


# --- given ---------------------------------------------------------------------------------------


def test_one_of_the_operators_is_taken_with_its_names(tmp_path: Path) -> None:
    made = self_signed(tmp_path, ["voice.example"])
    one = given(made.file, None)
    assert (one.file, one.key, one.public) == (made.file, made.file, None)
    assert one.names == made.names and one.fingerprint == made.fingerprint

    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    text = made.file.read_text()
    cut = text.index("-----BEGIN PRIVATE")
    certificate.write_text(text[:cut])
    key.write_text(text[cut:])
    assert given(certificate, key).fingerprint == made.fingerprint
    with pytest.raises(ConfigError, match="no certificate with a private key"):
        given(certificate, None)


def test_one_whose_time_is_over_is_refused(tmp_path: Path) -> None:
    made = self_signed(tmp_path, [], datetime.now(UTC) - 500 * DAY)
    with pytest.raises(ConfigError, match=rf"tls: the certificate {made.file} ended on 20\d\d-"):
        given(made.file, None)


def test_one_without_names_has_none(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")])
    begins = datetime.now(UTC)
    plain = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + DAY)
        .sign(key, hashes.SHA256())
    )
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "old.pem"
    path.write_bytes(plain.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*pem))
    assert given(path, None).names == ()


def test_addresses_are_written_as_clients_write_them(tmp_path: Path) -> None:
    made = self_signed(tmp_path, ["fd00:0:0::7"], NOW)
    assert str(ipaddress.ip_address("fd00::7")) in made.names
