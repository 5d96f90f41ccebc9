"""The Kraken client against the sandbox's Kraken, over real sockets: the contract, and what goes wrong."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from model.order import Side
from sandbox.faults import Kind
from tests.clients.kraken_venues import CONTRACT, SandboxKraken, now
from tests.contracts import exchange

D = Decimal


class KrakenKeepsTheContract(exchange.ExchangeContract):
    """Every test of the contract."""

    def make_venue(self) -> "Deferred[exchange.VenueUnderTest]":
        return Deferred.fromCoroutine(self.opened())

    async def opened(self) -> exchange.VenueUnderTest:
        """A fresh sandbox with a client."""
        sandbox = SandboxKraken()
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        return exchange.VenueUnderTest(
            sandbox.client(),
            CONTRACT,
            resting_price=D("49000.0"),
            taking_price=D("50000.0"),
            quantity=D("0.1"),
            quantity_beyond_means=D(100),
            unknown_order="OAAAAA-BBBBB-CCCCCC",
            withdrawal=("BTC", D("0.5"), sandbox.address),
            deposit_ticker="BTC",
            client_id="ilp-1",
        )


class KrakenInTrouble(TestCase):
    """What the pool relies on when things go wrong."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = SandboxKraken()
        await self.sandbox.open()
        self.addCleanup(self.sandbox.front.stop)
        self.exchange = self.sandbox.client()
        self.addCleanup(self.exchange.disconnect)
        self.told: dict[str, list[Any]] = {name: [] for name in ("connect", "disconnect", "book", "order", "trade")}
        for name, heard in self.told.items():
            self.exchange.on(name, lambda *arguments, heard=heard: heard.append(arguments[-1]))

    async def until(self, condition: Any, what: str) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(250):
            if condition():
                return
            await deferLater(reactor, 0.02)
        self.fail(f"waited for {what}")

    async def following(self) -> None:
        """Connected, with the book in step."""
        await self.exchange.connect()
        await self.exchange.getOrderBook(CONTRACT)
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the book")

    async def bid(self, price: int = 49_000) -> str:
        return str(await self.exchange.placeOrder(CONTRACT, D("0.1"), D(price), "BUY", client_id="ilp-7"))

    async def failure(self, deferred: "Deferred[Any]", *kinds: type[Exception]) -> Any:
        """The error, of one of ``kinds``, with which it fails."""
        try:
            result = await deferred
        except kinds as error:
            return error
        return self.fail(f"did not fail: {result!r}")

    async def test_wrong_key_fails_connect(self) -> None:
        """A key that the venue does not know ends connect at once, with the reason."""
        stranger = self.sandbox.client(id="nobody")
        self.addCleanup(stranger.disconnect)
        error = await self.failure(stranger.connect(), Refused)
        self.assertIs(Reason.AUTH, error.reason)

    async def test_without_a_key_the_book_is_there(self) -> None:
        """As a source of rates it needs no key; what is private is refused for lack of one."""
        public = self.sandbox.client(id="", secret="")
        self.addCleanup(public.disconnect)
        await public.connect()
        self.assertEqual(CONTRACT, (await public.getOrderBook(CONTRACT))["contract"])
        self.assertIs(Reason.AUTH, (await self.failure(public.getPositions(), Refused)).reason)

    async def test_venue_that_is_down_is_waited_for(self) -> None:
        """Connecting to a venue in trouble fires when it is well again."""
        self.sandbox.faults.add("kraken", "AssetPairs", Kind.ERROR, count=2, text="EService:Unavailable")
        await self.exchange.connect()
        self.assertEqual([self.exchange], self.told["connect"])

    async def test_order_whose_answer_is_lost_is_unknown(self) -> None:
        """A broken connection after the send is an unknown outcome, and the order is found by our own id."""
        await self.exchange.connect()
        self.sandbox.faults.add("kraken", "AddOrder", Kind.DISCONNECT, count=1)
        await self.failure(self.bid_deferred(), OutcomeUnknown)
        self.sandbox.faults.add("kraken", "AddOrder", Kind.ERROR, count=1, text="520")
        await self.failure(self.bid_deferred(), OutcomeUnknown)
        self.assertEqual({}, await self.exchange.getOpenOrders())

    def bid_deferred(self) -> "Deferred[str]":
        return self.exchange.placeOrder(CONTRACT, D("0.1"), D(49_000), "BUY", client_id="ilp-8")

    async def test_read_whose_answer_is_lost_is_retryable(self) -> None:
        """The same trouble with a read has done nothing."""
        await self.exchange.connect()
        self.sandbox.faults.add("kraken", "BalanceEx", Kind.DISCONNECT, count=1)
        await self.failure(self.exchange.getPositions(), Retryable)

    async def test_venue_gone_before_the_send(self) -> None:
        """An order that never left is Retryable, not unknown."""
        await self.exchange.connect()
        await self.sandbox.front.stop()
        await self.until(lambda: self.told["disconnect"], "the news")
        await self.failure(self.bid_deferred(), Retryable)

    async def test_words_of_the_venue(self) -> None:
        """A refusal carries venue, call and the venue's own words."""
        await self.exchange.connect()
        self.sandbox.faults.add("kraken", "AddOrder", Kind.ERROR, count=1, text="EService:Market in cancel_only mode")
        error = await self.failure(self.bid_deferred(), Refused)
        self.assertEqual(
            (Reason.MAINTENANCE, "kraken", "AddOrder", "EService:Market in cancel_only mode"),
            (error.reason, error.venue, error.call, error.detail),
        )

    async def test_wrong_checksum_is_not_believed(self) -> None:
        """A book that does not prove itself has no age until a new snapshot does."""
        await self.following()
        self.sandbox.faults.add("kraken", "book", Kind.CHECKSUM, count=1)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT) is None, "the doubt")
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the new snapshot")
        book = await self.exchange.getOrderBook(CONTRACT)
        self.assertEqual({"price": D("49991.0"), "quantity": D("0.1")}, book["bids"][0])

    async def test_lost_update_is_noticed(self) -> None:
        """After an update that never came the next one fails its checksum, and the book is asked for anew."""
        await self.following()
        self.sandbox.faults.add("kraken", "book", Kind.GAP, count=1)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        self.sandbox.trade(Side.BUY, D("0.1"), D("49992.0"))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT) is None, "the doubt")
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the new snapshot")
        prices = [level["price"] for level in (await self.exchange.getOrderBook(CONTRACT))["bids"]]
        self.assertEqual([D("49992.0"), D("49991.0")], prices[:2])

    async def test_fill_during_a_lost_connection_is_told(self) -> None:
        """What executed while we were away is told by the time we are connected again."""
        await self.following()
        id = await self.bid(49_995)
        self.sandbox.front.drop_connections()
        self.sandbox.trade(Side.SELL, D("0.1"), D(49_995))
        await self.until(lambda: len(self.told["connect"]) == 2, "the second connect")
        self.assertEqual(1, len(self.told["disconnect"]))
        fills = [fill for fill in self.told["trade"] if fill["order_id"] == id]
        self.assertEqual({(D("0.1"), "ilp-7")}, {(fill["quantity"], fill["client_id"]) for fill in fills})
        last = [order for order in self.told["order"] if order["id"] == id][-1]
        self.assertEqual((D(0), False), (last["quantity_left"], last["is_cancelled"]))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the book")

    async def test_gap_in_the_executions_is_filled(self) -> None:
        """A skipped number means a lost message; what it told is read by REST."""
        await self.following()
        id = await self.bid(49_995)
        await self.until(lambda: self.told["order"], "the order")
        self.sandbox.faults.add("kraken", "executions", Kind.GAP, count=1)
        self.sandbox.trade(Side.SELL, D("0.1"), D(49_995))
        await self.bid()
        await self.until(lambda: [fill for fill in self.told["trade"] if fill["order_id"] == id], "the lost fill")

    async def test_fill_told_twice_has_one_id(self) -> None:
        """A doubled message may tell a fill twice, but never as two."""
        await self.following()
        self.sandbox.faults.add("kraken", "executions", Kind.DUPLICATE, count=1)
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        history = await self.exchange.getTradeHistory(now() - timedelta(hours=1), now())
        self.assertEqual({fill["id"] for fill in history}, {fill["id"] for fill in self.told["trade"]})

    async def test_histories_are_read_to_the_last_page(self) -> None:
        """More than a page of fills and postings comes back whole, each once, oldest first."""
        await self.exchange.connect()
        for _ in range(60):
            self.sandbox.trade(Side.SELL, D("0.001"), D(49_995))
            self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.001"), D(49_995), immediate=True)
        fills = await self.exchange.getTradeHistory(now() - timedelta(hours=1), now())
        self.assertEqual([D("0.001")] * 60, [fill["quantity"] for fill in fills])
        self.assertEqual(sorted(fill["timestamp"] for fill in fills), [fill["timestamp"] for fill in fills])
        postings = await self.exchange.getTransactionHistory(now() - timedelta(hours=1), now())
        self.assertEqual(len(self.sandbox.venue.postings("pool")), len({shape["id"] for shape in postings}))

    async def test_deposit_is_known_by_its_transaction(self) -> None:
        """A deposit carries its address and the network's transaction id."""
        await self.exchange.connect()
        address = await self.exchange.getNewAddress("BTC")
        self.sandbox.world.fund("kraken", "pool", "BTC", D("0.25"), address)
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(hours=1), now())
        (deposit,) = [shape for shape in shapes if shape["quantity"] == D("0.25")]
        self.assertEqual(("Deposit", "credit", address), (deposit["type"], deposit["direction"], deposit["address"]))
        self.assertEqual(self.sandbox.venue.funding.deposits[-1].transaction_id, deposit["reference"])

    async def test_withdrawal_to_a_stranger_is_refused(self) -> None:
        """An address that is not stored in the account is refused before anything is asked to leave."""
        await self.exchange.connect()
        error = await self.failure(self.exchange.requestWithdrawal("BTC", D("0.1"), "bc1qstranger"), Refused)
        self.assertIs(Reason.ADDRESS, error.reason)
        self.assertEqual({}, self.sandbox.venue.funding.withdrawals)
