"""How each coin travels: ``capital/config/getall``, "All coins' information"."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from clients.binance.faults import VENUE
from clients.errors import Reason, Refused
from clients.parsing import number, text, truth
from model.instrument import Instrument
from model.money import ZERO

#: Of several networks, the one that everybody means. Others are named by the option ``network_<TICKER>``.
USUAL = {"BTC": "BTC"}


@frozen
class Network:
    """One way for one coin; a withdrawal is a multiple of ``step`` (0: any) and at least ``least``."""

    name: str
    can_deposit: bool
    can_withdraw: bool
    step: Decimal = ZERO
    least: Decimal = ZERO


@frozen
class Networks:
    """The networks of each ticker; ``chosen``: by ticker, the one that the config names."""

    known: Mapping[str, tuple[Network, ...]]
    chosen: Mapping[str, str]

    def of(self, call: str, ticker: str) -> Network:
        """The one network by which ``ticker`` travels.

        :raises Refused: (ADDRESS) if there is none, or if only a guess could tell which: what is sent by the wrong one is lost.
        """
        there = {network.name: network for network in self.known.get(ticker, ())}
        wanted = self.chosen.get(ticker) or USUAL.get(ticker, "")
        if wanted in there:
            return there[wanted]
        if len(there) == 1 and ticker not in self.chosen:
            return next(iter(there.values()))
        words = f"set the option network_{ticker} to one of: {', '.join(there) or 'none'}"
        raise Refused(VENUE, call, words if there else f"{ticker} is not listed", Reason.ADDRESS)

    def instruments(self) -> dict[str, Instrument]:
        """The steps of what is withdrawn, by ticker, where there is no doubt about the network."""
        found = {}
        for ticker in self.known:
            try:
                network = self.of("instruments", ticker)
            except Refused:
                continue
            if network.step:
                found[ticker] = Instrument(ticker, lot=network.step, min_quantity=network.least)
        return found


def networks(coins: Any, chosen: Mapping[str, str]) -> Networks:
    """What ``capital/config/getall`` says.

    :raises ValueError: (or KeyError, TypeError) for what breaks the format.
    """
    return Networks({text(coin["coin"], "coin"): tuple(map(_network, coin["networkList"])) for coin in coins}, chosen)


def _network(entry: Mapping[str, Any]) -> Network:
    return Network(
        text(entry["network"], "network"),
        truth(entry["depositEnable"], "depositEnable"),
        truth(entry["withdrawEnable"], "withdrawEnable"),
        number(entry.get("withdrawIntegerMultiple", "0"), "withdrawIntegerMultiple"),
        number(entry.get("withdrawMin", "0"), "withdrawMin"),
    )
