"""Gemini's request signature, from its documentation ("Private API Invocation").

What is asked travels as base64 of a JSON object in a header, and exactly that text is signed; the body of a request is empty.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any


def payload_of(path: str, nonce: int, fields: Mapping[str, Any]) -> str:
    """What is asked of ``path``, as text; a field's amount is text already."""
    asked = {"request": path, "nonce": str(nonce), **fields}
    return base64.b64encode(json.dumps(asked, separators=(",", ":")).encode()).decode("ascii")


def sign(secret: str, payload: str) -> str:
    """Hex of HMAC-SHA384(secret, payload); ``payload`` as :func:`payload_of` has it."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha384).hexdigest()


def signed(key: str, secret: str, payload: str) -> dict[str, str]:
    """The headers of a private request, or of the handshake of a private socket."""
    return {"X-GEMINI-APIKEY": key, "X-GEMINI-PAYLOAD": payload, "X-GEMINI-SIGNATURE": sign(secret, payload)}
