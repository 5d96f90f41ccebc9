"""Nonsense from Coinbase Exchange, which must never become a number."""

from typing import Any

from hypothesis import given

from clients.coinbase_exchange import history, wire
from clients.coinbase_exchange.executions import Executions
from clients.coinbase_exchange.networks import networks
from tests.clients import nonsense
from tests.clients.nonsense import Payload
from tests.clients.test_coinbase_exchange_wire import (
    CURRENCY,
    DEPOSIT,
    DONE,
    ENTRY,
    FILL,
    MATCH,
    ORDER,
    PRODUCT,
    RECEIVED,
    WITHDRAWAL,
)


def heard(*messages: Any) -> Any:
    """What they were heard as: without one of them nothing new may be heard."""
    executions = Executions()
    news = [executions.hear(message) for message in messages]
    return [[each.order or {}, each.fill or {}] for each in news]


def steps(product: Any) -> Any:
    """What a market says of its contracts."""
    found = [each.instrument for each in wire.market([product]).contracts.values()]
    return [(each.tick, each.lot, each.min_quantity, each.min_value) for each in found]


def travelling(currency: Any) -> Any:
    """The steps of what is withdrawn."""
    found = list(networks([currency], {}).instruments().values())
    return [(each.tick, each.lot, each.min_quantity, each.min_value) for each in found]


class NonsenseTests(nonsense.Nonsense):
    """Whatever comes: a named error, or numbers that are numbers."""

    payloads = (
        Payload(ORDER, wire.order),
        Payload(FILL, wire.fill),
        Payload(RECEIVED, heard),
        Payload([RECEIVED, MATCH], lambda messages: heard(*messages)),
        Payload([RECEIVED, MATCH, DONE], lambda messages: heard(*messages)),
        Payload([RECEIVED, DONE], lambda messages: heard(*messages)),
        Payload(ENTRY, lambda entry: history.posting("LTC", entry) or {}),
        Payload(DEPOSIT, history.transfer),
        Payload(WITHDRAWAL, history.transfer),
        Payload(PRODUCT, steps),
        Payload(CURRENCY, travelling),
    )

    @given(nonsense.nonsense)
    def test_anything_at_all(self, bad: Any) -> None:
        """A payload that is something else altogether."""
        for call in (wire.order, wire.fill, wire.positions, wire.accounts, wire.depth, wire.fees, history.transfer, heard):
            self.check(call, bad)
        self.check(wire.candle, bad, "LTC/USD", "day")
        self.check(wire.candle, [86400, bad, bad, bad, bad, bad], "LTC/USD", "day")
        self.check(wire.depth, {"bids": [[bad, bad]], "asks": [bad]})
        self.check(wire.positions, [{"currency": "BTC", "balance": bad, "available": bad}])
        self.check(lambda products: wire.market(products) and None, bad)
        self.check(lambda currencies: networks(currencies, {}).instruments() and None, bad)
        self.check(lambda entry: history.posting("LTC", entry) or {}, bad)
