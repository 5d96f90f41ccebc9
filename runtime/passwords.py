"""Passwords of the console: argon2id hashes. Each call is CPU work of about 0.1 s and 64 MiB: call it in a thread."""

import hmac

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from runtime.config_values import User

_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """A fresh argon2id hash, salted, to be written into [users]."""
    return _HASHER.hash(password)


def verify(user: User, password: str) -> bool:
    """Whether ``password`` is that of ``user``; a hash that is none matches nothing. Safe to repeat."""
    known = user.password.reveal()
    if not user.is_hashed:
        return hmac.compare_digest(known.encode(), password.encode())
    try:
        return _HASHER.verify(known, password)
    except (VerificationError, InvalidHashError):
        return False
