"""Where Bitstamp is, and how it is spoken to: what the config's connection section says, checked."""

from collections.abc import Mapping

from attrs import frozen

from clients.bitstamp.faults import VENUE
from clients.endpoints import by_ticker, checked_endpoint, contracts_of, is_home

HOME, HOME_STREAM = "https://www.bitstamp.net", "wss://ws.bitstamp.net"
_NAMES = frozenset({"ws_endpoint", "contracts"})
_NETWORK = "network_"


@frozen
class Places:
    """Options: ``ws_endpoint`` (WebSocket v2; else that of Bitstamp, or ``/ws`` of another endpoint), ``contracts`` (a list such
    as ``BTC/USD, BTC/EUR``: our orders and executions in these are streamed from the start; Bitstamp streams them by contract)
    and ``network_<ticker>`` (Bitstamp's name of the network by which a ticker is deposited and withdrawn).
    """

    rest: str
    stream: str
    contracts: tuple[str, ...]
    networks: Mapping[str, str]

    @classmethod
    def of(cls, endpoint: str, options: Mapping[str, str]) -> "Places":
        """Read and check.

        :raises ValueError: naming what is wrong and what is allowed.
        """
        networks = by_ticker(VENUE, options, _NAMES, _NETWORK)
        rest = checked_endpoint(VENUE, endpoint or HOME)
        there = HOME_STREAM if is_home(rest, HOME) else rest.replace("http", "ws", 1) + "/ws"
        stream = checked_endpoint(VENUE, options.get("ws_endpoint") or there, "wss", "ws")
        return cls(rest, stream, contracts_of(VENUE, options), networks)
