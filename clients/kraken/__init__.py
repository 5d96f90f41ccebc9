"""Kraken spot: REST v0 and WebSocket v2."""

from clients.kraken.client import Kraken

__all__ = ["Kraken"]
