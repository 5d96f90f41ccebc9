"""Sputnik's signatures, as pure functions: WAMP-CRA with a salted password, one-time passwords, the names of our feeds."""

import hmac
import struct
from base64 import b32decode, b64encode
from hashlib import pbkdf2_hmac, sha256
from typing import Any

#: What a challenge may ask of us; more would hold up the whole process, and no Sputnik asks for it.
MOST_ITERATIONS = 200_000
MOST_KEY_BYTES = 256
TOTP_PERIOD = 30
TOTP_DIGITS = 6


def login_secret(password: str, salt: str, iterations: int, keylen: int) -> str:
    """base64(PBKDF2-HMAC-SHA256(password, salt)): the *text*, padding included, is the key that signs."""
    return b64encode(pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations, keylen)).decode()


def challenge_signature(password: str, extra: dict[str, Any]) -> str:
    """The answer to a WAMP-CRA challenge, whose text is signed exactly as received (its key order is arbitrary).

    :param extra: the CHALLENGE message's details: ``challenge`` and, where the password is salted, ``salt``,
        ``iterations`` and ``keylen``.
    :raises ValueError: if it is no such challenge, or asks for an absurd amount of work.
    """
    challenge = extra.get("challenge")
    if not isinstance(challenge, str):
        raise ValueError("a challenge without a text")
    key = password
    if "salt" in extra:
        salt, iterations, keylen = extra["salt"], extra.get("iterations", 1000), extra.get("keylen", 32)
        if not isinstance(salt, str):
            raise ValueError("a challenge whose salt is no text")
        key = login_secret(password, salt, _within(iterations, MOST_ITERATIONS), _within(keylen, MOST_KEY_BYTES))
    return b64encode(hmac.digest(key.encode(), challenge.encode(), "sha256")).decode()


def _within(value: object, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"a challenge that asks for {value!r}, where 1 to {most} is sane")
    return value


def totp(secret: str, seconds: int) -> str:
    """The one-time password of RFC 6238 (SHA-1, 30 s, 6 digits), as Sputnik's users have it on their telephones.

    :param secret: base32, as the enrolment shows it; spaces and missing padding are forgiven.
    :param seconds: since the epoch.
    :raises ValueError: if ``secret`` is not base32.
    """
    text = secret.replace(" ", "").upper()
    key = b32decode(text + "=" * (-len(text) % 8))
    digest = hmac.digest(key, struct.pack(">Q", seconds // TOTP_PERIOD), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**TOTP_DIGITS).zfill(TOTP_DIGITS)


def user_topic(feed: str, username: str) -> str:
    """The topic of one of our own feeds (``orders``, ``fills``, ``transactions``)."""
    return f"feeds.user.{feed}.{sha256(username.encode()).hexdigest()}"


def book_topic(ticker: str) -> str:
    """The topic of a book: the router refuses upper case and slashes."""
    return f"feeds.market.book.{ticker.lower().replace('/', '_')}"
