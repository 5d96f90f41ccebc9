"""What Bitstamp holds for its customers, and how coins travel: ``currencies/``."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from clients.bitstamp.faults import VENUE
from clients.bitstamp.wire import step
from clients.networks import Network, Networks
from clients.parsing import number, text

#: Of several networks, the one that everybody means.
USUAL = {"BTC": "bitcoin"}


@frozen
class Currencies:
    """``tickers``: all; ``cash``: those that travel by bank."""

    tickers: frozenset[str]
    cash: frozenset[str]
    networks: Networks


def currencies(entries: Any, chosen: Mapping[str, str]) -> Currencies:
    """What ``currencies/`` says; ``chosen``: by ticker, the network that the config names.

    :raises ValueError: (or KeyError, TypeError) for what breaks the format.
    """
    kinds = {text(entry["currency"], "currency").upper(): text(entry["type"], "type") for entry in entries}
    known = {text(entry["currency"], "currency").upper(): tuple(map(_network, entry["networks"])) for entry in entries}
    cash = frozenset(ticker for ticker, kind in kinds.items() if kind == "fiat")
    return Currencies(frozenset(kinds), cash, Networks(VENUE, known, chosen, USUAL))


def _network(entry: Mapping[str, Any]) -> Network:
    return Network(
        text(entry["network"], "network"),
        entry["deposit"] == "Enabled",
        entry["withdrawal"] == "Enabled",
        step(entry["withdrawal_decimals"]),
        number(entry["withdrawal_minimum_amount"], "withdrawal_minimum_amount"),
    )
