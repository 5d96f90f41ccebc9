"""Gemini's order events, and nonsense in all its formats, which must never become a number."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from clients.gemini import history, wire
from clients.gemini.executions import Executions, SequenceGap
from tests.clients import nonsense
from tests.clients.nonsense import Payload
from tests.clients.test_gemini_wire import DETAILS, EVENT, MARKET, ORDER, TRADE, TRANSFER

D = Decimal


class EventTests(SynchronousTestCase):
    """:class:`Executions`."""

    def setUp(self) -> None:
        self.executions = Executions()

    def hear(self, *changes: dict[str, Any]) -> Any:
        """Messages of one event each, numbered from 0."""
        return [
            self.executions.hear([{**EVENT, "socket_sequence": number, **change}], MARKET)
            for number, change in enumerate(changes)
        ]

    def test_fill_is_not_filled(self) -> None:
        """Only the amounts tell how far an order is; a rebate is a negative fee; the id is that of the history."""
        ((news,),) = self.hear({})
        assert news.order is not None
        assert news.fill is not None
        self.assertEqual((D("0.4"), False), (news.order["quantity_left"], news.order["is_cancelled"]))
        self.assertEqual(("106817811-1034", {"USD": D("-0.30")}), (news.fill["id"], news.fill["fees"]))
        self.assertEqual(wire.fill(TRADE, "BTC/USD")["id"], news.fill["id"])

    def test_life_of_an_order(self) -> None:
        """Accepted without amounts, cancelled, closed; it keeps the time of its first event."""
        accepted = {name: value for name, value in EVENT.items() if not name.startswith(("executed", "remaining", "fill"))}
        self.executions.hear([{**accepted, "type": "accepted", "timestampms": 1}], MARKET)
        ((news,),) = [self.executions.hear([{**EVENT, "type": "cancelled", "is_cancelled": True, "socket_sequence": 1}], MARKET)]
        assert news.order is not None
        self.assertEqual((1000, True, None), (news.order["timestamp"], news.order["is_cancelled"], news.fill))

    def test_what_is_no_order(self) -> None:
        """A refused order and a refused cancel are told by the answers to them."""
        self.assertEqual([[], []], self.hear({"type": "rejected"}, {"type": "cancel_rejected"}))

    def test_order_by_value(self) -> None:
        """A person may buy for so many dollars: such an order has no amount, but its fills count."""
        bought = {name: value for name, value in EVENT.items() if name not in ("original_amount", "price")}
        (news,) = self.executions.hear([{**bought, "order_type": "market buy"}], MARKET)
        assert news.fill is not None
        self.assertEqual((None, D("0.1")), (news.order, news.fill["quantity"]))

    def test_numbers(self) -> None:
        """One by one from 0, heartbeats too; a gap, a repeat and a start elsewhere are errors, and a connection begins anew."""
        self.executions.hear([{**EVENT, "socket_sequence": 0}, {**EVENT, "socket_sequence": 1}], MARKET)
        self.executions.hear([{**EVENT, "socket_sequence": 2}, {**EVENT, "socket_sequence": 2}], MARKET)
        self.executions.count({"type": "heartbeat", "socket_sequence": 3})
        for wrong in (5, 3, 0):
            self.assertRaises(SequenceGap, self.executions.count, {"socket_sequence": wrong})
        self.executions.restart()
        self.assertRaises(SequenceGap, self.executions.count, {"socket_sequence": 1})
        self.executions.count({"socket_sequence": 0})

    def test_other_accounts_of_a_master_key(self) -> None:
        """They are counted and not told."""
        executions = Executions("primary")
        events = [{**EVENT, "account_name": name, "socket_sequence": n} for n, name in enumerate(("primary", "other"))]
        self.assertEqual(1, len(executions.hear(events, MARKET)))


def steps(details: Any) -> Any:
    """What a symbol says of its contract."""
    listing = wire.listing(details)
    found = [] if listing is None else [listing.instrument]
    return [(each.tick, each.lot, each.min_quantity, each.min_value) for each in found]


def heard(events: Any) -> Any:
    """What order events tell."""
    return [[news.order, news.fill] for news in Executions().hear(events, MARKET)]


class NonsenseTests(nonsense.Nonsense):
    """Whatever comes: a named error, or numbers that are numbers."""

    payloads = (
        Payload(ORDER, lambda entry: wire.order(entry, MARKET)),
        Payload(TRADE, lambda entry: wire.fill(entry, "BTC/USD")),
        Payload([EVENT], heard),
        Payload(TRANSFER, history.transfer),
        Payload(DETAILS, steps),
    )

    @given(nonsense.nonsense)
    def test_anything_at_all(self, bad: Any) -> None:
        """A payload that is something else altogether."""
        for call in (wire.symbols, wire.positions, wire.fees, wire.book, history.transfer):
            self.check(call, bad)
        self.check(heard, bad)
        self.check(heard, [bad])
        self.check(steps, bad)
        self.check(wire.order, bad, MARKET)
        self.check(wire.candle, bad, "BTC/USD", "day")
        self.check(wire.candle, [1, bad, bad, bad, bad, bad], "BTC/USD", "day")
        self.check(wire.book, {"bids": [{"price": bad, "amount": bad}], "asks": [bad]})
        self.check(wire.positions, [{"currency": "BTC", "amount": bad, "available": bad, "pendingWithdrawal": bad}])
        self.check(wire.fees, {"api_maker_fee_bps": bad, "api_taker_fee_bps": bad})
        self.check(lambda row: [wire.changes({"changes": row}).bids], [bad])
        self.check(lambda row: [wire.changes({"changes": row}).bids], [["buy", bad, bad]])
