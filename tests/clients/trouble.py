"""What the pool relies on when things go wrong: one suite for the native clients, each against its own front.

A venue's test class mixes :class:`InTrouble` in and says what its calls and streams are called; what only this venue has (its
clock, its numbers, its checksum) it tests itself.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from twisted.trial.unittest import SkipTest

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from model.order import Side
from sandbox.faults import Kind
from tests.clients.sandbox_venue import SandboxCase, now

D = Decimal


class InTrouble(SandboxCase):
    """``new_order``, ``balances``, ``listing``: the calls as the sandbox's faults name them, ``book`` and ``own`` the streams.

    ``unavailable``: the words with which this venue is down for a while (empty: what the front says by itself), ``unstreamed``
    those with which it will not stream a book.
    The class itself, without a venue, is skipped.
    """

    new_order: ClassVar[str]
    balances: ClassVar[str]
    listing: ClassVar[str]
    book: ClassVar[str]
    own: ClassVar[str]
    unavailable: ClassVar[str] = ""
    unstreamed: ClassVar[str] = ""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        if not hasattr(self, "sandbox_class"):
            raise SkipTest("the suite itself has no venue")
        await super().setUp()

    def fault(self, call: str, kind: Kind, count: int | None = 1, text: str = "") -> None:
        """Let it go wrong."""
        self.sandbox.faults.add(self.sandbox.name, call, kind, count=count, text=text)

    # Getting in

    async def test_wrong_credentials_fail_connect(self) -> None:
        """A key that the venue does not know, and a wrong secret, end connect at once, with the reason."""
        for wrong in self.wrong_keys():
            stranger = self.make_client(**wrong)
            self.addCleanup(stranger.disconnect)
            error = await self.failure(stranger.connect(), Refused)
            self.assertIs(Reason.AUTH, error.reason)

    def wrong_keys(self) -> list[dict[str, str]]:
        """What is not let in."""
        return [{"id": "nobody"}, {"secret": "d3Jvbmc="}]

    async def test_without_a_key_the_book_is_there(self) -> None:
        """As a source of rates it needs no key; what is private is refused for lack of one."""
        public = self.make_client(id="", secret="")
        self.addCleanup(public.disconnect)
        await public.connect()
        self.assertEqual(self.contract, (await public.getOrderBook(self.contract))["contract"])
        self.assertIs(Reason.AUTH, (await self.failure(public.getPositions(), Refused)).reason)

    async def test_venue_that_is_down_is_waited_for(self) -> None:
        """Connecting to a venue in trouble fires when it is well again."""
        self.fault(self.listing, Kind.ERROR, 2, self.unavailable)
        await self.exchange.connect()
        self.assertEqual([self.exchange], self.told["connect"])

    # Answers that do not come

    async def test_order_whose_answer_is_lost_is_unknown(self) -> None:
        """A broken connection after the send and a 5xx leave the outcome open; the order is looked for by our own id."""
        await self.exchange.connect()
        for kind, text in ((Kind.DISCONNECT, ""), (Kind.ERROR, "503")):
            self.fault(self.new_order, kind, text=text)
            await self.failure(self.bid(), OutcomeUnknown)
        self.assertEqual({}, await self.exchange.getOpenOrders())

    async def test_read_whose_answer_is_lost_is_retryable(self) -> None:
        """The same trouble with a read has done nothing."""
        await self.exchange.connect()
        for kind, text in ((Kind.DISCONNECT, ""), (Kind.ERROR, "503")):
            self.fault(self.balances, kind, text=text)
            await self.failure(self.exchange.getPositions(), Retryable)

    async def test_venue_gone_before_the_send(self) -> None:
        """An order that never left is Retryable, not unknown."""
        await self.exchange.connect()
        await self.sandbox.front.stop()
        await self.until(lambda: self.told["disconnect"], "the news")
        await self.failure(self.bid(), Retryable)

    # Streams

    async def test_refused_book_is_asked_for_again(self) -> None:
        """A book that the venue will not stream now is asked for by REST, without an age, and then streamed all the same."""
        await self.exchange.connect()
        self.fault("subscribe", Kind.ERROR, text=self.unstreamed)
        book = await self.exchange.getOrderBook(self.contract)
        self.assertEqual(D(49_990), book["bids"][0]["price"])
        await self.until(lambda: not self.sandbox.faults.in_force(), "the refusal")
        self.assertIsNone(self.exchange.bookAsOf(self.contract))
        await self.until(lambda: self.exchange.bookAsOf(self.contract), "the book")
        self.assertEqual([], self.told["disconnect"])

    async def test_fill_during_a_lost_connection_is_told(self) -> None:
        """What executed while we were away is told by the time we are connected again."""
        await self.following()
        id = await self.bid(49_995)
        await self.until(lambda: self.told["order"], "the order")
        self.sandbox.front.drop_connections()
        self.sandbox.trade(Side.SELL, D("0.1"), D(49_995))
        await self.until(lambda: len(self.told["connect"]) == 2, "the second connect")
        self.assertEqual(1, len(self.told["disconnect"]))
        fills = [fill for fill in self.told["trade"] if fill["order_id"] == id]
        self.assertEqual({(D("0.1"), "ilp-7")}, {(fill["quantity"], fill["client_id"]) for fill in fills})
        last = [order for order in self.told["order"] if order["id"] == id][-1]
        self.assertEqual((D(0), False), (last["quantity_left"], last["is_cancelled"]))
        await self.until(lambda: self.exchange.bookAsOf(self.contract), "the book")

    async def test_order_that_the_venue_has_forgotten_keeps_nobody_out(self) -> None:
        """Venues forget orders that were cancelled without a fill: one that ended while we were away may not be found."""
        await self.following()
        self.sandbox.venue.accounts.of("pool").remembers = False
        gone, kept = await self.bid(49_000), await self.bid(49_010, client_id="ilp-8")
        await self.until(lambda: {order["id"] for order in self.told["order"]} == {gone, kept}, "the orders")
        self.sandbox.front.drop_connections()
        (forgotten,) = [order.id for order in self.sandbox.venue.open_orders("pool") if order.price == D(49_000)]
        self.sandbox.venue.cancel("pool", forgotten)
        await self.until(lambda: len(self.told["connect"]) == 2, "the second connect")
        self.assertEqual({kept}, set(await self.exchange.getOpenOrders()))

    async def test_fill_told_twice_has_one_id(self) -> None:
        """A doubled message may tell a fill twice, but never as two."""
        await self.following()
        self.fault(self.own, Kind.DUPLICATE)
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        history = await self.exchange.getTradeHistory(now() - timedelta(hours=1), now())
        self.assertEqual({fill["id"] for fill in history}, {fill["id"] for fill in self.told["trade"]})

    # Money

    async def test_deposit_is_known_by_its_transaction(self) -> None:
        """A deposit carries its address and the network's transaction id."""
        await self.exchange.connect()
        address = await self.exchange.getCurrentAddress("BTC")
        self.sandbox.world.fund(self.sandbox.name, "pool", "BTC", D("0.25"), address)
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(hours=1), now())
        (deposit,) = [shape for shape in shapes if shape["quantity"] == D("0.25")]
        self.assertEqual(("Deposit", "credit", address), (deposit["type"], deposit["direction"], deposit["address"]))
        self.assertEqual(self.sandbox.venue.funding.deposits[-1].transaction_id, deposit["reference"])

    async def test_withdrawal_to_a_stranger_is_refused(self) -> None:
        """An address that is not stored in the account is refused, with the reason, and nothing leaves."""
        await self.exchange.connect()
        error = await self.failure(self.exchange.requestWithdrawal("BTC", D("0.1"), "bc1qstranger"), Refused)
        self.assertIs(Reason.ADDRESS, error.reason)
        self.assertEqual({}, self.sandbox.venue.funding.withdrawals)

    async def small_trades(self, count: int) -> list[Any]:
        """So many executions of ours, as the history tells them."""
        for _ in range(count):
            self.sandbox.trade(Side.SELL, D("0.001"), D(49_995))
            self.sandbox.venue.place("pool", self.contract, Side.BUY, D("0.001"), D(49_995), immediate=True)
        fills: list[Any] = await self.exchange.getTradeHistory(now() - timedelta(days=3), now())
        self.assertEqual([D("0.001")] * count, [fill["quantity"] for fill in fills])
        self.assertEqual(sorted(fill["timestamp"] for fill in fills), [fill["timestamp"] for fill in fills])
        return fills

    def moved(self, shapes: list[Any], ticker: str) -> Decimal:
        """What the postings say has become of an account that began empty."""
        signs = {"credit": 1, "debit": -1}
        own = [shape for shape in shapes if shape["contract"] == ticker]
        return sum((signs[shape["direction"]] * shape["quantity"] - shape["fee"] for shape in own), D(0))
