"""One suite that every exchange client must pass, whatever its wire.

A client's test class mixes :class:`ExchangeContract` into a trial ``TestCase`` and says how to make a venue of known
contents and a client of it (:class:`VenueUnderTest`); the suite does the rest through the public interface only.
Tests of an ability are skipped with the reason where the client's ``capabilities`` do not name it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import field, frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase
from zope.interface.verify import verifyObject

from clients.errors import ExchangeError, Reason, Refused
from clients.interface import IExchangeClient
from model.book import Book
from model.order import Fill, Order
from model.position import Position
from model.transfer import Transaction

LONG_AGO = timedelta(days=2)


@frozen
class VenueUnderTest:
    """A venue with a book on both sides, an account with money, and a client of it that is not connected yet.

    ``resting_price``: a bid at it rests; ``taking_price``: a bid of ``quantity`` at it trades at once and wholly.
    Both are on tick, ``quantity`` is on lot and more than the minimum; ``quantity_beyond_means`` is on lot too.
    ``withdrawal``: (ticker, amount, address) that the venue allows; None if it cannot withdraw. ``deposit_ticker``:
    what an address can be asked for. ``settle`` lets a venue that is driven by hand do its work.
    """

    exchange: Any
    contract: str
    resting_price: Decimal
    taking_price: Decimal
    quantity: Decimal
    quantity_beyond_means: Decimal
    unknown_order: str
    withdrawal: tuple[str, Decimal, str] | None = None
    deposit_ticker: str | None = None
    client_id: str | None = None
    settle: Callable[[], object] = field(default=lambda: None)


class ExchangeContract(TestCase):
    """Mix in, and override :meth:`make_venue`. The suite itself, without a venue, is skipped."""

    #: How long, in real seconds, to wait for an event.
    patience = 5.0
    venue: VenueUnderTest

    def make_venue(self) -> "VenueUnderTest | Deferred[VenueUnderTest]":
        """A fresh venue and client; register the venue's own clean-up with ``addCleanup``."""
        raise SkipTest("the contract itself has no venue")

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        made = self.make_venue()
        self.venue = await made if isinstance(made, Deferred) else made
        self.exchange = self.venue.exchange
        self.addCleanup(self.exchange.disconnect)

    def needs(self, ability: str) -> None:
        """Skip the test where the client does not claim ``ability``."""
        if ability not in self.exchange.capabilities:
            raise SkipTest(f"{self.exchange.name} does not claim {ability}")

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for ``condition`` to be true; its value."""
        for _ in range(int(self.patience / 0.02)):
            found = condition()
            if found:
                return found
            self.venue.settle()
            await deferLater(reactor, 0.02)
        raise self.failureException(f"waited {self.patience} s for {what}")

    def heard(self, event: str) -> list[Any]:
        """A list that grows by the shape (or the exchange) of each ``event`` from now on."""
        found: list[Any] = []
        self.exchange.on(event, lambda *arguments: found.append(arguments[-1]))
        return found

    def ask(self, call: str, *arguments: Any, **options: Any) -> "Deferred[Any]":
        """Call the interface and check that what comes back is a Deferred."""
        result: Deferred[Any] = getattr(self.exchange, call)(*arguments, **options)
        self.assertIsInstance(result, Deferred, call)
        return result

    async def refusal(self, deferred: "Deferred[Any]") -> Refused:
        """The Refused with which ``deferred`` must fail."""
        try:
            result = await deferred
        except Refused as refused:
            return refused
        raise self.failureException(f"not refused: {result!r}")

    async def bid(self, price: Decimal, quantity: Decimal | None = None, **options: Any) -> str:
        """Place a bid; its id."""
        wanted = self.venue.quantity if quantity is None else quantity
        id = await self.ask("placeOrder", self.venue.contract, wanted, price, "BUY", **options)
        self.assertIsInstance(id, str)
        return str(id)

    def history(self) -> tuple[datetime, datetime]:
        """From long ago until soon."""
        now = datetime.now(UTC)
        return now - LONG_AGO, now + LONG_AGO

    # The connection

    def test_provides_the_interface(self) -> None:
        """Every method is there, with the documented arguments."""
        verifyObject(IExchangeClient, self.exchange)

    async def test_nothing_is_raised_before_connect(self) -> None:
        """An unconnected client answers through its Deferreds, with the documented errors only."""
        start, end = self.history()
        calls: list[tuple[Any, ...]] = [
            ("getPositions",),
            ("getOpenOrders",),
            ("getOrderBook", "NO/SUCH"),
            ("cancelOrder", "none"),
            ("placeOrder", "NO/SUCH", Decimal(1), Decimal(1), "BUY"),
            ("getTradeHistory", start, end),
            ("getTransactionHistory", start, end),
            ("getCurrentAddress", "NONE"),
        ]
        for call in calls:
            try:
                await self.ask(*call)
            except (ExchangeError, NotImplementedError):
                continue

    async def test_connect_fires_and_tells(self) -> None:
        """``connect`` fires when usable; its event carries the exchange."""
        told = self.heard("connect")
        await self.ask("connect")
        self.assertEqual([self.exchange], told)

    async def test_connecting_twice_changes_nothing(self) -> None:
        """A second connect, during or after the first, is harmless."""
        told = self.heard("connect")
        first, second = self.ask("connect"), self.ask("connect")
        await first
        await second
        await self.ask("connect")
        self.assertEqual(1, len(told))

    async def test_disconnect_tells_and_repeats(self) -> None:
        """Disconnect closes, tells once, and may be called again."""
        await self.ask("connect")
        told = self.heard("disconnect")
        await self.ask("disconnect")
        await self.ask("disconnect")
        self.assertEqual([self.exchange], told)

    # What there is

    async def test_instruments(self) -> None:
        """The contract is known, with positive exact steps, and rounding obeys them."""
        await self.ask("connect")
        instrument = (await self.ask("getInstruments"))[self.venue.contract]
        price = self.venue.resting_price + instrument.tick / 3
        self.assertEqual(self.venue.resting_price, self.exchange.round_bid(self.venue.contract, price))
        self.assertEqual(self.venue.resting_price + instrument.tick, self.exchange.round_ask(self.venue.contract, price))

    async def test_positions(self) -> None:
        """Balances are exact, and no more is available than there is."""
        await self.ask("connect")
        positions = await self.ask("getPositions")
        base, _, quote = self.venue.contract.partition("/")
        self.assertTrue({base, quote} <= set(positions), sorted(positions))
        for ticker, shape in positions.items():
            position = Position.from_shape(ticker, shape)
            self.assertLessEqual(position.available, position.position)

    async def test_order_book(self) -> None:
        """The book is sorted, uncrossed, of the contract asked for, and dated."""
        await self.ask("connect")
        shape = await self.ask("getOrderBook", self.venue.contract)
        book = Book.from_shape(shape)
        self.assertEqual(self.venue.contract, book.contract)
        self.assertTrue(book.bids and book.asks)
        self.assertFalse(book.is_crossed)
        self.assertEqual(shape["bids"], book.to_shape()["bids"])
        self.assertEqual(shape["asks"], book.to_shape()["asks"])
        self.assertGreater(book.timestamp, 0)

    async def test_streamed_book_is_proven_current(self) -> None:
        """Once a book is streamed its age is known and it follows our own order."""
        self.needs("book_stream")
        await self.ask("connect")
        books = self.heard("book")
        await self.ask("getOrderBook", self.venue.contract)
        await self.until(lambda: self.exchange.bookAsOf(self.venue.contract), "a proven book")
        await self.bid(self.venue.resting_price)

        def shows_ours() -> bool:
            return any(
                level["price"] == self.venue.resting_price
                for book in books
                if book["contract"] == self.venue.contract
                for level in book["bids"]
            )

        await self.until(shows_ours, "our bid in the streamed book")

    async def test_unknown_contract(self) -> None:
        """A contract the venue does not have is refused, not waited for."""
        await self.ask("connect")
        await self.refusal(self.ask("getOrderBook", "NO/SUCH"))

    async def test_bars(self) -> None:
        """Bars are keyed by their open time and hold their extremes."""
        await self.ask("connect")
        now = datetime.now(UTC)
        bars = await self.ask("getOHLCVHistory", self.venue.contract, "hour", now - timedelta(days=3), now)
        for opened, bar in bars.items():
            self.assertEqual((opened, self.venue.contract, "hour"), (bar["open_timestamp"], bar["contract"], bar["period"]))
            self.assertLessEqual(bar["low"], min(bar["open"], bar["close"]))
            self.assertGreaterEqual(bar["high"], max(bar["open"], bar["close"]))

    # Orders

    async def test_order_rests_and_is_cancelled(self) -> None:
        """A placed order is open as placed; cancelled it is gone."""
        await self.ask("connect")
        mine = self.venue.client_id if "client_id" in self.exchange.capabilities else None
        id = await self.bid(self.venue.resting_price, client_id=mine)
        order = Order.from_shape((await self.ask("getOpenOrders"))[id])
        self.assertEqual(
            (id, self.venue.contract, "BUY", self.venue.resting_price, self.venue.quantity, self.venue.quantity, False),
            (order.id, order.contract, order.side.value, order.price, order.quantity, order.quantity_left, order.is_cancelled),
        )
        if mine is not None:
            self.assertEqual(mine, order.client_id)
        self.assertTrue(await self.ask("cancelOrder", id))
        self.assertNotIn(id, await self.ask("getOpenOrders"))

    async def test_order_is_amended_in_place(self) -> None:
        """The same order in another size; what would trade, and what is over, is refused and changes nothing."""
        self.needs("amend")
        await self.ask("connect")
        id = await self.bid(self.venue.resting_price)
        await self.ask("amendOrder", id, self.venue.quantity * 2, self.venue.resting_price)
        crossing = await self.refusal(self.ask("amendOrder", id, self.venue.quantity, self.venue.taking_price))
        self.assertIs(Reason.WOULD_CROSS, crossing.reason)
        (order,) = [Order.from_shape(shape) for shape in (await self.ask("getOpenOrders")).values()]
        self.assertEqual((id, self.venue.quantity * 2, self.venue.resting_price), (order.id, order.quantity_left, order.price))
        self.assertTrue(await self.ask("cancelOrder", id))
        over = await self.refusal(self.ask("amendOrder", id, self.venue.quantity, self.venue.resting_price))
        self.assertIs(Reason.UNKNOWN_ORDER, over.reason)

    async def test_open_order_holds_funds(self) -> None:
        """What an open order needs is held, not available."""
        await self.ask("connect")
        quote = self.venue.contract.partition("/")[2]
        before = (await self.ask("getPositions"))[quote]
        if "available" not in before:
            raise SkipTest("this venue does not tell what is available")
        await self.bid(self.venue.resting_price)
        after = (await self.ask("getPositions"))[quote]
        self.assertEqual(before["position"], after["position"])
        self.assertGreaterEqual(before["available"] - after["available"], self.venue.quantity * self.venue.resting_price)

    async def test_order_events(self) -> None:
        """The stream tells that the order is open, and that it was cancelled."""
        self.needs("order_stream")
        await self.ask("connect")
        told = self.heard("order")
        id = await self.bid(self.venue.resting_price)
        await self.until(lambda: [o for o in told if o["id"] == id and not o["is_cancelled"]], "the order event")
        await self.ask("cancelOrder", id)
        await self.until(lambda: [o for o in told if o["id"] == id and o["is_cancelled"]], "the cancel event")

    async def test_cancel_of_an_unknown_order(self) -> None:
        """An order that never was is refused as unknown."""
        await self.ask("connect")
        refused = await self.refusal(self.ask("cancelOrder", self.venue.unknown_order))
        self.assertIs(Reason.UNKNOWN_ORDER, refused.reason)

    async def test_cancel_of_a_filled_order(self) -> None:
        """An order that has traded away was not cancelled, and the client says so."""
        await self.ask("connect")
        id = await self.bid(self.venue.taking_price)
        await self.until_filled(id)
        self.assertFalse(await self.ask("cancelOrder", id))

    async def until_filled(self, id: str) -> list[Fill]:
        """Wait until the history holds the whole order ``id``; its fills."""
        for _ in range(int(self.patience / 0.1)):
            fills = [Fill.from_shape(s) for s in await self.ask("getTradeHistory", *self.history()) if s["order_id"] == id]
            if sum((fill.quantity for fill in fills), Decimal(0)) == self.venue.quantity:
                return fills
            self.venue.settle()
            await deferLater(reactor, 0.1)
        raise self.failureException(f"{id} did not fill in {self.patience} s")

    async def test_fills_are_told_twice_the_same(self) -> None:
        """The stream and the history tell the same executions under the same ids, with price, quantity and fees equal."""
        await self.ask("connect")
        told = self.heard("trade")
        id = await self.bid(self.venue.taking_price)
        recorded = {fill.id: fill for fill in await self.until_filled(id)}
        self.assertTrue(all(fill.price <= self.venue.taking_price for fill in recorded.values()))
        await self.until(lambda: {s["id"] for s in told if s["order_id"] == id} >= set(recorded), "the trade events")
        for shape in told:
            streamed = Fill.from_shape(shape)
            if streamed.order_id == id:
                self.assertEqual(recorded[streamed.id].changes(), streamed.changes())
                self.assertEqual(recorded[streamed.id].price, streamed.price)

    async def test_balances_move_by_the_fills(self) -> None:
        """What the fills say they did to our balances is what the venue did to them."""
        await self.ask("connect")
        before = await self.ask("getPositions")
        fills = await self.until_filled(await self.bid(self.venue.taking_price))
        after = await self.ask("getPositions")
        moved: dict[str, Decimal] = {}
        for fill in fills:
            for ticker, change in fill.changes().items():
                moved[ticker] = moved.get(ticker, Decimal(0)) + change
        for ticker, change in moved.items():
            self.assertAlmostEqual(change, after[ticker]["position"] - before[ticker]["position"], 4, ticker)

    async def test_off_step_orders_are_refused(self) -> None:
        """A price off the tick and a quantity off the lot are refused by their reason, never rounded."""
        await self.ask("connect")
        instrument = (await self.ask("getInstruments"))[self.venue.contract]
        price, quantity = self.venue.resting_price, self.venue.quantity
        off_tick = await self.refusal(
            self.ask("placeOrder", self.venue.contract, quantity, price + instrument.tick / 2, "BUY"),
        )
        self.assertIs(Reason.PRICE, off_tick.reason)
        off_lot = await self.refusal(
            self.ask("placeOrder", self.venue.contract, quantity + instrument.lot / 2, price, "BUY"),
        )
        self.assertIs(Reason.SIZE, off_lot.reason)
        self.assertEqual({}, dict(await self.ask("getOpenOrders")))

    async def test_order_beyond_our_means(self) -> None:
        """More than we can pay for is refused for lack of funds, and nothing rests."""
        await self.ask("connect")
        refused = await self.refusal(
            self.ask("placeOrder", self.venue.contract, self.venue.quantity_beyond_means, self.venue.resting_price, "BUY")
        )
        self.assertIs(Reason.FUNDS, refused.reason)
        self.assertEqual({}, dict(await self.ask("getOpenOrders")))

    async def test_post_only_never_takes(self) -> None:
        """A post-only order that would trade does not: refused, or accepted and cancelled unfilled."""
        self.needs("post_only")
        await self.ask("connect")
        try:
            id = await self.bid(self.venue.taking_price, post_only=True)
        except Refused as refused:
            self.assertIs(Reason.WOULD_CROSS, refused.reason)
        else:
            self.assertNotIn(id, await self.ask("getOpenOrders"))
        self.assertEqual([], await self.ask("getTradeHistory", *self.history()))

    async def test_immediate_never_rests(self) -> None:
        """An immediate order that finds nothing is cancelled at once."""
        self.needs("immediate")
        await self.ask("connect")
        id = await self.bid(self.venue.resting_price, immediate=True)
        self.assertNotIn(id, await self.ask("getOpenOrders"))

    # Money in and out

    async def test_deposit_address(self) -> None:
        """The address is stable until a new one is asked for, where one can be."""
        if self.venue.deposit_ticker is None:
            raise SkipTest("this venue has no deposit addresses")
        await self.ask("connect")
        address = await self.ask("getCurrentAddress", self.venue.deposit_ticker)
        self.assertEqual(address, await self.ask("getCurrentAddress", self.venue.deposit_ticker))
        try:
            new = await self.ask("getNewAddress", self.venue.deposit_ticker)
        except NotImplementedError:
            return  # a person makes new ones there
        self.assertNotEqual(address, new)
        self.assertEqual(new, await self.ask("getCurrentAddress", self.venue.deposit_ticker))

    async def test_withdrawal_is_in_the_history(self) -> None:
        """A withdrawal is told as one debit of the whole amount, fee and all, however often the history is read."""
        if self.venue.withdrawal is None:
            raise SkipTest("this venue cannot withdraw")
        await self.ask("connect")
        ticker, amount, address = self.venue.withdrawal
        await self.ask("requestWithdrawal", ticker, amount, address)

        for _ in range(int(self.patience / 0.1)):
            shapes = await self.ask("getTransactionHistory", *self.history())
            found = [Transaction.from_shape(shape) for shape in shapes]
            debits = [t for t in found if t.type == "Withdrawal" and t.ticker == ticker and not t.is_credit]
            if debits:
                break
            self.venue.settle()
            await deferLater(reactor, 0.1)
        self.assertEqual([amount], [-debit.change for debit in debits])
        times = [t.timestamp for t in found]
        self.assertEqual(sorted(times), times)
        again = [shape["id"] for shape in await self.ask("getTransactionHistory", *self.history())]
        self.assertEqual([t.id for t in found], again)
        self.assertEqual(len(set(again)), len(again))
