"""Where Bitfinex is, and how it is spoken to: what the config's connection section says, checked."""

from collections.abc import Mapping

from attrs import frozen

from clients.bitfinex.faults import VENUE
from clients.endpoints import by_ticker, checked_endpoint, is_home, one_of

HOME, HOME_PUBLIC = "https://api.bitfinex.com", "https://api-pub.bitfinex.com"
HOME_BOOKS, HOME_OWN = "wss://api-pub.bitfinex.com/ws/2", "wss://api.bitfinex.com/ws/2"
DEPTHS = (25, 100, 250)
_NAMES = frozenset({"public_endpoint", "ws_endpoint", "ws_auth_endpoint", "depth", "rate_limit"})
_NETWORK = "network_"


@frozen
class Places:
    """Options: ``public_endpoint``, ``ws_endpoint`` and ``ws_auth_endpoint`` (public REST, public and private streams; else those
    of Bitfinex, or the same host and ``/ws/2`` of another endpoint), ``depth`` (levels of a book: 25, 100, 250), ``rate_limit``
    (on, off: whether the venue's limits of calls are kept; off only where it has none, such as the sandbox) and
    ``network_<ticker>`` (Bitfinex's name of the method by which a ticker is deposited and withdrawn).
    """

    public: str
    private: str
    books: str
    own: str
    depth: int
    has_limits: bool
    networks: Mapping[str, str]

    @classmethod
    def of(cls, endpoint: str, options: Mapping[str, str]) -> "Places":
        """Read and check.

        :raises ValueError: naming what is wrong and what is allowed.
        """
        networks = by_ticker(VENUE, options, _NAMES, _NETWORK)
        private = checked_endpoint(VENUE, endpoint or HOME)
        is_there = is_home(private, HOME)
        public = checked_endpoint(VENUE, options.get("public_endpoint") or (HOME_PUBLIC if is_there else private))
        stream = private.replace("http", "ws", 1) + "/ws/2"
        books = options.get("ws_endpoint") or (HOME_BOOKS if is_there else stream)
        own = options.get("ws_auth_endpoint") or (HOME_OWN if is_there else options.get("ws_endpoint") or stream)
        books, own = (checked_endpoint(VENUE, url, "wss", "ws") for url in (books, own))
        depth = one_of(VENUE, options, "depth", DEPTHS, 100)
        limits = one_of(VENUE, options, "rate_limit", ("on", "off"), "on" if is_there else "off")
        return cls(public, private, books, own, int(depth), limits == "on", networks)
