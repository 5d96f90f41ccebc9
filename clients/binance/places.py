"""Where Binance is, and how it is spoken to: what the config's connection section says, checked."""

from collections.abc import Mapping

from attrs import frozen

from clients.binance.faults import VENUE
from clients.endpoints import by_ticker, checked_endpoint, contracts_of, is_home, one_of

HOME = "https://api.binance.com"
HOME_BOOKS, HOME_USER = "wss://stream.binance.com:9443/ws", "wss://ws-api.binance.com:443/ws-api/v3"
DEPTHS = (100, 500, 1000, 5000)
#: Milliseconds; the venue's own default is 5000 and its limit 60000.
WINDOWS = (1_000, 60_000)
_NAMES = frozenset({"ws_endpoint", "ws_api_endpoint", "depth", "recv_window", "contracts"})
_NETWORK = "network_"


@frozen
class Places:
    """Options: ``ws_endpoint`` and ``ws_api_endpoint`` (market streams and WebSocket API; else those of Binance, or ``/ws`` and
    ``/ws-api/v3`` of another endpoint), ``depth`` (levels of a book that are asked for: 100, 500, 1000, 5000),
    ``recv_window`` (milliseconds that a request stays good), ``contracts`` (a list such as ``BTC/USDT, BTC/EUR``: histories
    hold these besides what is followed or traded; Binance tells them by contract only) and ``network_<ticker>`` (Binance's
    name of the network by which a ticker is deposited and withdrawn).
    """

    rest: str
    books: str
    user: str
    depth: int
    window: int
    contracts: tuple[str, ...]
    networks: Mapping[str, str]

    @classmethod
    def of(cls, endpoint: str, options: Mapping[str, str]) -> "Places":
        """Read and check.

        :raises ValueError: naming what is wrong and what is allowed.
        """
        networks = by_ticker(VENUE, options, _NAMES, _NETWORK)
        rest = checked_endpoint(VENUE, endpoint or HOME)
        there = rest.replace("http", "ws", 1)
        books = options.get("ws_endpoint") or (HOME_BOOKS if is_home(rest, HOME) else there + "/ws")
        user = options.get("ws_api_endpoint") or (HOME_USER if is_home(rest, HOME) else there + "/ws-api/v3")
        books, user = (checked_endpoint(VENUE, url, "wss", "ws") for url in (books, user))
        depth = one_of(VENUE, options, "depth", DEPTHS, 1000)
        window = options.get("recv_window") or "5000"
        if not (window.isascii() and window.isdecimal() and WINDOWS[0] <= int(window) <= WINDOWS[1]):
            raise ValueError(f"{VENUE}: recv_window {window!r} is not from {WINDOWS[0]} to {WINDOWS[1]} (ms)")
        return cls(rest, books, user, int(depth), int(window), contracts_of(VENUE, options), networks)
