"""Bitstamp's signatures, of requests and of answers, from its API documentation ("Authentication")."""

import hashlib
import hmac

FORM = "application/x-www-form-urlencoded"


def sign(secret: str, text: str | bytes) -> str:
    """Hex of HMAC-SHA256(secret, text)."""
    message = text.encode() if isinstance(text, str) else text
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def headers(key: str, secret: str, host: str, method: str, path: str, body: str, nonce: str, timestamp: str) -> dict[str, str]:
    """What a private request carries. ``path`` with its query; ``body``: exactly what is sent; ``timestamp``: milliseconds.

    The signature covers all of it and the host. A request without a body must not name a content type.
    """
    who, content_type = f"BITSTAMP {key}", FORM if body else ""
    signed = who + method + host + path + content_type + nonce + timestamp + "v2" + body
    found = {
        "X-Auth": who,
        "X-Auth-Signature": sign(secret, signed),
        "X-Auth-Nonce": nonce,
        "X-Auth-Timestamp": timestamp,
        "X-Auth-Version": "v2",
    }
    return found | ({"Content-Type": content_type} if content_type else {})


def is_sealed(secret: str, request: dict[str, str], content_type: str, body: bytes, seal: str) -> bool:
    """Whether ``seal`` is the venue's signature of an answer to the request with these headers."""
    text = request["X-Auth-Nonce"] + request["X-Auth-Timestamp"] + content_type
    return hmac.compare_digest(sign(secret, text.encode() + body).encode(), seal.lower().encode())
