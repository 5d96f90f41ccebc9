"""Binance spot: REST v3 and wallet v1, market streams, and our own orders by the WebSocket API v3."""

from clients.binance.client import Binance

__all__ = ["Binance"]
