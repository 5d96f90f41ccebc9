"""Nonsense from Coinbase Exchange, which must never become a number."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from clients.coinbase_exchange import history, wire
from clients.coinbase_exchange.executions import Executions
from clients.coinbase_exchange.networks import networks
from clients.coinbase_exchange.wire import reading
from clients.errors import InvalidData
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

nonsense = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.text(max_size=8)
    | st.sampled_from(["NaN", "-1", "1e999999", "0", "٣", "2016-12-08T20:02:28.53864Z", "2016-12-08"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


class NonsenseTests(SynchronousTestCase):
    """Whatever comes: a named error, or numbers that are numbers."""

    def check(self, call: Any, *arguments: Any) -> None:
        """It is InvalidData, or every number in the result is finite and exact."""
        try:
            with reading("fuzz"):
                result = call(*arguments)
        except InvalidData:
            return
        self.check_numbers(result)

    def check_numbers(self, value: Any) -> None:
        """No float, no NaN, anywhere."""
        if isinstance(value, dict):
            for item in value.values():
                self.check_numbers(item)
        elif isinstance(value, list | tuple):
            for item in value:
                self.check_numbers(item)
        else:
            self.assertNotIsInstance(value, float)
            if isinstance(value, Decimal):
                self.assertTrue(value.is_finite())

    def heard(self, *messages: Any) -> Any:
        """What the last of them was heard as."""
        executions = Executions()
        news = [executions.hear(message) for message in messages][-1]
        return [news.order or {}, news.fill or {}]

    @given(st.sampled_from([ORDER, FILL, RECEIVED, MATCH, DONE, ENTRY, DEPOSIT, WITHDRAWAL]), st.data(), nonsense)
    def test_one_field_spoiled(self, good: dict[str, Any], data: st.DataObject, bad: Any) -> None:
        """Any one field replaced by anything."""
        spoiled = {**good, data.draw(st.sampled_from(sorted(good))): bad}
        self.check(wire.order, spoiled)
        self.check(wire.fill, spoiled)
        self.check(self.heard, RECEIVED, spoiled)
        self.check(self.heard, spoiled, MATCH, DONE)
        self.check(lambda entry: history.posting("LTC", entry) or {}, spoiled)
        self.check(history.transfer, spoiled)
        self.check(history.deposit_address, spoiled, "LTC", "litecoin")

    @given(st.sampled_from([PRODUCT, CURRENCY]), st.data(), nonsense)
    def test_market_spoiled(self, good: dict[str, Any], data: st.DataObject, bad: Any) -> None:
        """Steps of zero or less, names that are none: no listing, or one with steps."""
        spoiled = {**good, data.draw(st.sampled_from(sorted(good))): bad}

        def steps() -> Any:
            if good is PRODUCT:
                found = [each.instrument for each in wire.market([spoiled]).contracts.values()]
            else:
                found = list(networks([spoiled], {}).instruments().values())
            return [(each.tick, each.lot, each.min_quantity, each.min_value) for each in found]

        self.check(steps)

    @given(nonsense)
    def test_anything_at_all(self, bad: Any) -> None:
        """A payload that is something else altogether."""
        for call in (wire.order, wire.fill, wire.positions, wire.accounts, wire.depth, wire.fees, history.transfer, self.heard):
            self.check(call, bad)
        self.check(wire.candle, bad, "LTC/USD", "day")
        self.check(wire.candle, [86400, bad, bad, bad, bad, bad], "LTC/USD", "day")
        self.check(wire.depth, {"bids": [[bad, bad]], "asks": [bad]})
        self.check(wire.positions, [{"currency": "BTC", "balance": bad, "available": bad}])
        self.check(lambda products: wire.market(products) and None, bad)
        self.check(lambda currencies: networks(currencies, {}).instruments() and None, bad)
        self.check(lambda entry: history.posting("LTC", entry) or {}, bad)
