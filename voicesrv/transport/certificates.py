"""Certificates: one that the operator gives, or one that is made here, for this machine's names and addresses.

A browser does not know who made ours, and asks once. It is its own authority (``CA:TRUE``), because
telephones let only an authority be installed, and Safari opens no WebSocket to a server that it was
merely told to go on to (https://github.com/jupyterhub/jupyterhub/issues/292). Its name constraints hold whoever
installs it harmless: it vouches for this machine's names, and for no others.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from voicesrv.errors import ConfigError
from voicesrv.transport.tls import Certificate

LIFE = timedelta(days=397)
"""What Apple recommends for certificates of public authorities, of which it refuses those of over 398 days
(https://support.apple.com/102028). Ours are under no such rule, and stay within it."""
RENEW_BEFORE = timedelta(days=30)
"""A kept certificate with less left to live is replaced."""
_BACKDATED = timedelta(days=1)
"""For devices whose clock is slow."""
ALWAYS = ("localhost", "127.0.0.1", "::1")
"""What every certificate of ours stands for beside what it is asked to."""


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
    in, but most of them change from day to day, and none is a reason for a new one.

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
        kept = _kept(file, wanted, now)
        if kept is None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept, key = _make(wanted, now)
            _write(file, kept.public_bytes(serialization.Encoding.PEM) + key, 0o600)
        pem = kept.public_bytes(serialization.Encoding.PEM)
        if not public.is_file() or public.read_bytes() != pem:
            _write(public, pem, 0o644)
    except OSError as error:
        raise ConfigError(f"tls: no certificate can be kept in {folder} (state_dir): {error.strerror}") from error
    return Certificate(file, file, _names_of(kept), _fingerprint(kept), public)


def _kept(file: Path, wanted: Collection[str], now: datetime) -> x509.Certificate | None:
    """The certificate in a file, if it will do."""
    try:
        if os.name == "posix" and file.stat().st_mode & 0o077:
            return None
        kept = x509.load_pem_x509_certificate(file.read_bytes())
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, password="")
    except (FileNotFoundError, ValueError, ssl.SSLError):
        return None
    if not kept.not_valid_before_utc <= now < kept.not_valid_after_utc - RENEW_BEFORE:
        return None
    needed = {name for name in wanted if not _is_ipv6(name)}
    return kept if needed <= set(_names_of(kept)) else None


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
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))


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
