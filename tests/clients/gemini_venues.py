"""A sandbox Gemini on a free port of this machine, and clients of it."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from clients.gemini import Gemini
from clients.surroundings import Surroundings
from model.order import Side
from sandbox.faults import Faults
from sandbox.gemini_front import GeminiFront
from sandbox.gemini_keys import Key
from sandbox.network import Routes, World
from sandbox.rates import Rates
from sandbox.venue import Venue
from tests.sandbox.worlds import gemini_rules

CONTRACT, SYMBOL = "BTC/USD", "btcusd"
KEY, SECRET = "account-key", "a sandbox secret that guards nothing at all"


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class SandboxGemini:
    """``pool`` and ``maker`` have 100,000 USD and 10 BTC each; maker's book is 49,980 and 49,990 to 50,000 and 50,010."""

    def __init__(self) -> None:
        self.venue = Venue("gemini", gemini_rules(), now)
        elsewhere = Venue("elsewhere", gemini_rules(), now)
        self.clock = Clock()
        self.world = World([self.venue, elsewhere], self.clock, Rates({"USD": Decimal(1)}, Random(1)), Routes())
        for venue in (self.venue, elsewhere):
            for user in ("pool", "maker"):
                venue.accounts.open(user)
                self.world.fund(venue.name, user, "USD", Decimal(100_000))
                self.world.fund(venue.name, user, "BTC", Decimal(10))
        for side, price in ((Side.SELL, 50_000), (Side.SELL, 50_010), (Side.BUY, 49_990), (Side.BUY, 49_980)):
            self.trade(side, Decimal("0.5"), Decimal(price))
        self.address = elsewhere.funding.current_address("pool", "BTC")
        self.faults = Faults()
        keys = [Key(KEY, SECRET, "pool"), Key("account-timed", SECRET, "pool", is_time_based=True)]
        keys.append(Key("account-auditor", SECRET, "pool", frozenset({"Auditor"})))
        keys.append(Key("account-trader", SECRET, "pool", frozenset({"Trader"})))
        keys.append(Key("account-fund-manager", SECRET, "pool", frozenset({"FundManager"})))
        self.front = GeminiFront(self.venue, self.world, keys, self.faults, reactor)
        self.port = 0

    async def open(self) -> None:
        """Listen."""
        self.port = await self.front.listen(self.port)

    def trade(self, side: Side, quantity: Decimal, price: Decimal, user: str = "maker") -> None:
        """Somebody places an order."""
        self.venue.place(user, CONTRACT, side, quantity, price)

    def client(self, *, clock: Any = now, **options: Any) -> Gemini:
        """A client that is not connected yet; ``clock`` is its wall clock."""
        surroundings = Surroundings(reactor, clock, Random(1))
        key = {"id": KEY, "secret": SECRET, "endpoint": f"http://127.0.0.1:{self.port}"} | options
        return Gemini(**key, surroundings=surroundings)


class GeminiCase(TestCase):
    """A client of a sandbox Gemini, and all that it tells."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = SandboxGemini()
        await self.sandbox.open()
        self.addCleanup(self.sandbox.front.stop)
        self.exchange = self.sandbox.client(options={"audit": "1"})
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
        return self.exchange.placeOrder(CONTRACT, Decimal("0.1"), Decimal(price), "BUY", client_id="ilp-7", **options)

    async def failure(self, deferred: "Deferred[Any]", *kinds: type[Exception]) -> Any:
        """The error, of one of ``kinds``, with which it fails."""
        try:
            result = await deferred
        except kinds as error:
            return error
        return self.fail(f"did not fail: {result!r}")

    def best_bids(self) -> list[Decimal]:
        return [level["price"] for level in self.told["book"][-1]["bids"]][:2]
