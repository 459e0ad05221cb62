"""Certificates of an authority of our own, for tests of TLS."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Held:
    """Where a certificate and its key lie."""

    certificate: Path
    key: Path


@dataclass
class Authority:
    """Somebody who issues certificates."""

    name: str
    folder: Path

    def __post_init__(self) -> None:
        """Make the authority's own certificate."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._name = _named(self.name)
        built = _builder(self._name, self._name, self._key)
        made = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = self.folder / f"{self.name}.pem"
        self.certificate.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> Held:
        """Issue a certificate for 127.0.0.1."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        built = _builder(_named(name), self._name, key)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        built = built.add_extension(x509.SubjectAlternativeName([address, x509.DNSName("localhost")]), critical=False)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        built = built.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        held = Held(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        made = built.sign(self._key, hashes.SHA256())
        held.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        held.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return held


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(tz=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )
