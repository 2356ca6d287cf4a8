"""Makes throw-away certificates for TLS tests: `python certs.py FOLDER`.

    ca.pem                         the CA to trust
    server.pem      server.key     good: localhost, 127.0.0.1 and ::1
    expired.pem     expired.key    the same names, ended yesterday
    wrong-name.pem  wrong-name.key good, but for other.test
    untrusted.pem   untrusted.key  the right names, from a CA that nobody trusts

Each .pem holds one certificate, each .key an unencrypted private key. All end within two days.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
LOCAL = [
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
]


class Authority:
    def __init__(self, name: str, key: CertificateIssuerPrivateKeyTypes | None = None) -> None:
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            self._start(self._name, self._key.public_key(), datetime.now(UTC) + 2 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(sign_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(
        self, names: list[x509.GeneralName], end: datetime, key: CertificateIssuerPrivateKeyTypes
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test server")])
        return (
            self._start(subject, key.public_key(), end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def write(self, path: Path) -> None:
        _write(path, _pem(self.certificate))

    def _start(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, end: datetime) -> x509.CertificateBuilder:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - 5 * DAY)
            .not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(authority, critical=False)
        )


def make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    trusted, stranger = Authority("test CA"), Authority("a CA that nobody trusts")
    trusted.write(folder / "ca.pem")
    for name, authority, names, end in (
        ("server", trusted, LOCAL, now + 2 * DAY),
        ("expired", trusted, LOCAL, now - DAY),
        ("wrong-name", trusted, [x509.DNSName("other.test")], now + 2 * DAY),
        ("untrusted", stranger, LOCAL, now + 2 * DAY),
    ):
        write_server(folder / name, authority, names, end, ec.generate_private_key(ec.SECP256R1()))


def write_server(
    stem: Path,
    authority: Authority,
    names: list[x509.GeneralName],
    end: datetime,
    key: CertificateIssuerPrivateKeyTypes,
) -> None:
    _write(stem.with_suffix(".pem"), _pem(authority.issue(names, end, key)))
    _write(
        stem.with_suffix(".key"),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _key_usage(sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)
