"""Bitfinex's names and steps: the symbol map of this venue, read from its own lists (``conf``, "Configs").

Currencies have codes of their own (UST is USDT), pairs are two codes without or with a colon (``BTCUSD``, ``DOGE:USD``), and a
symbol is a pair behind a ``t``. A price keeps five significant digits, so that its step depends on the price itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from clients.listings import Listing
from clients.parsing import positive, text
from model.instrument import Instrument

#: The answer's parts: pairs with their limits, names of codes, methods of transfers and the codes that they move.
CONFIGS = ("pub:info:pair", "pub:map:currency:sym", "pub:map:tx:method")
#: Significant digits of a price, and the digits behind the point that no price has more of.
DIGITS, MOST_PLACES = 5, 8
LOT = Decimal("0.00000001")
#: Perpetuals and the currencies they are made of; not traded here.
_DERIVATIVE = "F0"
#: How much higher a price may rise, from the last trade when we connect, before its step is too fine: by a quarter.
HEADROOM = Decimal("1.25")


@frozen
class Names:
    """Tickers by the venue's code and codes by ticker; what is not in it is spelled the same."""

    tickers: Mapping[str, str]
    codes: Mapping[str, str]

    def ticker(self, code: object) -> str:
        """``UST`` -> ``USDT``."""
        name = text(code, "currency")
        return self.tickers.get(name, name)

    def code(self, ticker: str) -> str:
        """``USDT`` -> ``UST``."""
        return self.codes.get(ticker, ticker)


@frozen
class Market:
    """What Bitfinex trades: listings by contract and by symbol. ``methods``: by ticker, the ways by which it travels."""

    contracts: Mapping[str, Listing]
    symbols: Mapping[str, Listing]
    names: Names
    methods: Mapping[str, tuple[str, ...]]

    def contract(self, symbol: str) -> str:
        """Our name of a symbol; of one that is not listed (any more), the symbol as it is."""
        listing = self.symbols.get(symbol)
        return listing.contract if listing else symbol


def step_of(price: Decimal) -> Decimal:
    """The step of prices of this size: that of their fifth digit."""
    return Decimal(1).scaleb(max(price.adjusted() - DIGITS + 1, -MOST_PLACES))


def market(configs: Any, tickers: Any) -> Market:
    """What ``conf`` (:data:`CONFIGS`) and ``tickers`` say. A pair without any price has no step yet, and is left out.

    :raises ValueError: (or KeyError, TypeError, IndexError) for what breaks the format.
    """
    pairs, shown, methods = configs
    names = _names(shown)
    # The last trade's, else the best bid or ask.
    prices = {text(row[0], "symbol"): row[7] or row[1] or row[3] for row in tickers if str(row[0]).startswith("t")}
    listings = list(_listings(pairs, names, prices))
    moved: dict[str, tuple[str, ...]] = {}
    for method, codes in methods:
        for code in codes:
            ticker = names.ticker(code)
            moved[ticker] = (*moved.get(ticker, ()), text(method, "method"))
    return Market({each.contract: each for each in listings}, {each.symbol: each for each in listings}, names, moved)


def _names(shown: Any) -> Names:
    named = {text(code, "code"): text(name, "name").upper() for code, name in shown if not str(code).endswith(_DERIVATIVE)}
    # A name that two codes have tells neither: both keep their code.
    often = Counter(named.values())
    tickers = {code: name for code, name in named.items() if often[name] == 1}
    return Names(tickers, {name: code for code, name in tickers.items()})


def _listings(pairs: Any, names: Names, prices: Mapping[str, Any]) -> Iterable[Listing]:
    for pair, limits in pairs:
        base, quote = _codes(pair)
        price = prices.get(f"t{pair}")
        if _DERIVATIVE in pair or not price:
            continue
        tick = step_of(positive(price, f"{pair} price") * HEADROOM)
        contract = f"{names.ticker(base)}/{names.ticker(quote)}"
        yield Listing(f"t{pair}", Instrument(contract, tick, LOT, positive(limits[3], f"{pair} minimum")))


def _codes(pair: object) -> tuple[str, str]:
    name = text(pair, "pair")
    base, colon, quote = name.partition(":")
    if not colon:
        base, quote = name[:3], name[3:]
    if not base or len(quote) < 3:
        raise ValueError(f"pair {name!r} is none")
    return base, quote
