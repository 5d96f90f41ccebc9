"""The Bitfinex client against the sandbox's Bitfinex, over real sockets: the contract, and what goes wrong."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from clients.bitfinex import account, client
from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from model.order import Side
from sandbox.candles import Bar
from sandbox.faults import Kind
from tests.clients import sandbox_venue, trouble
from tests.clients.bitfinex_venues import CONTRACT, SandboxBitfinex
from tests.clients.sandbox_venue import now

D = Decimal


class BitfinexKeepsTheContract(sandbox_venue.SandboxContract):
    """Every test of the contract."""

    sandbox = SandboxBitfinex
    unknown_order = "987654321"


class BitfinexInTrouble(trouble.InTrouble):
    """What the pool relies on when things go wrong."""

    sandbox_class = SandboxBitfinex
    new_order, balances, listing = "auth/w/order/submit", "auth/r/wallets", "conf/.*"
    book, own = "book", "user"
    unstreamed = "10300 subscribe: failed"

    async def test_steps(self) -> None:
        """The step of prices is that of their fifth digit, the step of quantities the eighth place."""
        await self.exchange.connect()
        found = (await self.exchange.getInstruments())[CONTRACT]
        self.assertEqual((D(1), D("0.00000001"), D("0.00004")), (found.tick, found.lot, found.min_quantity))
        # A step that is as fine as the price was, and too fine for what it has become.
        error = await self.failure(self.bid(100_001), Refused)
        self.assertEqual((Reason.PRICE, True), (error.reason, "more than 5 digits" in error.detail))

    async def test_fees(self) -> None:
        """The account's own."""
        await self.exchange.connect()
        self.assertEqual({"maker": D("0.001"), "taker": D("0.002")}, await self.exchange.getFees(CONTRACT))

    async def test_words_of_the_venue(self) -> None:
        """A refusal carries venue, call and the venue's own code and words."""
        await self.exchange.connect()
        self.fault(self.new_order, Kind.ERROR, text="10001 Invalid order: minimum size for BTCUSD is 0.00006")
        error = await self.failure(self.bid(), Refused)
        self.assertEqual(
            (Reason.SIZE, "bitfinex", self.new_order, "10001 Invalid order: minimum size for BTCUSD is 0.00006"),
            (error.reason, error.venue, error.call, error.detail),
        )

    async def test_words_that_prove_nothing(self) -> None:
        """The venue's own unknown error leaves an order's outcome open, and a read may be repeated."""
        await self.exchange.connect()
        self.fault(self.new_order, Kind.ERROR, text="10000 unknown error")
        await self.failure(self.bid(), OutcomeUnknown)
        self.fault(self.balances, Kind.ERROR, text="10000 unknown error")
        await self.failure(self.exchange.getPositions(), Retryable)

    async def test_order_that_was_done_without_an_answer(self) -> None:
        """The connection breaks after the order was taken: it is found by its own id, which two numbers carry."""
        await self.exchange.connect()
        self.fault(self.new_order, Kind.DONE_NO_ANSWER)
        placing = self.bid(client_id="ilp-hodh4ij3lt")
        await self.until(lambda: self.sandbox.venue.open_orders("pool"), "the order at the venue")
        self.sandbox.front.drop_connections()
        await self.failure(placing, OutcomeUnknown)
        (found,) = (await self.exchange.getOpenOrders()).values()
        self.assertEqual("ilp-hodh4ij3lt", found["client_id"])

    async def test_nonce_that_is_too_small(self) -> None:
        """Was not carried out, not even a write; the next one is higher."""
        await self.exchange.connect()
        self.fault(self.new_order, Kind.ERROR, text="10114 nonce: small")
        await self.failure(self.bid(), Retryable)
        await self.bid()

    async def test_blocked_address(self) -> None:
        """After too many calls nothing is sent any more for a minute, cancels too: each would prolong it."""
        await self.exchange.connect()
        self.fault(self.balances, Kind.ERROR, text="11010 ratelimit: error")
        error = await self.failure(self.exchange.getPositions(), Refused)
        self.assertIs(Reason.RATE_LIMIT, error.reason)
        error = await self.failure(self.bid(), Refused)
        self.assertEqual((Reason.RATE_LIMIT, True), (error.reason, error.detail.startswith("not sent")))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_two_clients_with_one_key(self) -> None:
        """Their nonces are of one count: calls and log-ins of both, all at once, and none is refused."""
        other = self.make_client()
        self.addCleanup(other.disconnect)
        for connecting in [self.exchange.connect(), other.connect()]:
            await connecting
        for asking in [each.getPositions() for _ in range(5) for each in (self.exchange, other)]:
            self.assertEqual(D(10), (await asking)["BTC"]["position"])

    async def test_available_that_the_venue_has_not_calculated(self) -> None:
        """Then what our own orders hold tells it."""
        await self.exchange.connect()
        await self.bid()
        told = (await self.exchange.getPositions())["USD"]
        self.patch(self.sandbox.front.money, "tells_available", False)
        self.assertEqual(told, (await self.exchange.getPositions())["USD"])
        self.assertEqual(D(95_100), told["available"])

    # Books

    async def test_wrong_checksum_is_not_believed(self) -> None:
        """A book that does not prove itself has no age until a new snapshot does, and nothing of it is told."""
        await self.following()
        self.fault("book", Kind.CHECKSUM)
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_991))
        await self.doubted()
        self.assertEqual([D(49_991), D(49_990)], self.best_bids())

    async def test_lost_row_is_noticed(self) -> None:
        """The numbers of the messages have a gap: the connection is made anew."""
        await self.following()
        self.fault("book", Kind.GAP)
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_991))
        await self.doubted()
        self.assertEqual([D(49_991), D(49_990)], self.best_bids())

    # What is ours

    async def test_lost_log_in_is_made_again(self) -> None:
        """A log-in that the venue refuses at first is asked for until it stands; calls go on meanwhile."""
        self.fault("auth", Kind.ERROR, text="10114 nonce: small")
        await self.exchange.connect()
        await self.bid()
        await self.until(lambda: self.told["order"], "the order")

    async def test_gap_in_our_events_is_filled(self) -> None:
        """A lost message of ours ends the connection, and what it said is read."""
        await self.following()
        self.fault("user", Kind.GAP, 2)
        id = await self.bid(49_995)
        self.sandbox.trade(Side.SELL, D("0.1"), D(49_995))
        await self.until(lambda: any(fill["order_id"] == id for fill in self.told["trade"]), "the fill")
        self.assertEqual({"ilp-7"}, {fill["client_id"] for fill in self.told["trade"]})

    async def test_orders_of_before_are_told(self) -> None:
        """What was open before we came is told when we connect, with our own id."""
        before = self.make_client()
        await before.connect()
        await before.placeOrder(CONTRACT, D("0.1"), D(49_000), "BUY", client_id="ilp-3")
        await before.disconnect()
        await self.exchange.connect()
        self.assertEqual(["ilp-3"], [order["client_id"] for order in self.told["order"]])

    async def test_fee_of_a_buyer_is_in_base(self) -> None:
        """Bitfinex takes its fee out of what was bought."""
        await self.following()
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual({"BTC": D("0.0002")}, self.told["trade"][0]["fees"])
        self.assertEqual(D("10.0998"), (await self.exchange.getPositions())["BTC"]["position"])

    # Histories

    async def test_histories_are_read_to_the_last_page(self) -> None:
        """More than a page of fills and movements comes back whole, each once, oldest first."""
        self.patch(account, "MOST_TRADES", 7)
        self.patch(account, "MOST_MOVEMENTS", 7)
        await self.following()
        await self.small_trades(20)
        for _ in range(20):
            self.sandbox.world.fund("bitfinex", "pool", "BTC", D("0.25"))
            await self.exchange.getPositions()
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(days=3), now())
        # A posting of each currency for a trade, as the venue's own books have them.
        self.assertEqual(len(self.sandbox.venue.postings("pool")), len({shape["id"] for shape in shapes}))
        moved = {ticker: self.moved(shapes, ticker) for ticker in ("BTC", "USD")}
        accounts = self.sandbox.venue.accounts
        self.assertEqual({ticker: accounts.balance("pool", ticker) for ticker in moved}, moved)

    async def test_whose_many_fills_are(self) -> None:
        """More orders than a page of the venue's, each with its own id, told by a client that has not seen any of them."""
        await self.following()
        for number in range(30):
            self.sandbox.trade(Side.SELL, D("0.001"), D(49_995))
            await self.exchange.placeOrder(CONTRACT, D("0.001"), D(49_995), "BUY", client_id=f"ilp-a{number}")
        stranger = self.make_client()
        self.addCleanup(stranger.disconnect)
        fills: list[Any] = []
        stranger.on("trade", lambda _exchange, fill: fills.append(fill))
        await stranger.connect()
        self.assertEqual([f"ilp-a{number}" for number in range(30)], [fill["client_id"] for fill in fills])

    async def test_bars_are_read_to_the_last_page(self) -> None:
        """As far back as there are any; a minute without a trade has none."""
        self.patch(client, "BARS", 2)
        start = int(now().timestamp()) // 60 * 60 - 600
        opened = [start + 60 * minute for minute in (0, 1, 3, 4, 7)]
        bars = [Bar(each, D(2), D(4), D(1), D(3), D(5)) for each in opened]
        self.sandbox.venue.histories[CONTRACT].load(bars)
        await self.exchange.connect()
        found = await self.exchange.getOHLCVHistory(CONTRACT, "minute", now() - timedelta(hours=1), now())
        self.assertEqual([each * 1_000_000 for each in opened], sorted(found))
        first = found[start * 1_000_000]
        self.assertEqual((D(2), D(4), D(1), D(3)), (first["open"], first["high"], first["low"], first["close"]))

    async def test_withdrawal_that_came_to_nothing(self) -> None:
        """It is told again when it is cancelled, with the posting that gives the money back."""
        await self.exchange.connect()
        began = now() - timedelta(hours=1)
        reference = await self.exchange.requestWithdrawal("BTC", D("0.5"), self.sandbox.address)

        async def states() -> list[tuple[Any, ...]]:
            shapes = await self.exchange.getTransactionHistory(began, now())
            of_it = [shape for shape in shapes if shape["reference"] == reference]
            return [(shape["type"], shape["state"], shape["quantity"], shape["fee"]) for shape in of_it]

        self.assertEqual([("Withdrawal", "pending", D("0.4999"), D("0.0001"))], await states())
        self.sandbox.venue.funding.cancel(1)
        expected = [("Withdrawal", "cancelled", D("0.4999"), D("0.0001")), ("Transfer", "done", D("0.5"), D(0))]
        self.assertEqual(expected, await states())
