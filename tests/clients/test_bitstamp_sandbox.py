"""The Bitstamp client against the sandbox's Bitstamp, over real sockets: the contract, and what goes wrong."""

from datetime import timedelta
from decimal import Decimal

from clients.bitstamp import account, client, streams
from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from model.order import Side
from sandbox.candles import Bar
from sandbox.faults import Kind
from tests.clients import sandbox_venue, trouble
from tests.clients.bitstamp_venues import CONTRACT, SandboxBitstamp
from tests.clients.sandbox_venue import now

D = Decimal


class BitstampKeepsTheContract(sandbox_venue.SandboxContract):
    """Every test of the contract."""

    sandbox = SandboxBitstamp
    unknown_order = "1450987654321000"

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        # Nothing happens in this market unless we do it.
        self.patch(streams, "QUIET", 0.1)
        await super().setUp()


class BitstampInTrouble(trouble.InTrouble):
    """What the pool relies on when things go wrong."""

    sandbox_class = SandboxBitstamp
    new_order, balances = "POST /api/v2/buy/btcusd/", "POST /api/v2/account_balances/"
    listing, book, own = "GET /api/v2/markets/", "order_book", "my_trades"

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.patch(streams, "QUIET", 0.1)
        await super().setUp()

    async def test_clock_that_is_wrong(self) -> None:
        """A machine whose clock is an hour off signs with the venue's time, also when it goes wrong later."""
        shift = [timedelta(hours=-1)]
        lost = self.make_client(clock=lambda: now() + shift[0])
        self.addCleanup(lost.disconnect)
        await lost.connect()
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])
        shift[0] = timedelta(hours=1)
        await self.failure(lost.getPositions(), Retryable)
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])

    async def test_own_doubt_of_the_venue(self) -> None:
        """Bitstamp may say itself that a part of it failed: then a write is unknown, and a read has done nothing."""
        await self.exchange.connect()
        self.fault(self.new_order, Kind.ERROR, text="500.016 Timeout on matching engine.")
        await self.failure(self.bid(), OutcomeUnknown)
        self.fault(self.balances, Kind.ERROR, text="500.002 One of Bitstamp internal services failed to process request.")
        await self.failure(self.exchange.getPositions(), Retryable)
        self.fault(self.new_order, Kind.ERROR, text="500.012 Matching blocked for this order book.")
        self.assertIs(Reason.MAINTENANCE, (await self.failure(self.bid(), Refused)).reason)

    async def test_words_of_the_venue(self) -> None:
        """A refusal carries venue, call and the venue's own code and words."""
        await self.exchange.connect()
        order = self.exchange.placeOrder(CONTRACT, D(100), D(49_000), "BUY")
        error = await self.failure(order, Refused)
        words = "400.009 You have only 100000.00000000 USD available. Check your account balance for details."
        self.assertEqual((Reason.FUNDS, "bitstamp", self.new_order, words), (error.reason, error.venue, error.call, error.detail))

    async def test_silence_when_asked_for(self) -> None:
        """After a 429 nothing is sent any more until the venue's time is over; after its own words for it we only slow down."""
        await self.exchange.connect()
        self.fault(self.balances, Kind.ERROR, text="400.002 Request rejected due to exceeded rate limit.")
        self.assertIs(Reason.RATE_LIMIT, (await self.failure(self.exchange.getPositions(), Refused)).reason)
        self.assertEqual(D(10), (await self.exchange.getPositions())["BTC"]["position"])
        self.fault(self.balances, Kind.ERROR, text="429")
        self.assertIs(Reason.RATE_LIMIT, (await self.failure(self.exchange.getPositions(), Refused)).reason)
        error = await self.failure(self.bid(), Refused)
        self.assertEqual((Reason.RATE_LIMIT, True), (error.reason, error.detail.startswith("not sent")))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_lost_image_is_healed_by_the_next(self) -> None:
        """Each image is the whole book, so that one that never came is missed no longer than until the next."""
        await self.following()
        self.fault("order_book", Kind.GAP)
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_991))
        await self.until(lambda: not self.sandbox.faults.in_force(), "the lost image")
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_992))
        await self.until(lambda: self.best_bids() == [D(49_992), D(49_991)], "the next image")

    async def test_image_told_twice(self) -> None:
        """It changes nothing, and is no reason for doubt."""
        await self.following()
        self.fault("order_book", Kind.DUPLICATE)
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_991))
        await self.until(lambda: self.best_bids() == [D(49_991), D(49_990)], "the image")
        self.assertIsNotNone(self.exchange.bookAsOf(CONTRACT))

    async def test_image_that_comes_late(self) -> None:
        """One from before the last is not shown; the book is asked for anew."""
        await self.following()
        self.fault("order_book", Kind.REORDER)
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_991))
        await self.until(lambda: not self.sandbox.faults.in_force(), "the image that waits")
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_992))
        await self.doubted()
        self.assertEqual([D(49_992), D(49_991)], self.best_bids())

    async def test_quiet_market(self) -> None:
        """Where nothing happens the book is asked for, again if that fails; the first image takes its place."""
        self.fault("GET /api/v2/order_book/btcusd/", Kind.ERROR, 2)
        await self.exchange.connect()
        await self.failure(self.exchange.getOrderBook(CONTRACT), Retryable)
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the book")
        self.assertEqual([D(49_990), D(49_980)], self.best_bids())
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_991))
        await self.until(lambda: self.best_bids()[0] == D(49_991), "the image")

    async def test_lost_subscription_is_made_again(self) -> None:
        """Channels that the venue refuses at first are asked for until they stand."""
        exchange = self.make_client(options={"contracts": CONTRACT})
        self.addCleanup(exchange.disconnect)
        self.fault("subscribe", Kind.ERROR)
        await exchange.connect()
        await exchange.placeOrder(CONTRACT, D("0.1"), D(49_000), "BUY")
        self.assertEqual(1, len(await exchange.getOpenOrders()))

    async def test_first_order_is_heard_of(self) -> None:
        """Our events come by market: those of a market are subscribed to before the first order there leaves."""
        await self.exchange.connect()
        self.sandbox.venue.place("maker", CONTRACT, Side.SELL, D("0.1"), D(49_995))
        id = await self.bid(49_995)
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual([(id, "ilp-7")], [(fill["order_id"], fill["client_id"]) for fill in self.told["trade"]])
        self.assertEqual([D("0.1"), D(0)], [order["quantity_left"] for order in self.told["order"]])

    async def test_orders_of_before_are_told_and_heard_of(self) -> None:
        """What was open before we came is told when we connect, and what becomes of it too."""
        order = self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.1"), D(49_000), client_id="ilp-3")
        await self.exchange.connect()
        self.assertEqual(["ilp-3"], [told["client_id"] for told in self.told["order"]])
        self.sandbox.venue.cancel("pool", order.id)
        await self.until(lambda: self.told["order"][-1]["is_cancelled"], "the cancel")

    async def test_lost_order_event_is_read(self) -> None:
        """An event that does not follow the last one has been missed; what it told is read."""
        self.patch(client, "BETWEEN_READINGS", 0.0)
        await self.following()
        first = await self.bid()
        await self.until(lambda: self.told["order"], "the order")
        self.fault("my_orders", Kind.GAP)
        self.sandbox.venue.cancel("pool", self.sandbox.venue.open_orders("pool")[0].id)
        await self.until(lambda: not self.sandbox.faults.in_force(), "the lost event")
        self.assertFalse(self.told["order"][-1]["is_cancelled"])
        await self.bid(48_000, client_id="ilp-8")
        await self.until(lambda: [o for o in self.told["order"] if o["id"] == first and o["is_cancelled"]], "the cancel")
        self.assertEqual([], self.told["disconnect"])

    async def test_fee_is_in_quote(self) -> None:
        """Bitstamp takes its fee besides what is paid."""
        await self.following()
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual({"USD": D(20)}, self.told["trade"][0]["fees"])
        self.assertEqual(D("94980"), (await self.exchange.getPositions())["USD"]["position"])
        self.assertEqual({"maker": D("0.003"), "taker": D("0.004")}, await self.exchange.getFees(CONTRACT))

    async def test_histories_are_read_to_the_last_page(self) -> None:
        """More than a page of fills and postings comes back whole, each once, oldest first."""
        self.patch(account, "PAGE", 7)
        await self.following()
        await self.small_trades(20)
        for _ in range(10):
            self.sandbox.world.fund("bitstamp", "pool", "BTC", D("0.25"))
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(days=40), now())
        # A posting of each currency for a trade, as the venue's own books have them.
        self.assertEqual(len(self.sandbox.venue.postings("pool")), len({shape["id"] for shape in shapes}))
        moved = {ticker: self.moved(shapes, ticker) for ticker in ("BTC", "USD")}
        accounts = self.sandbox.venue.accounts
        self.assertEqual({ticker: accounts.balance("pool", ticker) for ticker in moved}, moved)

    async def test_bars_of_more_than_one_answer(self) -> None:
        """A long history is asked for in parts, none of which is missing, and begins where it is asked to."""
        end = now().replace(second=0, microsecond=0)
        past = []
        for number in range(1, 50):
            opened, price = int((end - timedelta(minutes=number)).timestamp()), D(50_000 + number)
            past.append(Bar(opened, price, price, price, price, D(1), price))
        self.sandbox.venue.histories[CONTRACT].load(past)
        self.patch(client, "MOST_BARS", 7)
        await self.exchange.connect()
        bars = await self.exchange.getOHLCVHistory(CONTRACT, "minute", end - timedelta(minutes=40), end)
        self.assertEqual([D(50_000 + n) for n in range(40, 0, -1)], [bar["close"] for _, bar in sorted(bars.items())])

    async def test_withdrawal_that_came_to_nothing(self) -> None:
        """It is told as what left and what came back."""
        await self.exchange.connect()
        reference = await self.exchange.requestWithdrawal("BTC", D("0.1"), self.sandbox.address)
        self.sandbox.venue.funding.cancel(1)
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(hours=1), now())
        left, back = [shape for shape in shapes if shape["type"] in ("Withdrawal", "Transfer")]
        self.assertEqual(("debit", reference, "cancelled"), (left["direction"], left["reference"], left["state"]))
        self.assertEqual(("credit", self.sandbox.address), (back["direction"], left["address"]))
        self.assertEqual({D("0.1")}, {left["quantity"] + left["fee"], back["quantity"] + back["fee"]})

    async def test_money_of_states_is_for_a_person(self) -> None:
        """It travels by bank, in a person's name."""
        await self.exchange.connect()
        await self.failure(self.exchange.getCurrentAddress("USD"), NotImplementedError)
        await self.failure(self.exchange.requestWithdrawal("USD", D(100), "IBAN"), NotImplementedError)
