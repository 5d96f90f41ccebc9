"""How each currency travels: ``currencies``."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from clients.coinbase_exchange.faults import VENUE
from clients.coinbase_exchange.places import ticker_of
from clients.errors import Reason, Refused
from clients.parsing import number, optional_text, positive, text
from model.instrument import Instrument


@frozen
class Currency:
    """A withdrawal is a multiple of ``step``. ``networks``: the least that each network takes, by name; ``usual``: the
    venue's own choice of them, empty where it has none."""

    step: Decimal
    usual: str
    networks: Mapping[str, Decimal]


@frozen
class Networks:
    """The currencies, by our ticker; ``chosen``: by ticker, the network that the config names."""

    known: Mapping[str, Currency]
    chosen: Mapping[str, str]

    def of(self, call: str, ticker: str) -> str:
        """The one network by which ``ticker`` travels.

        :raises Refused: (ADDRESS) if there is none, or none is chosen: what is sent by the wrong one is lost.
        """
        currency = self.known.get(ticker)
        if currency is None:
            raise Refused(VENUE, call, f"{ticker} is not listed", Reason.ADDRESS)
        wanted = self.chosen.get(ticker) or currency.usual
        if wanted not in currency.networks:
            words = f"set the option network_{ticker} to one of: {', '.join(currency.networks) or 'none'}"
            raise Refused(VENUE, call, words, Reason.ADDRESS)
        return wanted

    def instruments(self) -> dict[str, Instrument]:
        """The steps of what is withdrawn, by ticker, where there is no doubt about the network."""
        found = {}
        for ticker, currency in self.known.items():
            network = self.chosen.get(ticker) or currency.usual
            if network in currency.networks:
                found[ticker] = Instrument(ticker, lot=currency.step, min_quantity=currency.networks[network])
        return found


def networks(currencies: Iterable[Mapping[str, Any]], chosen: Mapping[str, str]) -> Networks:
    """What ``currencies`` says; networks that are not online are left out.

    :raises ValueError: (or KeyError, TypeError) for what breaks the format.
    """
    return Networks({ticker_of(text(entry["id"], "id")): _currency(entry) for entry in currencies}, chosen)


def _currency(entry: Mapping[str, Any]) -> Currency:
    there = {
        text(each["id"], "network"): number(each.get("min_withdrawal_amount") or 0, "min_withdrawal_amount")
        for each in entry.get("supported_networks") or ()
        if each["status"] == "online"
    }
    usual = optional_text(entry.get("default_network"), "default_network") or ""
    return Currency(positive(entry["max_precision"], "max_precision"), usual, there)
