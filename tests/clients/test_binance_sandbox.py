"""The Binance client against the sandbox's Binance, over real sockets: the contract, and what goes wrong."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from model.order import Side
from sandbox.faults import Kind
from tests.clients.binance_venues import CONTRACT, SandboxBinance, now
from tests.contracts import exchange

D = Decimal
NEW_ORDER, ACCOUNT = "POST /api/v3/order", "GET /api/v3/account"


class BinanceKeepsTheContract(exchange.ExchangeContract):
    """Every test of the contract."""

    def make_venue(self) -> "Deferred[exchange.VenueUnderTest]":
        return Deferred.fromCoroutine(self.opened())

    async def opened(self) -> exchange.VenueUnderTest:
        """A fresh sandbox with a client."""
        sandbox = SandboxBinance()
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        # As the pool does, the contract is named: executions are told by contract only.
        return exchange.VenueUnderTest(
            sandbox.client(options={"contracts": CONTRACT}),
            CONTRACT,
            resting_price=D("49000.00"),
            taking_price=D("50000.00"),
            quantity=D("0.1"),
            quantity_beyond_means=D(100),
            unknown_order="BTCUSDT-987654321",
            withdrawal=("BTC", D("0.5"), sandbox.address),
            deposit_ticker="BTC",
            client_id="ilp-1",
        )


class BinanceInTrouble(TestCase):
    """What the pool relies on when things go wrong."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = SandboxBinance()
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

    def bid(self, price: int = 49_000, **options: Any) -> "Deferred[str]":
        return self.exchange.placeOrder(CONTRACT, D("0.1"), D(price), "BUY", client_id="ilp-7", **options)

    async def failure(self, deferred: "Deferred[Any]", *kinds: type[Exception]) -> Any:
        """The error, of one of ``kinds``, with which it fails."""
        try:
            result = await deferred
        except kinds as error:
            return error
        return self.fail(f"did not fail: {result!r}")

    def best_bids(self) -> list[Decimal]:
        return [level["price"] for level in self.told["book"][-1]["bids"]][:2]

    async def test_wrong_credentials_fail_connect(self) -> None:
        """A key that the venue does not know, and a wrong secret, end connect at once, with the reason."""
        for wrong in ({"id": "nobody"}, {"secret": "wrong"}):
            stranger = self.sandbox.client(**wrong)
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

    async def test_clock_that_is_wrong(self) -> None:
        """A machine whose clock is a minute off signs with the venue's time, also when it goes wrong later."""
        shift = [timedelta(seconds=-60)]
        lost = self.sandbox.client(clock=lambda: now() + shift[0])
        self.addCleanup(lost.disconnect)
        await lost.connect()
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])
        shift[0] = timedelta(seconds=90)
        await self.failure(lost.getPositions(), Retryable)
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])

    async def test_venue_that_is_down_is_waited_for(self) -> None:
        """Connecting to a venue in trouble fires when it is well again."""
        self.sandbox.faults.add("binance", "GET /api/v3/exchangeInfo", Kind.ERROR, count=2)
        await self.exchange.connect()
        self.assertEqual([self.exchange], self.told["connect"])

    async def test_order_whose_answer_is_lost_is_unknown(self) -> None:
        """A broken connection after the send, a 5xx and Binance's own time-out leave the outcome open."""
        await self.exchange.connect()
        for kind, text in ((Kind.DISCONNECT, ""), (Kind.ERROR, "503"), (Kind.ERROR, "-1007 Timeout waiting for response")):
            self.sandbox.faults.add("binance", NEW_ORDER, kind, count=1, text=text)
            await self.failure(self.bid(), OutcomeUnknown)
        self.assertEqual({}, await self.exchange.getOpenOrders())

    async def test_read_whose_answer_is_lost_is_retryable(self) -> None:
        """The same trouble with a read has done nothing."""
        await self.exchange.connect()
        for kind, text in ((Kind.DISCONNECT, ""), (Kind.ERROR, "503"), (Kind.ERROR, "-1007 Timeout waiting for response")):
            self.sandbox.faults.add("binance", ACCOUNT, kind, count=1, text=text)
            await self.failure(self.exchange.getPositions(), Retryable)

    async def test_venue_gone_before_the_send(self) -> None:
        """An order that never left is Retryable, not unknown."""
        await self.exchange.connect()
        await self.sandbox.front.stop()
        await self.until(lambda: self.told["disconnect"], "the news")
        await self.failure(self.bid(), Retryable)

    async def test_words_of_the_venue(self) -> None:
        """A refusal carries venue, call and the venue's own code and words."""
        await self.exchange.connect()
        error = await self.failure(self.bid(50_000, post_only=True), Refused)
        self.assertEqual(
            (Reason.WOULD_CROSS, "binance", NEW_ORDER, "-2010 Order would immediately match and take."),
            (error.reason, error.venue, error.call, error.detail),
        )

    async def test_silence_when_asked_for(self) -> None:
        """After a 429 nothing is sent any more until the venue's time is over, cancels too: each would prolong the ban."""
        await self.exchange.connect()
        self.sandbox.faults.add("binance", ACCOUNT, Kind.ERROR, count=1, text="-1003 Too much request weight used")
        error = await self.failure(self.exchange.getPositions(), Refused)
        self.assertIs(Reason.RATE_LIMIT, error.reason)
        error = await self.failure(self.bid(), Refused)
        self.assertEqual((Reason.RATE_LIMIT, True), (error.reason, error.detail.startswith("not sent")))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_lost_change_is_noticed(self) -> None:
        """After an event that never came the next one does not continue, and the book is asked for anew."""
        await self.following()
        self.sandbox.faults.add("binance", "depth", Kind.GAP, count=1)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.until(lambda: not self.sandbox.faults.in_force(), "the lost event")
        self.sandbox.trade(Side.BUY, D("0.1"), D("49992.0"))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT) is None, "the doubt")
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the new snapshot")
        self.assertEqual([D("49992.0"), D("49991.0")], self.best_bids())

    async def test_event_told_twice(self) -> None:
        """A doubled event is no continuation either."""
        await self.following()
        self.sandbox.faults.add("binance", "depth", Kind.DUPLICATE, count=1)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT) is None, "the doubt")
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the new snapshot")
        self.assertEqual([D("49991.0"), D("49990.0")], self.best_bids())

    async def test_snapshot_that_fails_is_asked_for_again(self) -> None:
        """Events wait for it meanwhile."""
        self.sandbox.faults.add("binance", "GET /api/v3/depth", Kind.ERROR, count=2)
        await self.exchange.connect()
        await self.failure(self.exchange.getOrderBook(CONTRACT), Retryable)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the book")
        self.assertEqual([D("49991.0"), D("49990.0")], self.best_bids())

    async def test_lost_subscription_is_made_again(self) -> None:
        """A user stream that the venue refuses at first is asked for until it stands."""
        self.sandbox.faults.add("binance", "subscribe", Kind.ERROR, count=1)
        await self.exchange.connect()
        await self.bid()
        await self.until(lambda: self.told["order"], "the order")

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
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the book")

    async def test_orders_of_before_are_told(self) -> None:
        """What was open before we came is told when we connect: no stream would."""
        self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.1"), D(49_000), client_id="ilp-3")
        await self.exchange.connect()
        self.assertEqual(["ilp-3"], [order["client_id"] for order in self.told["order"]])

    async def test_fill_told_twice_has_one_id(self) -> None:
        """A doubled event may tell a fill twice, but never as two."""
        await self.following()
        self.sandbox.faults.add("binance", "user", Kind.DUPLICATE)
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        history = await self.exchange.getTradeHistory(now() - timedelta(hours=1), now())
        self.assertEqual({fill["id"] for fill in history}, {fill["id"] for fill in self.told["trade"]})

    async def test_fee_of_a_buyer_is_in_base(self) -> None:
        """Binance takes its fee out of what was bought."""
        await self.following()
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual({"BTC": D("0.0001")}, self.told["trade"][0]["fees"])
        self.assertEqual(D("10.0999"), (await self.exchange.getPositions())["BTC"]["position"])

    async def test_histories_are_read_to_the_last_page(self) -> None:
        """More than a page of fills and postings comes back whole, each once, oldest first."""
        from clients.binance import account

        self.patch(account, "PAGE", 7)
        await self.following()
        for _ in range(20):
            self.sandbox.trade(Side.SELL, D("0.001"), D(49_995))
            self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.001"), D(49_995), immediate=True)
            self.sandbox.world.fund("binance", "pool", "BTC", D("0.25"))
        fills = await self.exchange.getTradeHistory(now() - timedelta(days=3), now())
        self.assertEqual([D("0.001")] * 20, [fill["quantity"] for fill in fills])
        self.assertEqual(sorted(fill["timestamp"] for fill in fills), [fill["timestamp"] for fill in fills])
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(days=3), now())
        # A posting of each currency for a trade, as the venue's own books have them.
        self.assertEqual(len(self.sandbox.venue.postings("pool")), len({shape["id"] for shape in shapes}))
        moved = {ticker: self.moved(shapes, ticker) for ticker in ("BTC", "USDT")}
        accounts = self.sandbox.venue.accounts
        self.assertEqual({ticker: accounts.balance("pool", ticker) for ticker in moved}, moved)

    def moved(self, shapes: list[Any], ticker: str) -> Decimal:
        """What the postings say has become of an account that began empty."""
        signs = {"credit": 1, "debit": -1}
        own = [shape for shape in shapes if shape["contract"] == ticker]
        return sum((signs[shape["direction"]] * shape["quantity"] - shape["fee"] for shape in own), D(0))

    async def test_deposit_is_known_by_its_transaction(self) -> None:
        """A deposit carries its address and the network's transaction id."""
        await self.exchange.connect()
        address = await self.exchange.getCurrentAddress("BTC")
        self.sandbox.world.fund("binance", "pool", "BTC", D("0.25"), address)
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(hours=1), now())
        (deposit,) = [shape for shape in shapes if shape["quantity"] == D("0.25")]
        self.assertEqual(("Deposit", "credit", address), (deposit["type"], deposit["direction"], deposit["address"]))
        self.assertEqual(self.sandbox.venue.funding.deposits[-1].transaction_id, deposit["reference"])

    async def test_withdrawal_that_came_to_nothing(self) -> None:
        """It is told as what left and what came back, the second also to whoever reads on from where it stood."""
        await self.exchange.connect()
        reference = await self.exchange.requestWithdrawal("BTC", D("0.1"), self.sandbox.address)
        began = now()
        first = await self.withdrawals(began - timedelta(minutes=1), began)
        self.assertEqual([("debit", reference, "pending")], [(s["direction"], s["reference"], s["state"]) for s in first])
        self.sandbox.venue.funding.cancel(1)
        later = await self.withdrawals(began + timedelta(minutes=2), began + timedelta(minutes=3))
        self.assertEqual({"debit": D("0.1"), "credit": D("0.1")}, {s["direction"]: s["quantity"] + s["fee"] for s in later})
        self.assertEqual([], await self.withdrawals(began + timedelta(minutes=2), began + timedelta(minutes=3)))

    async def withdrawals(self, start: datetime, end: datetime) -> list[Any]:
        shapes = await self.exchange.getTransactionHistory(start, end)
        return [shape for shape in shapes if shape["type"] in ("Withdrawal", "Transfer")]

    async def test_withdrawal_to_a_stranger_is_refused(self) -> None:
        """An address that is not on the account's list is refused by the venue, with the reason."""
        await self.exchange.connect()
        error = await self.failure(self.exchange.requestWithdrawal("BTC", D("0.1"), "bc1qstranger"), Refused)
        self.assertIs(Reason.ADDRESS, error.reason)
        self.assertEqual({}, self.sandbox.venue.funding.withdrawals)
