"""Gemini: REST v1, market data v2 for order books, and our own orders by order events."""

from clients.gemini.client import Gemini

__all__ = ["Gemini"]
