"""Where Kraken is, and how it is spoken to: what the config's connection section says, checked."""

from collections.abc import Mapping

from attrs import frozen

from clients.endpoints import by_ticker, checked_endpoint, is_home, one_of
from clients.kraken.faults import VENUE
from clients.kraken.rest import TIERS

HOME = "https://api.kraken.com"
HOME_BOOKS, HOME_EXECUTIONS = "wss://ws.kraken.com/v2", "wss://ws-auth.kraken.com/v2"
DEPTHS = (10, 25, 100, 500, 1000)
_NAMES = frozenset({"ws_endpoint", "ws_auth_endpoint", "tier", "depth"})
_METHOD = "deposit_method_"


@frozen
class Places:
    """Options: ``ws_endpoint`` and ``ws_auth_endpoint`` (WebSocket v2, public and private; else those of Kraken, or ``/v2``
    of another endpoint), ``tier`` (starter, intermediate, pro, none: the account's rate limits), ``depth`` (levels of a
    book: 10, 25, 100, 500, 1000) and ``deposit_method_<ticker>`` (the network by which a ticker is deposited).
    """

    rest: str
    books: str
    executions: str
    tier: str
    depth: int
    deposit_methods: Mapping[str, str]

    @classmethod
    def of(cls, endpoint: str, options: Mapping[str, str]) -> "Places":
        """Read and check.

        :raises ValueError: naming what is wrong and what is allowed.
        """
        methods = by_ticker(VENUE, options, _NAMES, _METHOD)
        rest = checked_endpoint(VENUE, endpoint or HOME)
        is_there = is_home(rest, HOME)
        streams = rest.replace("http", "ws", 1) + "/v2"
        books = options.get("ws_endpoint") or (HOME_BOOKS if is_there else streams)
        executions = options.get("ws_auth_endpoint") or (HOME_EXECUTIONS if is_there else options.get("ws_endpoint") or streams)
        tier = one_of(VENUE, options, "tier", TIERS, "intermediate" if is_there else "none")
        depth = one_of(VENUE, options, "depth", DEPTHS, 100)
        books, executions = (checked_endpoint(VENUE, url, "wss", "ws") for url in (books, executions))
        return cls(rest, books, executions, tier, int(depth), methods)
