"""Who may join the Sputnik router: anonymous visitors, and users who prove their password by salted WAMP-CRA.

Wire facts: research/sputnik_protocol.md section 2. Written on the standard library alone, so that a mistake in
autobahn's own derivation, which the client uses, would show.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

ITERATIONS = 1000
KEY_LENGTH = 32


@frozen
class Identity:
    """What WELCOME tells a session about itself; ``authprovider`` is None for anonymous visitors."""

    authid: str
    authrole: str
    authmethod: str
    authprovider: str | None = None


ANONYMOUS = Identity("anonymous", "anonymous", "anonymous")


def derive_secret(password: str, salt: str) -> str:
    """The login secret of a password: base64 text of PBKDF2-HMAC-SHA256, with its padding and without a newline."""
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), ITERATIONS, KEY_LENGTH)
    return base64.b64encode(key).decode("ascii")


def sign(secret: str, challenge: str) -> str:
    """The signature of a challenge *as received*; the key is the secret's text, not the bytes it stands for."""
    digest = hmac.new(secret.encode(), challenge.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")


@frozen
class Credential:
    """A user's salt and login secret, as the server stores them."""

    salt: str
    secret: str = field(repr=False)

    @classmethod
    def of_password(cls, password: str) -> "Credential":
        """Salt a password: 13 characters, as the original has them at most."""
        salt = secrets.token_hex(8)[:13]
        return cls(salt, derive_secret(password, salt))


@frozen
class Challenge:
    """One question to one session: its ``text`` is signed by the client, its other fields travel beside it."""

    identity: Identity
    text: str
    credential: Credential = field(repr=False)

    def details(self) -> dict[str, Any]:
        """What CHALLENGE carries."""
        return {"challenge": self.text, "salt": self.credential.salt, "iterations": ITERATIONS, "keylen": KEY_LENGTH}

    def is_met_by(self, signature: str) -> bool:
        """Whether the signature proves the password."""
        return hmac.compare_digest(signature.encode(), sign(self.credential.secret, self.text).encode())


class Directory:
    """The users of the exchange and their passwords."""

    def __init__(self, passwords: Mapping[str, str], now: Callable[[], datetime]) -> None:
        self._credentials = {name: Credential.of_password(password) for name, password in passwords.items()}
        self._now = now

    def challenge(self, authid: str, session: int) -> Challenge:
        """Ask ``authid`` to prove itself. An unknown user is asked as well, so that nobody learns who is a user."""
        identity = Identity(authid, "user", "wampcra", "database")
        moment = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = json.dumps(
            {
                "nonce": secrets.token_hex(8),
                "authprovider": identity.authprovider,
                "authid": authid,
                "timestamp": moment,
                "authrole": identity.authrole,
                "authmethod": identity.authmethod,
                "session": session,
            }
        )
        return Challenge(identity, text, self._credentials.get(authid) or _decoy(authid))


def _decoy(authid: str) -> Credential:
    """A salt that stays the same for an unknown name (the original's own formula), and a secret nobody has."""
    digest = hashlib.md5(f"super secret{authid}more secret".encode(), usedforsecurity=False).hexdigest()
    return Credential(digest[:8], secrets.token_hex(KEY_LENGTH))
