"""The certificate that the pool makes for its console."""

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from runtime.self_signed import certificate
from tests.ledger.folders import new_folder

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class SelfSignedTests(SynchronousTestCase):
    """Made once, kept while it is good, and nobody else's to read."""

    def setUp(self) -> None:
        self.folder = new_folder(self) / "var"

    def test_made(self) -> None:
        """A key that fits its certificate, readable for its owner only, and the names asked for."""
        key, file = certificate(self.folder, ["pool.example", "10.0.0.7", "0.0.0.0"], NOW)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key)
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        found = x509.load_pem_x509_certificate(file.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual({str(name.value) for name in names}, {"localhost", "127.0.0.1", "10.0.0.7", "pool.example"})

    def test_kept(self) -> None:
        """A repeat changes nothing: what a person has trusted stays."""
        before = certificate(self.folder, ["pool.example"], NOW)[1].read_bytes()
        self.assertEqual(certificate(self.folder, ["pool.example"], NOW + timedelta(days=300))[1].read_bytes(), before)

    def test_replaced(self) -> None:
        """Near its end, for other names, or where the file is none."""
        before = certificate(self.folder, ["pool.example"], NOW)[1].read_bytes()
        later = certificate(self.folder, ["pool.example"], NOW + timedelta(days=380))[1].read_bytes()
        other = certificate(self.folder, ["other.example"], NOW + timedelta(days=380))[1]
        self.assertEqual(len({before, later, other.read_bytes()}), 3)
        other.write_text("no certificate")
        self.assertIn(b"BEGIN CERTIFICATE", certificate(self.folder, ["other.example"], NOW)[1].read_bytes())
