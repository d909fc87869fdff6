"""Certificates of a test: an authority's, one that it signed for this host, and one that nobody vouches for."""

import datetime as dt
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from trueup.clock import utc_now
from trueup_worker.local.servers.server import LOOPBACK

_A_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """Files, readable by all; `cert` is signed by `authority`, `stray` by itself, both for 127.0.0.1 or `name`."""

    authority: Path
    cert: Path
    key: Path
    stray: Path
    stray_key: Path


def make_certificates(folder: Path, *, name: str = LOOPBACK) -> Certificates:
    """New certificates in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(*(folder / f"{each}.pem" for each in ("authority", "cert", "key", "stray", "stray_key")))
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("authority", authority_key, None, authority_key, is_authority=True)
    key, stray_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    _write(made.authority, authority)
    _write(made.cert, _certificate(name, key, authority, authority_key))
    _write(made.stray, _certificate(name, stray_key, None, stray_key))
    for path, each in ((made.key, key), (made.stray_key, stray_key)):
        form = serialization.PrivateFormat.PKCS8
        path.write_bytes(each.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return made


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool = False,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - _A_DAY)
        .not_valid_after(utc_now() + _A_DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        said = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        builder = builder.add_extension(x509.SubjectAlternativeName([said]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
