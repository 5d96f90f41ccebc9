"""Coinbase Exchange's request signature, from its API documentation ("Signing a message")."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

#: What a subscription signs in the place of method and path.
VERIFY = "GET/users/self/verify"


def decoded(secret: str) -> bytes:
    """The key of the MAC.

    :raises ValueError: for a secret that is no base64; it is not quoted.
    """
    try:
        return base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("coinbase_exchange: the secret is no base64") from None


def sign(secret: bytes, timestamp: str, request: str) -> str:
    """Base64 of HMAC-SHA256(secret, timestamp + request); ``request``: method, path with query, and body, as they are sent."""
    return base64.b64encode(hmac.new(secret, f"{timestamp}{request}".encode(), hashlib.sha256).digest()).decode()


def headers(key: str, passphrase: str, secret: bytes, timestamp: str, request: str) -> Mapping[str, str]:
    """What proves a request."""
    return {
        "CB-ACCESS-KEY": key,
        "CB-ACCESS-SIGN": sign(secret, timestamp, request),
        "CB-ACCESS-TIMESTAMP": timestamp,
        "CB-ACCESS-PASSPHRASE": passphrase,
    }


def subscription(key: str, passphrase: str, secret: bytes, timestamp: str) -> Mapping[str, str]:
    """What proves a subscription to the feed."""
    signature = sign(secret, timestamp, VERIFY)
    return {"key": key, "passphrase": passphrase, "timestamp": timestamp, "signature": signature}
