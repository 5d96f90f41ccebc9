"""Salted WAMP-CRA, against the vector of the protocol notes."""

import json
from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from sandbox.wamp_auth import Challenge, Credential, Directory, Identity, derive_secret, sign

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class DeriveAndSignTests(SynchronousTestCase):
    def test_vector(self) -> None:
        """The published password, salt and challenge give the published secret and signature."""
        secret = derive_secret("ilp", "saltilp")
        self.assertEqual(secret, "QE4xs2Vb0gdLBT2ji0Zc7rPETxCKgi7KIiQVGhVl5KU=")
        challenge = '{"authid": "ilp_target", "nonce": "n0", "session": 1}'
        self.assertEqual(sign(secret, challenge), "hh+mFeA06fMUKckV380rTmH2BBNThwixZJWV/He1NEM=")

    def test_challenge_accepts_its_own_signature_only(self) -> None:
        """A signature of another text, or none, does not log in."""
        challenge = Challenge(Identity("a", "user", "wampcra"), "text", Credential("s", "secret"))
        self.assertTrue(challenge.is_met_by(sign("secret", "text")))
        for wrong in ("", "ü", sign("secret", "other"), sign("other", "text")):
            self.assertFalse(challenge.is_met_by(wrong))


class DirectoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Directory({"ilp_target": "ilp"}, lambda: NOON)

    def test_challenge_text_has_the_documented_fields(self) -> None:
        """Exactly the fields of the transcript, of the kinds seen there."""
        challenge = self.directory.challenge("ilp_target", 7)
        text = json.loads(challenge.text)
        self.assertEqual(len(text.pop("nonce")), 16)
        self.assertEqual(
            text,
            {
                "authid": "ilp_target",
                "authrole": "user",
                "authmethod": "wampcra",
                "authprovider": "database",
                "session": 7,
                "timestamp": "2026-11-20T12:00:00.000Z",
            },
        )
        self.assertEqual(set(challenge.details()), {"challenge", "salt", "iterations", "keylen"})

    def test_unknown_user_has_a_stable_salt_and_no_password(self) -> None:
        """Asking for an unknown name twice looks the same, and nothing logs in."""
        first, second = (self.directory.challenge("nobody", 1) for _ in range(2))
        self.assertEqual(first.credential.salt, second.credential.salt)
        self.assertFalse(first.is_met_by(sign(derive_secret("", first.credential.salt), first.text)))

    def test_secrets_stay_out_of_reprs(self) -> None:
        """A credential in a traceback does not show the login secret."""
        credential = Credential.of_password("hunter2")
        self.assertNotIn(credential.secret, repr(credential))
