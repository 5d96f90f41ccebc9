"""What the pages show, worked out from one PoolView: pure functions and frozen values, no request and no HTML."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from attrs import frozen

from ledger.pnl import Pnl
from market.inputs import InputStatus
from model.book import Book, Level
from model.decision import Actions, Decision, Quote, Worth
from model.money import ZERO
from model.order import Order, Side
from model.records import FillRecord, Task, TransitRecord
from model.settings import Settings
from trader.interface import PoolView, VenueStatus
from trader.profit import PARTS

#: Levels of a book that the trader page shows a side, and that the book page does.
_LADDER, _DEPTH = 5, 20


@frozen
class LadderRow:
    """A price level of a book; ``ours`` is how much of ``quantity`` is our own; ``sum`` adds up from the best."""

    side: str
    price: Decimal
    quantity: Decimal
    ours: Decimal
    sum: Decimal
    from_fair: Decimal | None = None


@frozen
class SideStatus:
    """One side of our quotes: what is wanted, what is live, and why if it is not."""

    side: str
    wanted: tuple[Quote, ...]
    live: tuple[Order, ...]
    reason: str

    @property
    def best(self) -> Quote | None:
        """The wanted quote nearest to the market."""
        return self.wanted[0] if self.wanted else None


@frozen
class BalanceRow:
    """One balance beside its ideal. Shares are of twice and a half the ideal, the width of the drawn band."""

    place: str
    ticker: str
    held: Decimal | None
    available: Decimal | None
    coming: Decimal
    leaving: Decimal
    ideal: Decimal | None

    @property
    def after(self) -> Decimal | None:
        """What it will be once all that is on the move has arrived."""
        return None if self.held is None else self.held + self.coming - self.leaving

    @property
    def level(self) -> Decimal | None:
        """``after`` in hundredths of the band, which ends at 2.5 times the ideal; None where there is no ideal."""
        if self.after is None or not self.ideal:
            return None
        return min(Decimal(100), max(ZERO, self.after / self.ideal * 40))

    @property
    def verdict(self) -> str:
        """In the words of the penalty's own bands (0.25, 0.75, 1.25 and 5 times the ideal)."""
        if self.after is None or not self.ideal:
            return ""
        ratio = self.after / self.ideal
        bands = ((Decimal("0.25"), "very low"), (Decimal("0.75"), "low"), (Decimal("1.25"), "in its band"), (Decimal(5), "high"))
        return next((word for edge, word in bands if ratio < edge), "very high")


@frozen
class Line:
    """One line of a comparison: the same thing in each column, in ``unit``."""

    label: str
    unit: str
    places: int
    values: tuple[Decimal | None, ...]
    is_total: bool = False

    @property
    def gain(self) -> Decimal | None:
        """Last column less first."""
        first, last = self.values[0], self.values[-1]
        return None if first is None or last is None else last - first


@frozen
class Alarm:
    """Something a person should look at; ``link`` leads to where. What is not urgent waits without harm."""

    text: str
    link: str = ""
    is_urgent: bool = True


def ladder(book: Book | None, orders: Iterable[Order], fair: Decimal | None, depth: int = _LADDER) -> tuple[list[LadderRow], ...]:
    """The best levels of each side, (asks, bids), best first."""
    if book is None:
        return [], []
    ours: dict[tuple[str, Decimal], Decimal] = {}
    for order in orders:
        if order.is_open:
            key = (order.side.value, order.price)
            ours[key] = ours.get(key, ZERO) + order.quantity_left
    return _rows("SELL", book.asks[:depth], ours, fair), _rows("BUY", book.bids[:depth], ours, fair)


def _rows(side: str, levels: Iterable[Level], ours: dict[tuple[str, Decimal], Decimal], fair: Decimal | None) -> list[LadderRow]:
    rows, total = [], ZERO
    for level in levels:
        total += level.quantity
        away = level.price / fair - 1 if fair else None
        rows.append(LadderRow(side, level.price, level.quantity, ours.get((side, level.price), ZERO), total, away))
    return rows


def depth_of(venue: VenueStatus) -> tuple[list[LadderRow], ...]:
    """A venue's book, as deep as the book page shows."""
    return ladder(venue.book, venue.orders.values(), None, _DEPTH)


