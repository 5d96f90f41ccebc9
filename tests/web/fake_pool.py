"""A pool that trades nothing: rich data to show, and a record of what it was told."""

from collections.abc import Callable, Mapping
from decimal import Decimal as D
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from market.inputs import InputStatus
from model.book import Book, Level
from model.decision import Actions, Decision, Optimum, Quote, Rounded, Term, Trade, Transfer, Verdict, Worth
from model.limits import Limits
from model.order import Order, Side
from model.position import Position
from model.records import FillRecord, Obligation, ParameterChange, Task, TransitRecord
from model.settings import Cost, Edge, Settings
from model.snapshot import Snapshot, VenueView
from model.transfer import Transaction
from trader.interface import BadParameters, IPool, NotNow, PoolView, VenueStatus, Vital
from trader.supposing import NO_BALANCES

NOW = 1_795_269_600_000_000
_SECOND = 1_000_000

SETTINGS = Settings(
    source="USD",
    target="HUF",
    btc="BTC",
    ideal_source_cash=D(120000),
    ideal_source_btc=D("2.5"),
    ideal_target_cash=D(45000000),
    ideal_target_btc=D("2.5"),
    deviation_penalty=D("0.001"),
    risk_aversion=D("0.00003"),
    fiat_exchange_cost=Cost(D(150), D("0.005")),
    source_fee=Cost(D(0), D("0.0026")),
    target_fee=Cost(D(0), D("0.001")),
    btc_fee=D("0.0001"),
    variance_btc=D("1500000"),
    variance_fiat=D("0.000000002"),
    quote_size=D("0.25"),
    edge_to_enter=Edge(D("0.004"), True),
    edge_to_leave=Edge(D("0.002"), True),
    max_exposure=D(1),
)


