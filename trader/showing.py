"""The pool as one value for whoever watches."""

from typing import TYPE_CHECKING

from model.records import Task
from model.transfer import Place
from trader.interface import PoolView, VenueStatus
from trader.machine import READY, TRADING
from trader.vitals import vitals

if TYPE_CHECKING:
    from trader.pool import Pool


def show(pool: "Pool") -> PoolView:
    """Everything there is to show, now. Cheap: no I/O, no copying of books."""
    parts, cycle = pool.parts, pool.cycle
    transfers, obligation = parts.transfers, parts.hedges.obligation
    return PoolView(
        timestamp=parts.now(),
        state=pool.state,
        reason=pool.reason or (cycle.trouble if pool.state in (READY, TRADING) else ""),
        is_sandbox=pool.is_sandbox,
        is_paper=pool.is_paper,
        source=_venue(pool, "source"),
        target=_venue(pool, "target"),
        fiat_name=parts.fiat.name,
        fiat_book=parts.fiat.book,
        settings=pool.settings,
        limits=parts.limits,
        inputs=pool.gatherer.inputs(),
        decision=cycle.decision,
        snapshot=cycle.snapshot,
        quote_reasons=dict(parts.quotes.reasons),
        exposure=pool.gatherer.exposure(pool.settings) if parts.books.is_opened("source") else None,
        transits=tuple(sorted(transfers.transits.values(), key=lambda t: t.created, reverse=True)),
        tasks=(*sorted(parts.tasks.open.values(), key=lambda t: t.created, reverse=True), *_closed_tasks(pool)),
        obligations=(obligation,) if obligation else (),
        fills=tuple(reversed(pool.fills)),
        differences=dict(pool.differences),
        result_today=pool.results.today(pool.gatherer.marks(pool.settings)),
        changes=pool.chronicle.changes,
        profit=pool.chronicle.profit,
        vitals=vitals(pool),
        covered=dict(parts.hedges.covered),
    )


def _closed_tasks(pool: "Pool") -> list[Task]:
    return [task for task in pool.chronicle.closed_tasks if task.id not in pool.parts.tasks.open]


def _venue(pool: "Pool", place: Place) -> VenueStatus:
    feed = pool.parts.feeds[place]
    return VenueStatus(
        place=place,
        name=feed.name,
        is_connected=feed.is_connected,
        book=feed.book,
        balances=pool.gatherer.positions(place, pool.settings),
        orders={order.id: order for order in pool.gatherer.orders(place)},
        transactions=tuple(reversed(pool.parts.intake.recent[place])),
        since=pool.connected_since.get(feed.name),
    )
