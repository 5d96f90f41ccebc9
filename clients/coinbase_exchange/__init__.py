"""Coinbase Exchange (the former GDAX and Coinbase Pro): REST and the WebSocket feed."""

from clients.coinbase_exchange.client import CoinbaseExchange

__all__ = ["CoinbaseExchange"]
