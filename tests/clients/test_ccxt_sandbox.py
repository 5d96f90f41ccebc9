"""The ccxt adapter against the sandbox's Kraken, over real sockets: the contract, and what goes wrong."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from importlib.util import find_spec
from random import Random
from typing import Any, ClassVar

from twisted.internet import reactor

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from clients.surroundings import Surroundings
from model.order import Side
from sandbox.faults import Kind
from tests.clients import binance_venues, sandbox_venue
from tests.clients.binance_venues import SandboxBinance
from tests.clients.kraken_venues import CONTRACT, SandboxKraken
from tests.clients.sandbox_venue import SandboxVenue, now

D = Decimal
MISSING = None if find_spec("ccxt") else "ccxt is not installed"


class ThroughCcxt:
    """Makes the adapter for a sandbox's venue, in a hurry."""

    options: ClassVar[Mapping[str, str]] = {}

    def make_client(self, sandbox: SandboxVenue | None = None, **given: Any) -> Any:
        """ccxt's exchange of the same name, not connected yet."""
        import clients.ccxt

        there: SandboxVenue = sandbox or self.sandbox  # type: ignore[attr-defined]  # where the suite has it
        login = {**there.key, **given}
        place, around = f"http://127.0.0.1:{there.port}", Surroundings(reactor, now, Random(1))
        make = getattr(clients.ccxt, there.name)
        return make(login["id"], login["secret"], place, surroundings=around, options={"poll": "0.1", **self.options})


class CcxtKeepsTheContract(ThroughCcxt, sandbox_venue.SandboxContract):
    """Every test of the contract, by way of ccxt's kraken."""

    skip = MISSING
    patience = 10.0
    sandbox = SandboxKraken
    unknown_order = "OAAAAA-BBBBB-CCCCCC"
    options: ClassVar[Mapping[str, Any]] = {"withdrawal_BTC_key": "pool-1"}


class CcxtBinanceKeepsTheContract(ThroughCcxt, sandbox_venue.SandboxContract):
    """The same by way of ccxt's binance: another wire, other precision rules, an exchange that wants to know contracts."""

    skip = MISSING
    patience = 10.0
    sandbox = SandboxBinance
    unknown_order = "999999999"
    options: ClassVar[Mapping[str, Any]] = {"contracts": binance_venues.CONTRACT}


