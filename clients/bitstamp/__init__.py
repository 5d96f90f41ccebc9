"""Bitstamp spot: HTTP API v2, and order books, our own orders and fills by WebSocket v2."""

from clients.bitstamp.client import Bitstamp

__all__ = ["Bitstamp"]
