"""Certificates: one that the operator gives, or one that is made here, for this machine's names and addresses.

A browser does not know who made ours, and asks once. It is its own authority (``CA:TRUE``), because
telephones let only an authority be installed, and Safari opens no WebSocket to a server that it was
merely told to go on to (https://github.com/jupyterhub/jupyterhub/issues/292). Its name constraints hold whoever
installs it harmless: it vouches for the names that this machine has or had lately, and for no others.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from voicesrv.errors import ConfigError
from voicesrv.transport.tls import Certificate

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LIFE = timedelta(days=397)
"""What Apple recommends for certificates of public authorities, of which it refuses those of over 398 days
(https://support.apple.com/102028). Ours are under no such rule, and stay within it."""
RENEW_BEFORE = timedelta(days=30)
"""A kept certificate with less left to live is replaced."""
_BACKDATED = timedelta(days=1)
"""For devices whose clock is slow."""
ALWAYS = ("localhost", "127.0.0.1", "::1")
"""What every certificate of ours stands for beside what it is asked to."""
_CARRIED = 16
"""Names and addresses that a new certificate takes over from the one before, those of late first: a laptop that goes
between a few networks keeps one certificate for them all, and forgets one where it has not been for long."""


def given(file: Path, key: Path | None) -> Certificate:
    """Take the operator's certificate.

    Args:
        file: PEM, the certificate first and its chain after it.
        key: PEM; None where it is in the same file.

    Raises:
        ConfigError: a file cannot be read, is no PEM, the two do not belong together, or its time is over.
    """
    certificate = Certificate(file, key or file)
    certificate.context()
    read = x509.load_pem_x509_certificate(file.read_bytes())
    if read.not_valid_after_utc < datetime.now(UTC):
        raise ConfigError(f"tls: the certificate {file} ended on {read.not_valid_after_utc:%Y-%m-%d}")
    return Certificate(file, key or file, _names_of(read), _fingerprint(read))


def self_signed(folder: Path, names: Iterable[str], now: datetime | None = None) -> Certificate:
    """Take the certificate that was made before, or make one where there is none that will do.

    A new one means that everybody is asked again, so one is made only where the kept one ends within
    30 days, lacks a name or an IPv4 address, or has a key that others could read. IPv6 addresses are put
    in, but most of them change from day to day, and none is a reason for a new one. Where a name is all that the
    kept one lacks, the new one stands for what that did as well, so that nobody is asked again where they were before.

    Servers that start at once in one folder take the same, if it will do for both.

    Args:
        folder: where it is kept; made with mode 0700.
        names: names and addresses that it is to stand for, beside ``ALWAYS``.
        now: instead of the time that it is.

    Raises:
        ConfigError: the folder cannot be written.
    """
    now = now or datetime.now(UTC)
    wanted = tuple(dict.fromkeys((*ALWAYS, *names)))
    file, public = folder / "self-signed.pem", folder / "certificate.crt"
    try:
        kept = _kept(file, now)
        if kept is None or not _will_do(kept, wanted) or not _is_copy(public, kept):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(folder):
                kept = _renewed(file, wanted, now)
                if not _is_copy(public, kept):
                    _write(public, _pem(kept), 0o644)
    except OSError as error:
        raise ConfigError(f"tls: no certificate can be kept in {folder} (state_dir): {error.strerror}") from error
    return Certificate(file, file, _names_of(kept), _fingerprint(kept), public)


def _renewed(file: Path, wanted: tuple[str, ...], now: datetime) -> x509.Certificate:
    """The certificate in a file, made anew where it will not do."""
    kept = _kept(file, now)
    if kept is not None and _will_do(kept, wanted):
        return kept
    before = [name for name in _names_of(kept) if name not in wanted and not _is_ipv6(name)] if kept else []
    made, key = _make((*wanted, *before[:_CARRIED]), now)
    _write(file, _pem(made) + key, 0o600)
    return made


def _kept(file: Path, now: datetime) -> x509.Certificate | None:
    """The certificate in a file, if it can still be used."""
    try:
        if os.name == "posix" and file.stat().st_mode & 0o077:
            return None
        kept = x509.load_pem_x509_certificate(file.read_bytes())
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, password="")
    except (FileNotFoundError, ValueError, ssl.SSLError):
        return None
    if not kept.not_valid_before_utc <= now < kept.not_valid_after_utc - RENEW_BEFORE:
        return None
    return kept


def _will_do(kept: x509.Certificate, wanted: Iterable[str]) -> bool:
    return {name for name in wanted if not _is_ipv6(name)} <= set(_names_of(kept))


def _is_copy(public: Path, kept: x509.Certificate) -> bool:
    return public.is_file() and public.read_bytes() == _pem(kept)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait to be the only server that makes a certificate in a folder; on Windows all may."""
    with open(folder / ".lock", "wb") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
        yield


def _make(names: Collection[str], now: datetime) -> tuple[x509.Certificate, bytes]:
    """Make a key and its certificate; the key is returned as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = next((name for name in names if name not in ALWAYS), "localhost")[:50]  # a common name has 64 characters
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"voicesrv {called}")])
    begins = now - _BACKDATED
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + LIFE)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints([_constraint(name) for name in names], None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    as_pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate, key.private_bytes(*as_pem)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _constraint(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(name))
    except ValueError:
        return x509.DNSName(name)


def _is_ipv6(name: str) -> bool:
    return ":" in name


def _names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace a file whole, so that nobody reads half of one."""
    handle, part = tempfile.mkstemp(dir=path.parent)  # readable by its owner alone
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(part, mode)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
