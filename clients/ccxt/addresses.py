"""ccxt's tables of addresses, moved to another place: a sandbox, a proxy."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


def moved(urls: Any, endpoint: str) -> Any:
    """The same table of addresses at ``endpoint``, each with its own path, a WebSocket's with its own scheme."""
    if isinstance(urls, Mapping):
        return {name: moved(url, endpoint) for name, url in urls.items()}
    if not isinstance(urls, str):
        return urls
    parts = urlsplit(urls)
    return (endpoint.replace("http", "ws", 1) if parts.scheme in ("ws", "wss") else endpoint) + parts.path
