"""`retineye serve --lan`: https on the clinic's own network, from a certificate authority that is this machine's alone.

A browser gives the camera and the queue without a line only to pages that come over https, and no public
authority vouches for an address such as 192.168.1.7. The authority made here is held by its own certificate to local
addresses and names: a phone that trusts it trusts it for nothing else.
"""

import ipaddress
import os
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOCAL_NAMES = ("localhost",)
AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 397
"""Browsers take no longer ones."""
RENEW_DAYS = 30

_PRIVATE = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10")
_NAMES = ("localhost", "local", "lan", "home.arpa")


@dataclass(frozen=True, slots=True)
class Papers:
    """The files that the server shows, and the authority that a phone is asked to trust."""

    certificate: Path
    key: Path
    authority: Path
    fingerprint: str
    """SHA-256 of the authority's certificate, in pairs with colons: to be compared on phone and screen."""


def announce() -> None:
    """Tell the settings, before they are read, that the service goes to the local network, and by which names."""
    os.environ["RETINEYE_LAN"] = "true"
    names = [name for name in os.environ.get("RETINEYE_ALLOWED_HOSTS", "").split(",") if name.strip()]
    os.environ["RETINEYE_ALLOWED_HOSTS"] = ",".join(dict.fromkeys([*names, *own_names(), *own_addresses()]))


def own_addresses() -> list[str]:
    """Give this machine's IPv4 addresses, the one that others reach first."""
    found: list[str] = []
    # No packet is sent: the system only says which of its addresses it would use.
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        found.append(str(probe.getsockname()[0]))
    with suppress(OSError):
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    reached = [address for address in dict.fromkeys(found) if not ipaddress.ip_address(address).is_loopback]
    return [*reached, "127.0.0.1"]


def own_names() -> list[str]:
    """Give the names that this machine answers to: NAME.local is known on networks with mDNS."""
    short = re.sub("[^a-z0-9-]", "", socket.gethostname().partition(".")[0].lower()).strip("-")
    return [*([f"{short}.local"] if short and short != "localhost" else []), *LOCAL_NAMES]


def papers(folder: Path, now: datetime | None = None) -> Papers:
    """Give certificate and authority of this machine; made once, and renewed where address, name or time ask for it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = now or datetime.now(UTC)
    names, addresses = own_names(), own_addresses()
    authority, signer = _authority(folder, addresses, now)
    certificate = folder / "server.crt"
    if not _will_do(certificate, authority, names, addresses, now):
        key = ec.generate_private_key(ec.SECP256R1())
        made = _signed(key.public_key(), authority, signer, names, addresses, now)
        _write(folder / "server.key", _private(key), secret=True)
        # Browsers are shown the authority too, so that those that know it find the way to it.
        _write(certificate, _pem(made) + _pem(authority))
    digest = authority.fingerprint(hashes.SHA256()).hex().upper()
    pairs = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    return Papers(certificate, folder / "server.key", folder / "authority.crt", pairs)


def as_download(authority: Path) -> bytes:
    """Give the authority's certificate as phones and PCs take it (DER)."""
    return x509.load_pem_x509_certificate(authority.read_bytes()).public_bytes(serialization.Encoding.DER)


def _authority(
    folder: Path, addresses: Sequence[str], now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate, key = folder / "authority.crt", folder / "authority.key"
    if certificate.exists() and key.exists():
        known = x509.load_pem_x509_certificate(certificate.read_bytes())
        signer = serialization.load_pem_private_key(key.read_bytes(), None)
        in_time = known.not_valid_after_utc > now + timedelta(days=CERTIFICATE_DAYS)
        if in_time and isinstance(signer, ec.EllipticCurvePrivateKey) and _may_vouch(known, addresses):
            return known, signer
    signer = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"RetinEye on {socket.gethostname()[:40]}")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signer.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_use(signs=True), critical=True)
        .add_extension(x509.NameConstraints(_permitted(addresses), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    _write(key, _private(signer), secret=True)
    _write(certificate, _pem(made))
    return made, signer


def _permitted(addresses: Sequence[str]) -> list[x509.GeneralName]:
    networks = [ipaddress.ip_network(network) for network in _PRIVATE]
    # A network may use addresses that are not meant for it; then the machine's own one is let in, and no neighbour's.
    odd = [one for one in map(ipaddress.ip_address, addresses) if not any(one in network for network in networks)]
    return [
        *(x509.DNSName(name) for name in _NAMES),
        *(x509.IPAddress(network) for network in networks),
        *(x509.IPAddress(ipaddress.ip_network(one)) for one in odd),
    ]


def _may_vouch(authority: x509.Certificate, addresses: Sequence[str]) -> bool:
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    networks = [name.value for name in permitted if isinstance(name, x509.IPAddress)]
    return all(any(ipaddress.ip_address(one) in network for network in networks) for one in addresses)  # type: ignore[operator]


def _will_do(
    path: Path, authority: x509.Certificate, names: Sequence[str], addresses: Sequence[str], now: datetime
) -> bool:
    if not path.exists() or not path.with_suffix(".key").exists():
        return False
    known = x509.load_pem_x509_certificate(path.read_bytes())
    held = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        known.not_valid_after_utc > now + timedelta(days=RENEW_DAYS)
        and set(names) <= set(held.get_values_for_type(x509.DNSName))
        and set(addresses) <= {str(one) for one in held.get_values_for_type(x509.IPAddress)}
        and known.issuer == authority.subject
        and _signed_by(known, authority)
    )


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:
        return False
    return True


def _signed(
    key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    addresses: Sequence[str],
    now: datetime,
) -> x509.Certificate:
    held = [
        *(x509.DNSName(name) for name in names),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "RetinEye")]))
        .issuer_name(authority.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName(held), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_use(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _use(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, *, secret: bool = False) -> None:
    aside = path.with_name(f".{path.name}")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644), "wb") as file:
        file.write(data)
    aside.replace(path)
