"""The console's certificate: what is wrong with its files is a sentence at the start."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from twisted.trial.unittest import SynchronousTestCase

from runtime.config_values import Web
from runtime.problems import CannotStart
from runtime.tls import certificate_options


def key_of(passphrase: bytes = b"") -> tuple[rsa.RSAPrivateKey, bytes]:
    """A new key, and its PEM file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def certificate_of(key: rsa.RSAPrivateKey) -> bytes:
    """A certificate of its own."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


class TlsTests(SynchronousTestCase):
    """Files as people mix them up."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        key, pem = key_of()
        self.write("key", pem)
        self.write("cert", certificate_of(key))
        self.write("text", b"no PEM at all")

    def write(self, name: str, content: bytes) -> None:
        """A file of that name."""
        (self.folder / name).write_bytes(content)

    def web(self, key: str, cert: str, chain: str | None = None) -> Web:
        """A [webserver] that names those files."""
        return Web(True, 0, "127.0.0.1", self.path(key), self.path(cert), chain and self.path(chain))

    def path(self, name: str) -> str:
        """Where the file of that name is, or would be."""
        return str(self.folder / name)

    def refusal(self, web: Web) -> str:
        """The sentence with which the console cannot start."""
        return str(self.assertRaises(CannotStart, certificate_options, web))

    def test_right_files(self) -> None:
        """Key, certificate and chain make a context."""
        self.assertIsNotNone(certificate_options(self.web("key", "cert", "cert")).getContext())

    def test_wrong_files(self) -> None:
        """A file that is missing, is no PEM, or is the other one is named with its key."""
        self.assertIn("ssl_key", self.refusal(self.web("nowhere", "cert")))
        self.assertRegex(self.refusal(self.web("text", "cert")), "ssl_key .*text is no PEM file of a private key")
        self.assertRegex(self.refusal(self.web("key", "key")), "ssl_cert .*key is no PEM file of a certificate")
        self.assertIn("ssl_cert_chain", self.refusal(self.web("key", "cert", "nowhere")))

    def test_key_of_another_certificate(self) -> None:
        """Is found at the start, not by the first browser."""
        self.write("other", key_of()[1])
        self.assertIn("is not the key of", self.refusal(self.web("other", "cert")))

    def test_key_with_a_passphrase(self) -> None:
        """Is refused, where OpenSSL would ask the terminal and wait."""
        self.write("locked", key_of(b"sesame")[1])
        self.assertIn("without a passphrase", self.refusal(self.web("locked", "cert")))
