"""A certificate that the pool makes for its own console: encryption without an authority; the browser asks once to trust it.

It is kept beside the pool's other files, so that what a person has once trusted stays the same until it runs out.
"""

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: Browsers refuse certificates for longer than 398 days (CA/Browser Forum, ballot SC31).
_VALID = timedelta(days=397)
#: One that runs out sooner is replaced.
_LEAST = timedelta(days=30)


def certificate(folder: Path, names: Iterable[str], now: datetime) -> tuple[Path, Path]:
    """The files of the key and of its certificate for ``names`` (host names and addresses), made where there are none yet,
    or they run out, or are for other names. Only the pool's own user may read the key. A repeat is safe.

    :raises OSError: ``folder`` cannot be written.
    """
    key_file, file = folder / "console-key.pem", folder / "console-cert.pem"
    wanted = {"localhost", "127.0.0.1", *names} - {"0.0.0.0", "::"}  # noqa: S104 - names, not where we bind
    if not (key_file.exists() and file.exists() and _is_good(file, wanted, now)):
        folder.mkdir(parents=True, exist_ok=True)
        _make(key_file, file, wanted, now)
    return key_file, file


def _is_good(file: Path, wanted: set[str], now: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False  # somebody else's file, or half a one
    known = {str(name.value) for name in names}
    return known == wanted and found.not_valid_after_utc - now > _LEAST


def _make(key_file: Path, file: Path, names: set[str], now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "International Liquidity Pool")])
    alternatives = x509.SubjectAlternativeName([_name(name) for name in sorted(names)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    no_passphrase = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_passphrase)
    key_file.unlink(missing_ok=True)
    # Created unreadable for others, not made so afterwards.
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(pem)
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
