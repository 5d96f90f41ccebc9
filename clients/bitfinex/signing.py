"""Bitfinex's signatures, from its API documentation ("Authenticated endpoints", "Authenticated channels")."""

import hashlib
import hmac


def sign(secret: str, text: bytes) -> str:
    """Hex of HMAC-SHA384(secret, text)."""
    return hmac.new(secret.encode(), text, hashlib.sha384).hexdigest()


def headers(key: str, secret: str, path: str, nonce: int, body: bytes) -> dict[str, str]:
    """Of a request to ``path`` (``/v2/auth/...``); ``body``: exactly the bytes that are sent.

    ``/api`` stands in the signed text, though not in the address.
    """
    signature = sign(secret, f"/api{path}{nonce}".encode() + body)
    return {"bfx-nonce": str(nonce), "bfx-apikey": key, "bfx-signature": signature, "Content-Type": "application/json"}


def login(key: str, secret: str, nonce: int) -> dict[str, object]:
    """The WebSocket's ``auth`` event; the nonce is of the same count as those of requests."""
    payload = f"AUTH{nonce}"
    return {
        "event": "auth",
        "apiKey": key,
        "authNonce": str(nonce),
        "authPayload": payload,
        "authSig": sign(secret, payload.encode()),
    }
