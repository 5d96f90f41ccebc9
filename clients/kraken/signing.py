"""Kraken's request signature, from its API documentation ("Spot REST authentication")."""

import base64
import binascii
import hashlib
import hmac


def decode_secret(secret: str) -> bytes:
    """The key that the API secret stands for.

    :raises ValueError: if it is not base64. The secret itself is never part of the message.
    """
    try:
        return base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a Kraken API secret is base64 text, and this one is not") from None


def sign(key: bytes, path: str, nonce: int, body: bytes) -> str:
    """The ``API-Sign`` header: base64 of HMAC-SHA512(key, path + SHA256(nonce + body)).

    ``path`` is without host and query; ``body`` is exactly what is sent and carries the same nonce.
    """
    message = path.encode() + hashlib.sha256(str(nonce).encode() + body).digest()
    return base64.b64encode(hmac.digest(key, message, hashlib.sha512)).decode()
