"""What Prometheus reads off the pool when it asks: nothing is kept for it, and nothing is worked out between two questions.

Amounts are in the unit that the label ``ticker`` or ``currency`` names. What is not known has no sample, never a nought.
Prometheus knows floats only, and nothing of these comes back into the pool.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from attrs import frozen

from execution.child_order import UNKNOWN
from model.order import Side
from trader.machine import DISCONNECTED, HALTED, INITIALIZING, READY, STOPPING, TRADING
from trader.parts import PLACES
from trader.pool import Pool

STATES: Final = (DISCONNECTED, INITIALIZING, READY, TRADING, STOPPING, HALTED)


@frozen
class About:
    """What a metric means, and the names of its labels."""

    text: str
    labels: tuple[str, ...] = ()


@frozen
class Reading:
    """One sample: of which metric, its value, and the values of its labels in their order."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


#: Every gauge of the pool, without the prefix ``ilp_``.
GAUGES: Final[Mapping[str, About]] = {
    "state": About("1 for the state that the pool is in, 0 for the others", ("state",)),
    "trading_wanted": About("1 from a person's START until STOP, whatever has stopped the pool meanwhile"),
    "decision_age_seconds": About("How long ago the snapshot of the last decision was taken"),
    "quote_live": About("1 where an order of ours stands in the target's book", ("side",)),
    "quote_price": About("The best price that we offer, in target currency per BTC", ("side",)),
    "orders_open": About("Our orders that may still trade", ("place", "purpose")),
    "orders_unknown": About("Our orders of which nothing is proven yet", ("place",)),
    "exposure_btc": About("BTC away from the ideal, transits and hedges in flight included"),
    "exposure_limit_btc": About("max_exposure"),
    "hedge_left_btc": About("BTC that an open obligation has still to trade at the source, signed: positive is to buy"),
    "hedge_age_seconds": About("How long ago the open obligation was opened; 0: there is none"),
    "hedge_attempts": About("Orders that the open obligation has had"),
    "hedge_escalated": About("1 while a hedge is stuck and waits for a person"),
    "balance": About("What we hold by our own books", ("place", "venue", "ticker")),
    "balance_available": About("What of it is not reserved", ("place", "venue", "ticker")),
    "balance_ideal": About("The balance that the config calls ideal", ("place", "venue", "ticker")),
    "value": About("What everything is worth by the last decision", ("currency",)),
    "profit": About("What the pool has earned since its ledger's first sample, by part", ("part", "currency")),
    "result_today": About("What today's trades have brought at the prices of now (UTC day)", ("currency",)),
    "loss_today": About("Today's loss as the guard counts it: less what a person has accepted", ("currency",)),
    "loss_limit": About("max_loss_per_day", ("currency",)),
    "source_price": About("The middle of the source's book", ("contract",)),
    "fiat_rate": About("Source currency per unit of the target's", ("contract",)),
    "fair_price": About("What one BTC is worth on the target by the last decision", ("contract",)),
    "transits": About("Transfers that are under way", ("state",)),
    "transits_overdue": About("Transfers that should have arrived by now"),
    "tasks_open": About("Work that waits for a person", ("kind",)),
    "venue_connected": About("1 while the venue is connected", ("place", "venue")),
    "input_age_seconds": About("How old what the pool must know is", ("input",)),
    "input_limit_seconds": About("How old it may be", ("input",)),
    "input_bad": About("1 while it is too old, unsound or not known", ("input",)),
    "clock_skew_seconds": About("How far the venue's clock is ahead of ours", ("place", "venue")),
    "clock_skew_limit_seconds": About("max_clock_skew"),
    "call_budget_left_ratio": About("What is left of a budget of calls at the venue", ("place", "venue", "budget")),
    "order_budget_left": About("Orders that may be sent now", ("place",)),
    "order_budget_limit": About("max_orders_per_minute", ("place",)),
    "guard_tripped": About("1 while a guard holds the pool back", ("guard",)),
    "failed_decisions": About("Decisions in a row that came to nothing"),
    "failed_decisions_limit": About("max_failed_cycles"),
    "event_loop_lag_seconds": About("How late the event loop was at most in the last sample's time"),
    "ledger_writable": About("1 while the ledger remembers"),
    "ledger_age_seconds": About("How long ago it last proved that"),
    "ledger_size_bytes": About("How large the database is"),
    "disk_free_bytes": About("What is free where the ledger is"),
}


