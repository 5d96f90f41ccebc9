"""Binance's request signature, from its API documentation ("SIGNED endpoint security", HMAC keys)."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode


def sign(secret: str, text: str) -> str:
    """Hex of HMAC-SHA256(secret, text); ``text``: the parameters in the order in which they are sent."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed(secret: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """``parameters`` for REST, the signature last."""
    return {**parameters, "signature": sign(secret, urlencode(parameters))}


def signed_by_name(secret: str, parameters: Mapping[str, str | int]) -> dict[str, str | int]:
    """``parameters`` for the WebSocket API, which signs them sorted by their names."""
    text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    return {**parameters, "signature": sign(secret, text)}
