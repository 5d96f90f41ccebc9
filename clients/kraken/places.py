"""Where Kraken is, and how it is spoken to: what the config's connection section says, checked."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from attrs import frozen

from clients.endpoints import checked_endpoint
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
        methods = {name.removeprefix(_METHOD).upper(): value for name, value in options.items() if name.startswith(_METHOD)}
        if unknown := sorted(set(options) - _NAMES - {name for name in options if name.startswith(_METHOD)}):
            allowed = ", ".join(sorted(_NAMES))
            raise ValueError(f"kraken: no option {', '.join(unknown)}; there are {allowed} and {_METHOD}<ticker>")
        rest = checked_endpoint(VENUE, endpoint or HOME)
        is_home = urlsplit(rest).hostname == urlsplit(HOME).hostname
        streams = rest.replace("http", "ws", 1) + "/v2"
        books = options.get("ws_endpoint") or (HOME_BOOKS if is_home else streams)
        executions = options.get("ws_auth_endpoint") or options.get("ws_endpoint") or (HOME_EXECUTIONS if is_home else streams)
        tier = options.get("tier") or ("intermediate" if is_home else "none")
        if tier not in TIERS:
            raise ValueError(f"kraken: tier {tier!r} is none of {', '.join(TIERS)}")
        depth = str(options.get("depth") or 100)
        if depth not in map(str, DEPTHS):
            raise ValueError(f"kraken: depth {depth!r} is none of {', '.join(map(str, DEPTHS))}")
        books, executions = (checked_endpoint(VENUE, url, "wss", "ws") for url in (books, executions))
        return cls(rest, books, executions, tier, int(depth), methods)