def source_book() -> Book:
    """Around 61,250 USD."""
    bids = tuple(Level(D("61248.10") - D("1.7") * n, D("0.4") + D("0.21") * n) for n in range(20))
    asks = tuple(Level(D("61251.90") + D("1.9") * n, D("0.3") + D("0.17") * n) for n in range(20))
    return Book("BTC/USD", bids, asks, NOW - 2 * _SECOND // 10)


def target_book() -> Book:
    """Around 22.1 million HUF, our quotes best."""
    bids = tuple(Level(D(22031000) - 9000 * n, D("0.25") if not n else D("0.11") * n) for n in range(12))
    asks = tuple(Level(D(22216000) + 8500 * n, D("0.25") if not n else D("0.13") * n) for n in range(12))
    return Book("BTC/HUF", bids, asks, NOW - 4 * _SECOND // 10)


def orders() -> dict[str, Order]:
    """Our two quotes on the target, the ask partly filled."""
    bid = Order("8812", "BTC/HUF", Side.BUY, D(22031000), D("0.25"), D("0.25"), False, NOW - 9 * _SECOND, "ilp-q-17")
    ask = Order("8813", "BTC/HUF", Side.SELL, D(22216000), D("0.25"), D("0.2134"), False, NOW - 4 * _SECOND, "ilp-q-18")
    return {order.id: order for order in (bid, ask)}


def worth(value: str) -> Worth:
    """A set of balances worth ``value``."""
    return Worth(D(value), D(value) + 560, D("231.17"), D("328.83"), D("118211.40"), D("2.41"), D(44112000), D("2.58"))


def decision(gain: str = "184.22") -> Decision:
    """Quotes both sides, a hedge and a transfer."""
    why = (Term("spread over the source", D("91.20")), Term("fees of both venues", D("-52.75")), Term("risk", D("3.05")))
    quotes = (
        Quote(Side.SELL, D(22216000), D("0.25"), D(22127490), D(22171745), D(22216000), why=why),
        Quote(Side.BUY, D(22031000), D("0.25"), D(22119500), D(22031000), D(22075250), why=why[:2]),
    )
    actions = Actions(D("-0.31"), D("0"), D("0.0366"), D(0))
    best = worth(str(D("488020.10") + D(gain)))
    return Decision(
        Verdict.ACT,
        "",
        NOW - _SECOND,
        D("38.4"),
        worth("488020.10"),
        Optimum(best, actions, best.value + D("0.004"), D("22031412.7"), D("22215988.2"), D("22119500.3"), D("22127490.1")),
        Rounded(worth("488204.30"), actions, D(22031000), D(22216000)),
        quotes,
        Trade(Side.BUY, D("0.0366"), D("61320.50"), (Term("less risk", D("12.10")), Term("fee", D("-5.83")))),
        (Transfer("target", "source", "BTC", D("0.31"), (Term("less deviation", D("42.00")), Term("network fee", D("-6.13")))),),
        fair=D("22123850"),
    )


def snapshot() -> Snapshot:
    """What :func:`decision` was made of."""
    source = VenueView(source_book(), _balances("USD", "118211.40", "2.41"))
    target = VenueView(target_book(), _balances("HUF", "44112000", "2.58"), orders())
    return Snapshot(NOW, source, target, fiat_book())


def fiat_book() -> Book:
    """HUF in USD."""
    return Book("HUF/USD", (Level(D("0.0027681"), D(10000000)),), (Level(D("0.0027689"), D(10000000)),), NOW - 3600 * _SECOND)


def _balances(cash: str, amount: str, coins: str) -> dict[str, Position]:
    return {cash: Position(cash, D(amount), D(amount) - 1000), "BTC": Position("BTC", D(coins), D(coins))}


def fills() -> tuple[FillRecord, ...]:
    """Customers on the target, each followed by a hedge."""
    found = []
    for n in range(7):
        at, size = NOW - (37 * n + 5) * _SECOND, D("0.0366") + D("0.01") * n
        side = Side.SELL if n % 2 == 0 else Side.BUY
        price = D(22216000) - 1500 * n
        hedge_price = D("61251.90") + n
        fee = {"USD": (size * hedge_price * D("0.0026")).quantize(D("0.0001"))}
        found.append(
            FillRecord("source", f"S{n}", f"o{n}", f"h{n}", "BTC/USD", side.opposite, hedge_price, size, fee, at + _SECOND)
        )
        huf = {"HUF": (size * price / 1000).quantize(D(1))}
        found.append(FillRecord("target", f"T{n}", f"t{n}", f"q{n}", "BTC/HUF", side, price, size, huf, at))
    return tuple(found)


TASK = Task(
    "w-1",
    "withdraw",
    "Send 4,000,000 HUF from bitmagyar to kraken by hand",
    {"amount": "4000000 HUF", "from": "bitmagyar", "to_account": "HU42 1177 3016 1111 1018 0000 0000", "note": "pool ilp w-1"},
    NOW - 700 * _SECOND,
)
APPROVAL = Task(
    "a-2",
    "approve",
    "Approve: send 0.31 BTC, target to source",
    {"amount": "0.31 BTC", "address": "bc1qpool"},
    NOW - 90 * _SECOND,
)
CLOSED = Task(
    "w-0", "withdraw", "Send 1,200 USD out", {"amount": "1200 USD"}, NOW - 90000 * _SECOND, NOW - 80000 * _SECOND, "ann", "done"
)


def view(**changes: Any) -> PoolView:
    """Everything there is to show, TRADING, with ``changes``."""
    source = VenueStatus("source", "kraken", True, source_book(), _balances("USD", "118211.40", "2.41"), {}, transactions())
    target = VenueStatus("target", "bitmagyar", True, target_book(), _balances("HUF", "44112000", "2.58"), orders())
    transits = (
        TransitRecord(
            "m-3", "target", "source", "BTC", D("0.12"), "travelling", NOW - 1500 * _SECOND, NOW, "bc1qpool", "9f2c", NOW
        ),
        TransitRecord("w-1", "target", "source", "HUF", D(4000000), "manual", NOW - 700 * _SECOND, NOW),
    )
    inputs = tuple(
        InputStatus(name, D(age), D(limit))
        for name, age, limit in (
            ("source book", "0.2", "10"),
            ("target book", "0.4", "10"),
            ("fiat rate", "3600", "345600"),
            ("source balances", "4.1", "120"),
            ("target balances", "61", "120"),
        )
    )
    owed = Obligation("ob-9", D("0.0366"), D("0.01"), D("61320.5"), "max_exposure", "open", 1, NOW - 2 * _SECOND, NOW)
    base = PoolView(
        timestamp=NOW,
        state="TRADING",
        reason="Quoting both sides.",
        is_sandbox=True,
        source=source,
        target=target,
        fiat_name="ecb",
        fiat_book=fiat_book(),
        settings=SETTINGS,
        limits=Limits(max_order_value=D(25000)),
        inputs=inputs,
        decision=decision(),
        snapshot=snapshot(),
        quote_reasons={"BUY": "", "SELL": ""},
        exposure=D("-0.0366"),
        transits=transits,
        tasks=(APPROVAL, TASK, CLOSED),
        obligations=(owed,),
        fills=fills(),
        changes=(ParameterChange(NOW - 5000 * _SECOND, "ann", {"trader.quote_size": ("0.2", "0.25")}),),
        result_today=D("193.13"),
        vitals=(
            Vital("sputnik orders", "118 of 120 a minute left"),
            Vital("Ledger commit", "4.1 ms"),
            Vital("Disk free", "0.3 GB", "little is left; a full disk stops the pool"),
        ),
        profit=(Term("spread earned", D("312.40")), Term("fees", D("-101.22")), Term("price moves", D("-18.05"))),
    )
    return attrs.evolve(base, **changes)


def transactions() -> tuple[Transaction, ...]:
    """A deposit and a fee."""
    return (
        Transaction("L2", "BTC", "Deposit", True, D("0.5"), D(0), "confirmed", "bc1qpool", "77aa", "done", NOW - 8000 * _SECOND),
        Transaction("L1", "USD", "Withdrawal", False, D(1200), D(5), "=cmd()", None, None, "pending", NOW - 9000 * _SECOND),
    )


@attrs.frozen
class FakeParameter:
    """A parameter of the tests."""

    name: str
    unit: str
    help: str
    read: Callable[[Settings], str]
    default: str | None = None

    @property
    def label(self) -> str:
        """The key in words."""
        return self.name.partition(".")[2].replace("_", " ")

    def value_of(self, settings: Settings) -> str:
        """As the config spells it."""
        return self.read(settings)


PARAMETERS = (
    FakeParameter("valuation.risk_aversion", "1/USD", "How afraid of volatility.", lambda s: f"{s.risk_aversion:f}"),
    FakeParameter("valuation.deviation_penalty", "", "How much a deviation costs.", lambda s: f"{s.deviation_penalty:f}"),
    FakeParameter("trader.quote_size", "BTC", "The size of each quote.", lambda s: f"{s.quote_size:f}"),
    FakeParameter("trader.edge_to_enter", "USD per BTC, or %", "What a new quote must earn.", lambda s: "0.4%"),
    FakeParameter("trader.edge_to_leave", "USD per BTC, or %", "What a live quote must still earn.", lambda s: "0.2%"),
    FakeParameter("data.source_fee", "USD, share", "Fixed and variable cost of a trade.", lambda s: "[0, 0.0026]"),
    FakeParameter("data.btc_fee", "BTC", "The network's fee.", lambda s: f"{s.btc_fee:f}"),
    FakeParameter("target_balance_source.USD", "USD", "The ideal balance.", lambda s: f"{s.ideal_source_cash:f}"),
    FakeParameter("target_balance_target.HUF", "HUF", "The ideal balance.", lambda s: f"{s.ideal_target_cash:f}"),
)


@implementer(IPool)
class FakePool:
    """Remembers what it was told in ``told``; ``shown`` is what it shows; ``pending`` makes STOP wait until a test fires it."""

    def __init__(self, **changes: Any) -> None:
        self.shown = view(**changes)
        self.told: list[tuple[object, ...]] = []
        self.listeners: list[Callable[[], None]] = []
        self.stopping: Deferred[None] | None = None

    def view(self) -> PoolView:
        return self.shown

    def show(self, **changes: Any) -> None:
        """Change what there is to show, and say so."""
        self.shown = attrs.evolve(self.shown, **changes)
        for listener in self.listeners:
            listener()

    def start(self, who: str) -> "Deferred[None]":
        self.told.append(("start", who))
        if self.shown.state not in ("READY", "TRADING"):
            return fail(NotNow(f"the pool is {self.shown.state}; it can be started when READY"))
        self.show(state="TRADING", reason="Quoting both sides.")
        return succeed(None)

    def stop(self, who: str) -> "Deferred[None]":
        self.told.append(("stop", who))
        if self.stopping is not None:
            return self.stopping.addCallback(lambda _: self.told.append(("stopped", who)))
        self.show(state="READY", reason="Stopped.")
        return succeed(None)

    def _problems(self, changes: Mapping[str, str]) -> dict[str, str]:
        problems = {}
        for name, text in changes.items():
            if name == "trader.quote_size":
                try:
                    is_good = D(text).is_finite() and 0 < D(text) <= 10
                except ArithmeticError:
                    is_good = False
                if not is_good:
                    problems[name] = f"expected a number of BTC above 0 and at most 10, got {text!r}"
        return problems

    def update(self, changes: Mapping[str, str], who: str) -> "Deferred[None]":
        problems = self._problems(changes)
        if problems:
            return fail(BadParameters(problems))
        self.told.append(("update", dict(changes), who))
        if "trader.quote_size" in changes:
            self.show(settings=self.shown.settings.replace(quote_size=D(changes["trader.quote_size"])))
        return succeed(None)

    def cancel_all(self, who: str) -> "Deferred[None]":
        self.told.append(("cancel_all", who))
        return succeed(None)

    def what_if(self, changes: Mapping[str, str], balances: Mapping[str, D] = NO_BALANCES) -> "Deferred[Decision]":
        problems = self._problems(changes)
        if problems:
            return fail(BadParameters(problems))
        self.told.append(("what_if", dict(changes), dict(balances)))
        return succeed(decision("201.50") if changes or balances else decision())

    def close_task(self, id: str, who: str, outcome: str, fields: Mapping[str, str]) -> "Deferred[None]":
        task = next(task for task in self.shown.tasks if task.id == id)
        if task.closed is not None:
            return fail(NotNow("that task is closed already"))
        if outcome == "done" and not fields.get("reference"):
            return fail(BadParameters({"reference": "needed, so that the arrival can be matched"}))
        self.told.append(("close_task", id, who, outcome, dict(fields)))
        closed = attrs.evolve(task, closed=NOW, closed_by=who, outcome=outcome)
        self.show(tasks=tuple(closed if each.id == id else each for each in self.shown.tasks))
        return succeed(None)

    def accept_differences(self, who: str) -> "Deferred[None]":
        if self.shown.state != "HALTED":
            return fail(NotNow(f"there is nothing to accept: the pool is {self.shown.state}"))
        self.told.append(("accept", who))
        self.show(differences={}, state="READY")
        return succeed(None)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)
