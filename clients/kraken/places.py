"""Where Kraken is, and how it is spoken to: what the config's connection section says, checked."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

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
        rest = _checked(endpoint or HOME, "https", "http")
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
        return cls(rest, _checked(books, "wss", "ws"), _checked(executions, "wss", "ws"), tier, int(depth), methods)


def _checked(url: str, secure: str, plain: str) -> str:
    url = url.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in (secure, plain) or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"kraken: an endpoint is {secure}://host[:port], not {url!r}")
    if parts.scheme == plain and not _is_this_machine(parts):
        raise ValueError(f"kraken: {plain}:// is for this machine only, not {parts.hostname}; use {secure}://")
    return url


def _is_this_machine(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
