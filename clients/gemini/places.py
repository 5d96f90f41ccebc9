"""Where Gemini is, and how it is spoken to: what the config's connection section says, checked."""

from collections.abc import Mapping

from attrs import frozen

from clients.endpoints import by_ticker, checked_endpoint, contracts_of, is_home, one_of
from clients.gemini.faults import VENUE

HOME = "https://api.gemini.com"
RISING, TIME = "rising", "time"
#: Seconds between two comparisons of a streamed book, from and to.
AUDITS = (1, 3600)
_NAMES = frozenset({"ws_endpoint", "contracts", "account", "nonce", "limits", "depth", "audit"})
_NETWORK = "network_"


@frozen
class Places:
    """Options: ``ws_endpoint`` (of the sockets, ``wss://host``; else that of REST), ``contracts`` (a list such as ``BTC/EUR,
    ETH/USD``: known beside those of BTC, and histories hold their executions beside those of what is followed or traded),
    ``account`` (of a master key: the name of the account that it is for), ``nonce`` (``rising``, or ``time`` for a key that was
    made with "uses a time based nonce"), ``limits`` (on, off: keep to the venue's rates; off elsewhere than at Gemini), ``depth``
    (levels of a book that are shown and compared), ``audit`` (seconds between two comparisons of a streamed book with that of
    REST) and ``network_<ticker>`` (Gemini's name of the network by which a ticker is deposited and withdrawn).
    """

    rest: str
    sockets: str
    contracts: tuple[str, ...]
    account: str
    nonce: str
    has_limits: bool
    depth: int
    audit: float
    networks: Mapping[str, str]

    @classmethod
    def of(cls, endpoint: str, options: Mapping[str, str]) -> "Places":
        """Read and check.

        :raises ValueError: naming what is wrong and what is allowed.
        """
        networks = by_ticker(VENUE, options, _NAMES, _NETWORK)
        rest = checked_endpoint(VENUE, endpoint or HOME)
        sockets = checked_endpoint(VENUE, options.get("ws_endpoint") or rest.replace("http", "ws", 1), "wss", "ws")
        nonce = one_of(VENUE, options, "nonce", (RISING, TIME), RISING)
        limits = one_of(VENUE, options, "limits", ("on", "off"), "on" if is_home(rest, HOME) else "off")
        depth, audit = _whole(options, "depth", 100, 1, 1000), _whole(options, "audit", 10, *AUDITS)
        contracts, account = contracts_of(VENUE, options), options.get("account") or ""
        return cls(rest, sockets, contracts, account, nonce, limits == "on", depth, float(audit), networks)


def _whole(options: Mapping[str, str], name: str, otherwise: int, low: int, high: int) -> int:
    found = str(options.get(name) or otherwise)
    if not (found.isascii() and found.isdecimal() and low <= int(found) <= high):
        raise ValueError(f"{VENUE}: {name} {found!r} is not a whole number from {low} to {high}")
    return int(found)
