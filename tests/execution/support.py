"""A venue and a ledger in memory, with answers that a test scripts: for what a real socket cannot be made to do on time."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from clients.interface import ExchangeClient
from execution.books import Books
from execution.desk import OrderDesk
from ledger.interface import LedgerError
from model.instrument import Instrument
from model.order import Fill, Side
from model.records import IntentRecord, IntentState, OrderIntent, Purpose
from model.shapes import FillShape, OrderShape
from model.transfer import Place, Transaction

D = Decimal


class ScriptedVenue(ExchangeClient):
    """Keeps what it is asked in ``calls``; each placing and cancelling waits for the test to answer it."""

    capabilities = frozenset({"client_id"})

    def __init__(self, name: str = "venue") -> None:
        super().__init__(name)
        self.instruments = {"BTC/HUF": Instrument("BTC/HUF", D(1), D("0.01")), "BTC/USD": Instrument("BTC/USD", D("0.1"))}
        self.calls: list[tuple[Any, ...]] = []
        self.placing: list[Deferred[str]] = []
        self.cancelling: list[Deferred[bool]] = []
        self.amending: list[Deferred[None]] = []
        self.open_orders: dict[str, OrderShape] = {}
        self.trades: list[FillShape] = []
        self.transactions: list[Any] = []
        self.withdrawals: list[Any] = []
        self.silence: Exception | None = None

    def placeOrder(self, *order: Any, **options: Any) -> "Deferred[str]":
        self.calls.append(("place", *order))
        self.placing.append(Deferred())
        return self.placing[-1]

    def cancelOrder(self, id: str) -> "Deferred[bool]":
        self.calls.append(("cancel", id))
        self.cancelling.append(Deferred())
        return self.cancelling[-1]

    def amendOrder(self, id: str, quantity: Decimal, price: Decimal) -> "Deferred[None]":
        self.calls.append(("amend", id, quantity, price))
        self.amending.append(Deferred())
        return self.amending[-1]

    def getOpenOrders(self) -> "Deferred[Mapping[str, OrderShape]]":
        return fail(self.silence) if self.silence else succeed(dict(self.open_orders))

    def getTradeHistory(self, *_times: Any) -> "Deferred[list[FillShape]]":
        return fail(self.silence) if self.silence else succeed(list(self.trades))

    def getTransactionHistory(self, *_times: Any) -> "Deferred[list[Any]]":
        return succeed(list(self.transactions))

    def getInstruments(self) -> "Deferred[Mapping[str, Instrument]]":
        return succeed(self.instruments)

    def getCurrentAddress(self, ticker: str) -> "Deferred[str]":
        return succeed(f"{self.name}-{ticker}-address")

    def requestWithdrawal(self, *request: Any) -> "Deferred[str | None]":
        self.calls.append(("withdraw", *request))
        waiting: Deferred[str | None] = Deferred()
        self.withdrawals.append(waiting)
        return waiting

    # What a test makes happen.

    def tell_order(self, id: str, left: str, is_cancelled: bool = False, client_id: str | None = None, **more: Any) -> None:
        """Send an ``order`` event."""
        self.emit("order", self, order_shape(id, left, is_cancelled, client_id, **more))

    def tell_fill(self, id: str, order_id: str, quantity: str, **more: Any) -> FillShape:
        """Send a ``trade`` event, and keep it in the history."""
        shape = fill_shape(id, order_id, quantity, **more)
        self.trades.append(shape)
        self.emit("trade", self, shape)
        return shape


def order_shape(id: str, left: str, is_cancelled: bool = False, client_id: str | None = None, **more: Any) -> OrderShape:
    """An order of 0.10 BTC at 60,000, unless told otherwise."""
    shape: dict[str, Any] = {
        "id": id,
        "contract": "BTC/HUF",
        "side": "BUY",
        "price": D(60000),
        "quantity": D("0.10"),
        "quantity_left": D(left),
        "is_cancelled": is_cancelled,
        "timestamp": 10_000_000,
        "client_id": client_id,
        **more,
    }
    return shape  # type: ignore[return-value]


def fill_shape(id: str, order_id: str, quantity: str, **more: Any) -> FillShape:
    """A fill at 60,000 with a fee of 1 HUF, unless told otherwise."""
    shape: dict[str, Any] = {
        "id": id,
        "order_id": order_id,
        "client_id": None,
        "contract": "BTC/HUF",
        "side": "BUY",
        "price": D(60000),
        "quantity": D(quantity),
        "fees": {"HUF": D(1)},
        "timestamp": 11_000_000,
        **more,
    }
    return shape  # type: ignore[return-value]


class MemoryLedger:
    """What the tests of execution need of :class:`ledger.interface.ILedger`; ``failing`` makes every write fail."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Any]] = []
        self.intents_by_id: dict[str, IntentRecord] = {}
        self.fills_by_id: dict[tuple[str, str], Fill] = {}
        self.intents_of_fills: dict[str, str | None] = {}
        self.transactions_by_id: dict[tuple[str, str], Transaction] = {}
        self.saved: dict[str, dict[str, Any]] = {"obligation": {}, "transit": {}, "task": {}, "cursor": {}}
        self.failing = False

    def _write(self, what: str, value: Any, result: Any = None) -> "Deferred[Any]":
        if self.failing:
            return fail(LedgerError("disk full"))
        self.written.append((what, value))
        return succeed(result)

    def intend(self, intent: OrderIntent) -> "Deferred[None]":
        self.intents_by_id[intent.id] = IntentRecord(intent, IntentState.INTENDED)
        return self._write("intend", intent.id)

    def answer(self, intent_id: str, state: IntentState, order_id: str | None, detail: str, _now: int) -> "Deferred[None]":
        self.intents_by_id[intent_id] = IntentRecord(self.intents_by_id[intent_id].intent, state, order_id, detail)
        return self._write("answer", (intent_id, state))

    def book_fill(self, place: Place, fill: Fill, intent_id: str | None) -> "Deferred[bool]":
        is_new = (place, fill.id) not in self.fills_by_id
        self.intents_of_fills.setdefault(fill.id, intent_id)
        if not self.failing:
            self.fills_by_id.setdefault((place, fill.id), fill)
        return self._write("fill", fill.id, is_new)

    def book_transaction(
        self, place: Place, transaction: Transaction, counter: str, transit: Any, fee_account: str
    ) -> "Deferred[bool]":
        is_new = (place, transaction.id) not in self.transactions_by_id
        self.transactions_by_id.setdefault((place, transaction.id), transaction)
        if is_new and transit is not None:
            self.saved["transit"][transit.id] = transit
        return self._write("transaction", (transaction.id, counter, fee_account), is_new)

    def book_adjustment(self, *entry: Any) -> "Deferred[bool]":
        return self._write("adjustment", entry, True)

    def balances(self) -> "Deferred[Mapping[str, Mapping[str, Decimal]]]":
        return succeed({})

    def cursors(self) -> "Deferred[Mapping[str, int]]":
        return succeed(dict(self.saved["cursor"]))

    def save_cursor(self, name: str, value: int) -> "Deferred[None]":
        self.saved["cursor"][name] = value
        return self._write("cursor", name)

    def _save(self, kind: str, record: Any) -> "Deferred[None]":
        if not self.failing:
            self.saved[kind][record.id] = record
        return self._write(kind, record)

    def save_obligation(self, record: Any) -> "Deferred[None]":
        return self._save("obligation", record)

    def save_transit(self, record: Any) -> "Deferred[None]":
        return self._save("transit", record)

    def save_task(self, record: Any) -> "Deferred[None]":
        return self._save("task", record)

    def transits(self, only_open: bool, _limit: int) -> "Deferred[list[Any]]":
        return succeed([t for t in self.saved["transit"].values() if not (only_open and t.is_over)])

    def tasks(self, only_open: bool, _limit: int) -> "Deferred[list[Any]]":
        return succeed([t for t in self.saved["task"].values() if not (only_open and t.closed is not None)])


class Surroundings:
    """A desk on a scripted venue, with time that the test moves."""

    def __init__(self, place: Place = "target") -> None:
        self.clock = Clock()
        self.clock.advance(10)
        self.venue = ScriptedVenue()
        self.ledger = MemoryLedger()
        self.books = Books(self.ledger)  # type: ignore[arg-type]
        self.desk = OrderDesk(place, self.venue, self.books, self.ledger, self.clock, self.now)  # type: ignore[arg-type]
        self.ledger_errors: list[LedgerError] = []
        self.desk.ledger_failed = self.ledger_errors.append

    def now(self) -> int:
        return int(self.clock.seconds() * 1_000_000)

    def intent(
        self, id: str = "ilp-1", side: Side = Side.BUY, price: str = "60000", quantity: str = "0.10", purpose: Purpose = "quote"
    ) -> OrderIntent:
        return OrderIntent(id, self.desk.place, "BTC/HUF", side, D(price), D(quantity), purpose, self.now())
