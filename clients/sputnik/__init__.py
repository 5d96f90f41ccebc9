"""The client of Sputnik exchanges: WAMP v2 over a WebSocket, integers on the wire."""

from clients.sputnik.client import Sputnik

__all__ = ["Sputnik"]