def readings(pool: Pool) -> Iterator[Reading]:
    """All of them, now. Cheap: no I/O but the file system's own count of what is free."""
    yield from _trading(pool)
    yield from _hedging(pool)
    yield from _money(pool)
    yield from _results(pool)
    yield from _venues(pool)
    yield from _guards(pool)
    yield from _health(pool)


def _known(name: str, value: Decimal | float | None, *labels: str) -> Iterator[Reading]:
    if value is not None:
        yield Reading(name, float(value), labels)


def _trading(pool: Pool) -> Iterator[Reading]:
    parts, decision = pool.parts, pool.cycle.decision
    for state in STATES:
        yield Reading("state", pool.state == state, (state,))
    yield Reading("trading_wanted", pool.is_wanted)
    if decision is not None:
        yield Reading("decision_age_seconds", (parts.now() - decision.timestamp) / 1_000_000)
    live = pool.gatherer.orders("target")
    for side, best in ((Side.BUY, max), (Side.SELL, min)):
        prices = [order.price for order in live if order.side is side]
        yield Reading("quote_live", bool(prices), (side.value,))
        yield from _known("quote_price", best(prices, default=None), side.value)
    for place in PLACES:
        children = parts.desks[place].children()
        yield Reading("orders_unknown", sum(child.state == UNKNOWN for child in children), (place,))
        for purpose in ("quote", "hedge"):
            yield Reading("orders_open", sum(child.intent.purpose == purpose for child in children), (place, purpose))


def _hedging(pool: Pool) -> Iterator[Reading]:
    hedges, obligation = pool.parts.hedges, pool.parts.hedges.obligation
    if pool.parts.books.is_opened("source"):
        yield Reading("exposure_btc", float(pool.gatherer.exposure(pool.settings)))
    yield from _known("exposure_limit_btc", pool.settings.max_exposure)
    yield Reading("hedge_left_btc", float(hedges.left))
    yield Reading("hedge_age_seconds", (pool.parts.now() - obligation.created) / 1_000_000 if obligation else 0)
    yield Reading("hedge_attempts", obligation.attempts if obligation else 0)
    yield Reading("hedge_escalated", bool(hedges.trouble))


def _money(pool: Pool) -> Iterator[Reading]:
    settings = pool.settings
    ideals = {
        "source": {settings.source: settings.ideal_source_cash, settings.btc: settings.ideal_source_btc},
        "target": {settings.target: settings.ideal_target_cash, settings.btc: settings.ideal_target_btc},
    }
    for place in PLACES:
        venue = pool.parts.feeds[place].name
        for ticker, position in pool.gatherer.positions(place, settings).items():
            yield Reading("balance", float(pool.parts.books.balance(place, ticker)), (place, venue, ticker))
            yield Reading("balance_available", float(position.available), (place, venue, ticker))
        for ticker, ideal in ideals[place].items():
            yield Reading("balance_ideal", float(ideal), (place, venue, ticker))
    transits = pool.parts.transfers.transits.values()
    under_way = Counter(transit.state for transit in transits if not transit.is_over)
    for state in ("intended", "unknown", "requested", "travelling", "manual"):
        yield Reading("transits", under_way[state], (state,))
    yield Reading("transits_overdue", len(pool.parts.transfers.overdue()))