def sides(view: PoolView) -> list[SideStatus]:
    """Both sides of our quotes on the target, the ask first, as in a book."""
    wanted = view.decision.quotes if view.decision else ()
    live = [order for order in view.target.orders.values() if order.is_open]
    return [
        SideStatus(
            side.value,
            tuple(quote for quote in wanted if quote.side is side),
            tuple(sorted((o for o in live if o.side is side), key=lambda o: -side.sign * o.price)),
            view.quote_reasons.get(side.value, ""),
        )
        for side in (Side.SELL, Side.BUY)
    ]


def balances(view: PoolView) -> list[BalanceRow]:
    """The four balances of the pool, then whatever else the venues hold for us."""
    s = view.settings
    ideals = {
        ("source", s.source): s.ideal_source_cash,
        ("source", s.btc): s.ideal_source_btc,
        ("target", s.target): s.ideal_target_cash,
        ("target", s.btc): s.ideal_target_btc,
    }
    others = [(v.place, ticker) for v in (view.source, view.target) for ticker in v.balances if (v.place, ticker) not in ideals]
    return [_balance(view, place, ticker, ideals.get((place, ticker))) for place, ticker in (*ideals, *others)]


def _balance(view: PoolView, place: str, ticker: str, ideal: Decimal | None) -> BalanceRow:
    venue = view.source if place == "source" else view.target
    held = venue.balances.get(ticker)
    moves = [t for t in view.transits if t.ticker == ticker and not t.is_over]
    coming = sum((t.quantity - (t.arrived or ZERO) for t in moves if t.to == place), ZERO)
    # Once it travels the venue has taken it off the balance already.
    leaving = sum((t.quantity for t in moves if t.origin == place and t.state != "travelling"), ZERO)
    return BalanceRow(place, ticker, held.position if held else None, held.available if held else None, coming, leaving, ideal)


def worth_lines(decision: Decision, settings: Settings) -> list[Line]:
    """Base, optimised and rounded, side by side."""
    worths = (
        decision.base,
        decision.optimized.worth if decision.optimized else None,
        decision.rounded.worth if decision.rounded else None,
    )
    rows = (
        ("Cash value", settings.source, 2, "cash_value_in_source"),
        ("less market risk", settings.source, 2, "market_risk_in_source"),
        ("less deviation penalty", settings.source, 2, "deviation_penalty"),
        ("Value", settings.source, 2, "value"),
        ("Source cash", settings.source, 2, "source_source_balance"),
        ("Source coins", settings.btc, 8, "source_btc_balance"),
        ("Target cash", settings.target, 2, "target_target_balance"),
        ("Target coins", settings.btc, 8, "target_btc_balance"),
    )
    return [
        Line(label, unit, places, tuple(_get(worth, name) for worth in worths), name == "value")
        for label, unit, places, name in rows
    ]


def action_lines(decision: Decision, settings: Settings) -> list[Line]:
    """The four actions as the optimum has them and as they would really be sent."""
    actions = (
        decision.optimized.actions if decision.optimized else None,
        decision.rounded.actions if decision.rounded else None,
    )
    rows = (
        ("Coins source to target", settings.btc, 8, "btc_source_target"),
        ("Cash source to target", settings.source, 2, "fiat_source_target"),
        ("Trade at the source (buy +)", settings.btc, 8, "trade_source_qty"),
        ("Cash out of the system", settings.source, 2, "transfer_source_out"),
    )
    return [Line(label, unit, places, tuple(_get(a, name) for a in actions)) for label, unit, places, name in rows]


