"""Bitfinex spot (the exchange wallet): REST v2, and WebSocket v2 for order books and for what is ours."""

from clients.bitfinex.client import Bitfinex

__all__ = ["Bitfinex"]