def _results(pool: Pool) -> Iterator[Reading]:
    settings, decision, marks = pool.settings, pool.cycle.decision, pool.gatherer.marks(pool.settings)
    if decision is not None:
        yield from _known("value", decision.base.value if decision.base else None, settings.source)
        yield from _known("fair_price", decision.fair, settings.target_contract)
    for part, total in pool.chronicle.totals.items():
        yield Reading("profit", float(total), (part, settings.source))
    yield Reading("result_today", float(pool.results.today(marks)), (settings.source,))
    yield Reading("loss_today", float(pool.results.loss(marks)), (settings.source,))
    yield from _known("loss_limit", pool.parts.limits.max_loss_per_day, settings.source)
    yield from _known("source_price", marks.get(settings.btc), settings.source_contract)
    yield from _known("fiat_rate", marks.get(settings.target), pool.parts.fiat.contract)


def _venues(pool: Pool) -> Iterator[Reading]:
    parts = pool.parts
    for role, feed in (*parts.feeds.items(), ("fiat", parts.fiat)):
        yield Reading("venue_connected", feed.is_connected, (role, feed.name))
    for found in pool.gatherer.inputs():
        yield from _known("input_age_seconds", found.age, found.name)
        yield Reading("input_limit_seconds", float(found.limit), (found.name,))
        yield Reading("input_bad", bool(found.problem), (found.name,))
    for place in PLACES:
        skew = getattr(parts.clients[place], "clock_offset", None)  # not every venue tells its time
        yield from _known("clock_skew_seconds", skew, place, parts.feeds[place].name)
        for budget, share in getattr(parts.clients[place], "call_budgets", {}).items():  # nor do all count our calls
            yield Reading("call_budget_left_ratio", share, (place, parts.feeds[place].name, budget))
    yield Reading("clock_skew_limit_seconds", float(parts.limits.max_clock_skew))
    for place, budget in parts.budgets.items():
        yield Reading("order_budget_left", budget.left, (place,))
        yield Reading("order_budget_limit", budget.per_minute, (place,))


def _guards(pool: Pool) -> Iterator[Reading]:
    parts, settings, limits = pool.parts, pool.settings, pool.parts.limits
    loss, most = pool.results.loss(pool.gatherer.marks(settings)), limits.max_loss_per_day
    exposure = pool.gatherer.exposure(settings) if parts.books.is_opened("source") else Decimal(0)
    tripped = {
        "max_loss_per_day": most is not None and loss > most,
        "max_failed_cycles": pool.cycle.failures >= limits.max_failed_cycles,
        "max_difference": bool(pool.differences),
        "max_exposure": settings.max_exposure is not None and abs(exposure) > settings.max_exposure,
        "max_slippage": bool(parts.hedges.trouble),
        "max_orders_per_minute": not all(budget.has_one for budget in parts.budgets.values()),
        "inputs": bool(pool.gatherer.problem()),
    }
    for guard, is_tripped in tripped.items():
        yield Reading("guard_tripped", is_tripped, (guard,))
    yield Reading("failed_decisions", pool.cycle.failures)
    yield Reading("failed_decisions_limit", limits.max_failed_cycles)


def _health(pool: Pool) -> Iterator[Reading]:
    gatherer, chronicle = pool.gatherer, pool.chronicle
    yield Reading("event_loop_lag_seconds", chronicle.worst_lag)
    yield Reading("ledger_writable", not gatherer.ledger_problem)
    if gatherer.ledger_as_of is not None:
        yield Reading("ledger_age_seconds", (pool.parts.now() - gatherer.ledger_as_of) / 1_000_000)
    yield from _known("ledger_size_bytes", chronicle.size)
    if pool.parts.disk_free is not None:
        yield from _known("disk_free_bytes", pool.parts.disk_free())
    waiting = Counter(task.kind for task in pool.parts.tasks.open.values())
    for kind, count in waiting.items():
        yield Reading("tasks_open", count, (kind,))