def what_if_lines(running: Decision | None, tried: Decision, settings: Settings) -> list[Line]:
    """What the parameters tried would change against the running ones."""
    pair = (running, tried)
    optima = [decision.optimized if decision else None for decision in pair]
    money, coins, target = settings.source, settings.btc, f"{settings.target} per {settings.btc}"
    lines = [Line("Value", money, 2, tuple(_get(o.worth if o else None, "value") for o in optima), True)]
    for side, label in ((Side.BUY, "Bid"), (Side.SELL, "Ask")):
        best = [next((q for q in decision.quotes if q.side is side), None) if decision else None for decision in pair]
        lines.append(Line(label, target, 2, tuple(_get(quote, "price") for quote in best)))
        lines.append(Line(f"{label} size", coins, 8, tuple(_get(quote, "quantity") for quote in best)))
    names = (
        ("Coins source to target", coins, 8, "btc_source_target"),
        ("Cash source to target", money, 2, "fiat_source_target"),
        ("Trade at the source", coins, 8, "trade_source_qty"),
        ("Cash out", money, 2, "transfer_source_out"),
    )
    for label, unit, places, name in names:
        lines.append(Line(label, unit, places, tuple(_get(o.actions if o else None, name) for o in optima)))
    return lines


#: What the state of a transfer means, for whoever has to wait for it.
TRANSIT_WORDS = {
    "intended": "On our books; whether the venue has been asked is being found out.",
    "unknown": "The venue was asked and its answer is not known; it is being looked up, and is not asked again.",
    "requested": "The venue has agreed; the amount has not left its balance yet.",
    "travelling": "It has left, and has not arrived.",
    "manual": "A person has to do it: see its task.",
    "arrived": "It has arrived.",
    "cancelled": "It was not done.",
}


def place_name(view: PoolView, place: str) -> str:
    """A place in words: the venue there, or the outside."""
    names = {"source": view.source.name, "target": view.target.name, "out": "outside"}
    return names[place]


def age(view: PoolView, since: int) -> Decimal:
    """Seconds from ``since`` (microseconds) until what is shown."""
    return Decimal(max(0, view.timestamp - since)) / 1_000_000


def average_price(fills: Sequence[FillRecord]) -> Decimal | None:
    """What was paid per coin over all of ``fills``; None without any."""
    coins = sum((fill.quantity for fill in fills), ZERO)
    return sum((fill.price * fill.quantity for fill in fills), ZERO) / coins if coins else None


def pnl_lines(pnl: Pnl) -> list[tuple[str, Decimal]]:
    """The parts of a result, in the console's words."""
    return [(name, getattr(pnl, part)) for part, name in PARTS.items()]


def _get(thing: Worth | Actions | Quote | None, name: str) -> Decimal | None:
    return None if thing is None else getattr(thing, name)


def stale(view: PoolView) -> list[InputStatus]:
    """The inputs with a problem."""
    return [status for status in view.inputs if status.problem]


def open_tasks(view: PoolView) -> list[Task]:
    """What waits for a person."""
    return [task for task in view.tasks if task.closed is None]


def task_of(view: PoolView, id: str) -> Task | None:
    """One task, open or closed."""
    return next((task for task in view.tasks if task.id == id), None)


def transit_of(view: PoolView, id: str) -> TransitRecord | None:
    """The transfer that a task of the same id is about."""
    return next((transit for transit in view.transits if transit.id == id), None)


def alarms(view: PoolView) -> list[Alarm]:
    """What a person should look at, the worst first; shown on every page."""
    found = []
    if view.state == "HALTED":
        found.append(Alarm(f"HALTED: {view.reason or 'a person must look'}", "/differences"))
    if view.differences:
        what = ", ".join(f"{name} {amount:+f}" for name, amount in view.differences.items())
        found.append(Alarm(f"The books differ from a venue: {what}", "/differences"))
    for venue in (view.source, view.target):
        if not venue.is_connected:
            found.append(Alarm(f"Not connected to the {venue.place}, {venue.name}", "/health"))
    found += [Alarm(f"{status.name}: {status.problem}", "/health") for status in stale(view)]
    found += [Alarm(f"{vital.name}: {vital.problem}", "/health") for vital in view.vitals if vital.problem]
    waiting = len(open_tasks(view))
    if waiting:
        found.append(Alarm(f"{waiting} {'task waits' if waiting == 1 else 'tasks wait'} for a person", "/tasks", is_urgent=False))
    escalated = [owed for owed in view.obligations if owed.state == "escalated"]
    found += [Alarm(f"A hedge of {owed.left:+f} has failed {owed.attempts} times", "/orders") for owed in escalated]
    return found
