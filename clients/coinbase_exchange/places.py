"""Where Coinbase Exchange is, what it calls things, and how it is spoken to: the config's connection section, checked."""

from collections.abc import Mapping

from attrs import frozen

from clients.coinbase_exchange.faults import VENUE
from clients.endpoints import by_ticker, checked_endpoint, contracts_of, is_home, one_of

HOME, HOME_FEED = "https://api.exchange.coinbase.com", "wss://ws-feed.exchange.coinbase.com"
DEPTHS = (50, 100, 500, 1000, 5000)
_NAMES = frozenset({"ws_endpoint", "passphrase", "depth", "contracts"})
_NETWORK, _ADDRESS = "network_", "deposit_address_"
#: The venue's own tickers, where they are not everybody's.
_TICKERS = {"CGLD": "CELO"}
_CURRENCIES = {ours: theirs for theirs, ours in _TICKERS.items()}


def ticker_of(currency: str) -> str:
    """``BTC`` -> ``BTC``: our ticker of a currency there."""
    return _TICKERS.get(currency, currency)


def currency_of(ticker: str) -> str:
    """The other way round."""
    return _CURRENCIES.get(ticker, ticker)


def contract_of(product: str) -> str:
    """``BTC-USD`` -> ``BTC/USD``.

    :raises ValueError: for what is no product's id.
    """
    base, dash, quote = product.partition("-")
    if not base or not quote or not dash or "-" in quote:
        raise ValueError(f"{product!r:.60} is no product")
    return f"{ticker_of(base)}/{ticker_of(quote)}"


@frozen
class Places:
    """Options: ``passphrase`` (of the API key), ``ws_endpoint`` (the feed; else Coinbase's, or beside another endpoint),
    ``depth`` (levels of a book that are shown: 50, 100, 500, 1000, 5000), ``contracts`` (a list such as ``BTC/USD, ETH/USD``:
    histories hold the executions of these besides what is followed or traded; Coinbase tells them by contract only),
    ``network_<ticker>`` (Coinbase's name of the network by which a ticker travels, else its default) and
    ``deposit_address_<ticker>`` (the address to deposit to; else that of the last deposit).
    """

    rest: str
    feed: str
    passphrase: str
    depth: int
    contracts: tuple[str, ...]
    networks: Mapping[str, str]
    addresses: Mapping[str, str]

    @classmethod
    def of(cls, endpoint: str, options: Mapping[str, str]) -> "Places":
        """Read and check.

        :raises ValueError: naming what is wrong and what is allowed.
        """
        addresses = {name: value for name, value in options.items() if name.startswith(_ADDRESS)}
        others = {name: value for name, value in options.items() if name not in addresses}
        networks = by_ticker(VENUE, others, _NAMES, _NETWORK)
        rest = checked_endpoint(VENUE, endpoint or HOME)
        feed = options.get("ws_endpoint") or (HOME_FEED if is_home(rest, HOME) else rest.replace("http", "ws", 1))
        return cls(
            rest,
            checked_endpoint(VENUE, feed, "wss", "ws"),
            options.get("passphrase") or "",
            int(one_of(VENUE, options, "depth", DEPTHS, 100)),
            contracts_of(VENUE, options),
            networks,
            by_ticker(VENUE, addresses, (), _ADDRESS),
        )