class CcxtInTrouble(ThroughCcxt, sandbox_venue.SandboxCase):
    """What the pool relies on when things go wrong, and what is not streamed."""

    skip = MISSING
    sandbox_class = SandboxKraken
    options: ClassVar[Mapping[str, Any]] = {"withdrawal_BTC_key": "pool-1"}

    async def test_wrong_key_fails_connect(self) -> None:
        """A key that the venue does not know ends connect at once, with the reason."""
        stranger = self.make_client(id="nobody")
        self.addCleanup(stranger.disconnect)
        error = await self.failure(stranger.connect(), Refused)
        self.assertIs(Reason.AUTH, error.reason)

    async def test_order_whose_answer_is_lost_is_unknown(self) -> None:
        """A broken connection after the send, and a gateway's error, prove nothing about a write."""
        await self.exchange.connect()
        for kind, text in ((Kind.DISCONNECT, ""), (Kind.ERROR, "520"), (Kind.ERROR, "EGeneral:Internal error")):
            self.sandbox.faults.add("kraken", "AddOrder", kind, count=1, text=text)
            await self.failure(self.bid(), OutcomeUnknown)
        self.assertEqual({}, await self.exchange.getOpenOrders())

    async def test_order_that_was_taken_without_an_answer_is_found_by_our_id(self) -> None:
        """It is sent once, and what looks for it finds it."""
        await self.exchange.connect()
        self.sandbox.faults.add("kraken", "AddOrder", Kind.DONE_NO_ANSWER, count=1)
        self.exchange._library.exchange.timeout = 500
        await self.failure(self.bid(), OutcomeUnknown)
        orders = await self.exchange.getOpenOrders()
        self.assertEqual(["ilp-7"], [order["client_id"] for order in orders.values()])

    async def test_read_whose_answer_is_lost_is_retryable(self) -> None:
        """The same trouble with a read has done nothing."""
        await self.exchange.connect()
        self.sandbox.faults.add("kraken", "BalanceEx", Kind.DISCONNECT, count=1)
        await self.failure(self.exchange.getPositions(), Retryable)

    async def test_venue_gone_before_the_send(self) -> None:
        """An order that never left is Retryable, and a venue that cannot be looked at is told as gone, then as back."""
        await self.exchange.connect()
        await self.exchange.getOrderBook(CONTRACT)
        await self.sandbox.front.stop()
        await self.failure(self.bid(), Retryable)
        await self.until(lambda: self.told["disconnect"], "the news")
        self.assertIsNone(self.exchange.bookAsOf(CONTRACT))
        await self.sandbox.open()
        await self.until(lambda: len(self.told["connect"]) == 2, "the second connect")

    async def test_books_and_orders_are_told_by_looking(self) -> None:
        """A book in use, and an order that trades while nobody asks, come as events."""
        await self.exchange.connect()
        await self.exchange.getOrderBook(CONTRACT)
        id = await self.bid(49_995)
        await self.until(lambda: any(b["bids"][0]["price"] == D(49_995) for b in self.told["book"]), "our bid in the book")
        self.sandbox.trade(Side.SELL, D("0.1"), D(49_995))
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual({(id, "ilp-7")}, {(fill["order_id"], fill["client_id"]) for fill in self.told["trade"]})
        await self.until(lambda: self.told["order"][-1]["quantity_left"] == 0, "the order's end")
        await self.until(lambda: not self.exchange._late_looks, "the last look")
        self.assertEqual(1, len(self.told["trade"]))

    async def test_book_is_streamed(self) -> None:
        """What changes is told at once, though nobody looks: the levels and numbers that REST has."""
        self.exchange = self.make_client_with(poll="60")
        books: list[Any] = []
        self.exchange.on("book", lambda _exchange, shape: books.append(shape))
        await self.exchange.connect()
        await self.exchange.getOrderBook(CONTRACT)
        self.sandbox.trade(Side.BUY, D("0.12345678"), D("49991.1"))
        await self.until(lambda: books and books[-1]["bids"][0]["price"] == D("49991.1"), "the bid")
        self.assertEqual(D("0.12345678"), books[-1]["bids"][0]["quantity"])
        self.assertEqual([D("49990.0"), D("49980.0")], [level["price"] for level in books[-1]["bids"]][1:])

    def make_client_with(self, **options: str) -> Any:
        """Another client, with other options."""
        self.patch(self, "options", {**self.options, **options})
        made = self.make_client()
        self.addCleanup(made.disconnect)
        return made

    async def test_stream_that_breaks_is_begun_anew(self) -> None:
        """While it is away the book is looked at, and then it is streamed again."""
        await self.exchange.connect()
        await self.exchange.getOrderBook(CONTRACT)
        await self.until(lambda: self.told["book"], "the book")
        self.sandbox.front.drop_connections()
        for price in (D("49991.1"), D("49992.1")):
            self.sandbox.trade(Side.BUY, D("0.1"), price)
            await self.until(partial(self.shows, price), f"the bid at {price}")
            self.assertIsNotNone(self.exchange.bookAsOf(CONTRACT))

    def shows(self, price: Decimal) -> bool:
        """Whether that is the best bid."""
        return self.best_bids()[0] == price

    async def test_book_that_is_not_streamed(self) -> None:
        """With ``stream = false`` the book is looked at only."""
        self.exchange = self.make_client_with(stream="false", poll="60")
        await self.exchange.connect()
        await self.exchange.getOrderBook(CONTRACT)
        self.assertEqual(set(), self.exchange._streams._followed)

    async def test_fees_are_the_accounts_own(self) -> None:
        """What a trade costs is asked of the venue."""
        await self.exchange.connect()
        fees = await self.exchange.getFees(CONTRACT)
        rules = self.sandbox.venue.rules.fees
        self.assertEqual((rules.maker, rules.taker), (fees["maker"], fees["taker"]))
