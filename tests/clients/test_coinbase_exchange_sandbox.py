"""The Coinbase Exchange client against the sandbox's, over real sockets: the contract, and what goes wrong."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar

from clients.coinbase_exchange import account, book, streams
from clients.errors import Reason, Refused, Retryable
from model.order import Side
from sandbox.candles import Bar
from sandbox.faults import Kind
from tests.clients import sandbox_venue, trouble
from tests.clients.coinbase_exchange_venues import CONTRACT, PASSPHRASE, UNKNOWN_ORDER, SandboxCoinbaseExchange
from tests.clients.sandbox_venue import now

D = Decimal


class CoinbaseExchangeKeepsTheContract(sandbox_venue.SandboxContract):
    """Every test of the contract."""

    sandbox = SandboxCoinbaseExchange
    unknown_order = UNKNOWN_ORDER
    # As the pool does, the contract is named: executions are told by contract only.
    options: ClassVar[Mapping[str, Any]] = {"options": {"contracts": CONTRACT, "passphrase": PASSPHRASE}}


class CoinbaseExchangeInTrouble(trouble.InTrouble):
    """What the pool relies on when things go wrong."""

    sandbox_class = SandboxCoinbaseExchange
    new_order, balances, listing = "POST /orders", "GET /accounts", "GET /products"
    book, own = "level2", "user"
    unavailable, unstreamed = "503", "400 BTC-USD is not a valid product"

    def wrong_keys(self) -> list[dict[str, Any]]:
        return [*super().wrong_keys(), {"options": {"passphrase": "wrong"}}]

    async def test_clock_that_is_wrong(self) -> None:
        """A machine whose clock is a minute off signs with the venue's time, also when it goes wrong later."""
        shift = [timedelta(seconds=-60)]
        lost = self.make_client(clock=lambda: now() + shift[0])
        self.addCleanup(lost.disconnect)
        await lost.connect()
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])
        shift[0] = timedelta(seconds=90)
        await self.failure(lost.getPositions(), Retryable)
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])

    async def test_words_of_the_venue(self) -> None:
        """A refusal carries venue, call, status and the venue's own words."""
        await self.exchange.connect()
        error = await self.failure(self.exchange.placeOrder(CONTRACT, D(100), D(49_000), "BUY"), Refused)
        self.assertEqual(
            (Reason.FUNDS, "coinbase_exchange", self.new_order, "400 Insufficient funds"),
            (error.reason, error.venue, error.call, error.detail),
        )

    async def test_order_that_is_rejected(self) -> None:
        """A post-only order that would trade is answered as an order, and is refused all the same."""
        await self.exchange.connect()
        error = await self.failure(self.bid(50_000, post_only=True), Refused)
        self.assertEqual((Reason.WOULD_CROSS, "post only"), (error.reason, error.detail))

    async def test_too_many_calls(self) -> None:
        """After a 429 our own count begins from nothing, so that the next call waits; a cancel never does."""
        await self.exchange.connect()
        id = await self.bid()
        self.fault(self.balances, Kind.ERROR, text="429 Private rate limit exceeded")
        error = await self.failure(self.exchange.getPositions(), Refused)
        self.assertIs(Reason.RATE_LIMIT, error.reason)
        self.assertTrue(await self.exchange.cancelOrder(id))
        self.assertEqual(D(10), (await self.exchange.getPositions())["BTC"]["position"])

    async def test_client_id_that_is_none(self) -> None:
        """What no UUID can stand for never leaves."""
        await self.exchange.connect()
        await self.failure(self.bid(client_id="a word that is much too long"), Refused)
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    # The book

    def compare_often(self) -> None:
        """Ten times a second, and one difference will do."""
        self.patch(streams, "AUDIT", 0.1)
        self.patch(book, "MOST_DOUBTS", 1)

    async def test_lost_change_is_noticed(self) -> None:
        """The channel has no numbers: a change that never came shows when the best levels are compared with REST's."""
        self.compare_often()
        await self.following()
        self.fault("level2", Kind.GAP)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.doubted()
        self.assertEqual([D("49991.0"), D("49990.0")], self.best_bids())

    async def test_lost_removal_is_noticed(self) -> None:
        """Also a level that is gone, and without the key, where changes come in batches."""
        self.compare_often()
        self.exchange = self.make_client(id="", secret="")
        self.addCleanup(self.exchange.disconnect)
        self.exchange.on("book", lambda _, shape: self.told["book"].append(shape))
        await self.following()
        self.fault("level2", Kind.STALE)
        self.sandbox.trade(Side.SELL, D("0.5"), D("49990.0"), "pool")
        await self.doubted()
        self.assertEqual([D("49980.0")], self.best_bids())

    async def test_book_that_is_right_stays(self) -> None:
        """Comparisons of a book that changes all the time do not doubt it."""
        self.patch(streams, "AUDIT", 0.05)
        await self.following()
        for number in range(1, 12):
            self.sandbox.trade(Side.BUY, D("0.01"), D(49_990 + number / 2))
            await self.until(lambda: self.told["book"] and self.best_bids()[0] == D(49_990 + number / 2), "the change")  # noqa: B023
        self.assertTrue(self.exchange.bookAsOf(CONTRACT))
        self.assertEqual(D("49995.5"), self.best_bids()[0])

    async def test_change_told_twice(self) -> None:
        """Changes are whole levels: told twice they are the same."""
        await self.following()
        self.fault("level2", Kind.DUPLICATE)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.until(lambda: self.told["book"] and self.best_bids()[0] == D("49991.0"), "the change")
        self.assertTrue(self.exchange.bookAsOf(CONTRACT))

    async def test_lost_subscription_is_made_again(self) -> None:
        """A feed that the venue refuses at first is asked for until it stands."""
        self.fault("subscribe", Kind.ERROR, text="503 The feed is restarting")
        await self.exchange.connect()
        await self.bid()
        await self.until(lambda: self.told["order"], "the order")

    # What is ours

    async def test_orders_of_before_are_told(self) -> None:
        """What was open before we came is told when we connect: no feed would."""
        self.sandbox.venue.place(
            "pool", CONTRACT, Side.BUY, D("0.1"), D(49_000), client_id="7c8f0f3c-54b1-4b3a-9f3e-1d6f3c1a0b2d"
        )
        await self.exchange.connect()
        self.assertEqual(["7c8f0f3c-54b1-4b3a-9f3e-1d6f3c1a0b2d"], [order["client_id"] for order in self.told["order"]])

    async def test_fill_that_the_feed_has_dropped(self) -> None:
        """The end of the order shows that something was not told, and REST tells it."""
        await self.following()
        id = await self.bid(49_995)
        await self.until(lambda: self.told["order"], "the order")
        self.fault("user", Kind.GAP)
        self.sandbox.trade(Side.SELL, D("0.04"), D(49_995))
        self.assertTrue(await self.exchange.cancelOrder(id))
        await self.until(lambda: self.told["trade"], "the fill")
        await self.until(lambda: self.told["order"][-1]["is_cancelled"], "the end")
        self.assertEqual((D("0.04"), "ilp-7"), tuple(self.told["trade"][-1][name] for name in ("quantity", "client_id")))
        self.assertEqual(D("0.06"), self.told["order"][-1]["quantity_left"])

    async def test_messages_in_another_order(self) -> None:
        """A trade that is told before its order: REST tells what it belongs to."""
        await self.following()
        self.fault("user", Kind.REORDER)
        id = await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        await self.until(lambda: [order for order in self.told["order"] if not order["quantity_left"]], "the end")
        self.assertEqual({(id, False)}, {(order["id"], order["is_cancelled"]) for order in self.told["order"]})
        await self.until(lambda: self.told["trade"][-1]["client_id"] == "ilp-7", "whose fill it is")

    async def test_changes_in_another_order(self) -> None:
        """Whole levels in a wrong order make a wrong book: it is begun anew."""
        await self.following()
        self.fault("level2", Kind.REORDER)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        self.sandbox.trade(Side.BUY, D("0.2"), D("49991.0"))
        await self.doubted()
        self.assertEqual(D("0.3"), self.told["book"][-1]["bids"][0]["quantity"])

    async def test_order_that_was_partly_filled_before(self) -> None:
        """A fill of an order whose beginning we have not seen leaves what the venue says is left."""
        self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.1"), D(49_995))
        self.sandbox.trade(Side.SELL, D("0.03"), D(49_995))
        await self.exchange.connect()
        self.assertEqual([D("0.07")], [order["quantity_left"] for order in self.told["order"]])
        self.sandbox.trade(Side.SELL, D("0.05"), D(49_995))
        await self.until(lambda: self.told["order"][-1]["quantity_left"] == D("0.02"), "the second fill")

    async def test_cancel_of_what_was_cancelled_elsewhere(self) -> None:
        """The venue has forgotten an order that was cancelled without a fill: it is unknown, not filled."""
        await self.exchange.connect()
        id = await self.bid()
        self.sandbox.venue.cancel_all("pool")
        error = await self.failure(self.exchange.cancelOrder(id), Refused)
        self.assertIs(Reason.UNKNOWN_ORDER, error.reason)

    async def test_cancel_of_a_partly_filled_order(self) -> None:
        """It was cancelled; what filled before is told as a trade."""
        await self.following()
        id = await self.exchange.placeOrder(CONTRACT, D("0.6"), D(50_000), "BUY")
        self.assertTrue(await self.exchange.cancelOrder(id))
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual(D("0.5"), self.told["trade"][0]["quantity"])

    # Money

    async def test_fees(self) -> None:
        """The account's own rates, and what a trade has cost at them."""
        await self.following()
        self.assertEqual({"maker": D("0.004"), "taker": D("0.006")}, await self.exchange.getFees(CONTRACT))
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual({"USD": D(30)}, self.told["trade"][0]["fees"])
        self.assertEqual(D(94_970), (await self.exchange.getPositions())["USD"]["position"])

    async def test_bars_of_any_zone(self) -> None:
        """A time is a time, whatever zone it is written in."""
        end = now().replace(second=0, microsecond=0)
        opened = [int((end - timedelta(minutes=number)).timestamp()) for number in range(1, 6)]
        self.sandbox.venue.histories[CONTRACT].load([Bar(each, D(1), D(1), D(1), D(1), D(1), D(1)) for each in opened])
        await self.exchange.connect()
        zone = timezone(timedelta(hours=5, minutes=30))
        wanted = [(end - timedelta(minutes=5)).astimezone(zone), end.astimezone(zone)]
        bars = await self.exchange.getOHLCVHistory(CONTRACT, "minute", *wanted)
        self.assertEqual(sorted(each * 1_000_000 for each in opened), sorted(bars))

    async def test_histories_are_read_to_the_last_page(self) -> None:
        """More than a page of fills, ledger entries and transfers comes back whole, each once, oldest first."""
        self.patch(account, "PAGE", 7)
        await self.following()
        await self.small_trades(20)
        for _ in range(10):
            self.sandbox.world.fund("coinbase_exchange", "pool", "BTC", D("0.25"))
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(days=3), now())
        self.assertEqual(len(shapes), len({shape["id"] for shape in shapes}))
        # Each trade moves both currencies and has a fee: all three are told by its execution, too.
        self.assertEqual({"Trade": 60, "Deposit": 12}, Counter(shape["type"] for shape in shapes))
        moved = {ticker: self.moved(shapes, ticker) for ticker in ("BTC", "USD")}
        accounts = self.sandbox.venue.accounts
        self.assertEqual({ticker: accounts.balance("pool", ticker) for ticker in moved}, moved)

    async def test_address_of_the_config(self) -> None:
        """There is no list of addresses: the one that the config names is used, and none is made."""
        named = self.make_client(options={"passphrase": PASSPHRASE, "deposit_address_btc": "bc1qnamed"})
        self.addCleanup(named.disconnect)
        await named.connect()
        self.assertEqual("bc1qnamed", await named.getCurrentAddress("BTC"))
        self.assertEqual([], self.sandbox.venue.funding.addresses("pool", "BTC")[1:])

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
