"""What is kept for people to look at: a sample of the pool every few seconds, the result by part, who changed what.

None of it is on the way of an order: it is worked out by the clock, and shown from memory.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from execution.rim import launch
from ledger.interface import LedgerError
from model.decision import Term
from model.order import Side
from model.records import ParameterChange, Sample, Task
from trader.profit import Profit
from trader.results import DAY, midnight

if TYPE_CHECKING:
    from trader.pool import Pool

#: Seconds between two looks at prices and the reactor's lag, and looks between two samples.
LOOK, LOOKS_PER_SAMPLE = 1.0, 10
#: Samples older than this are forgotten, in microseconds: a month and a day.
KEEP = 32 * DAY
#: Parameter changes that are shown.
MOST_CHANGES = 100
#: Tasks, open and closed, that are looked through for the closed ones to show.
MOST_TASKS = 100
_EVER = 2**62


class Chronicle:
    """``start`` when the pool opens, ``stop`` when it closes."""

    log = Logger()

    def __init__(self, pool: "Pool") -> None:
        self.changes: tuple[ParameterChange, ...] = ()
        #: Tasks that a person has closed, newest first, as of the last sample.
        self.closed_tasks: tuple[Task, ...] = ()
        #: Seconds that the last sample took to be on disk; None before the first one.
        self.commit: float | None = None
        #: Seconds that the reactor was late at most, in the time of the last sample.
        self.lag = 0.0
        #: Bytes of the database; None where that is not known.
        self.size: int | None = None
        self._pool = pool
        self._clock = pool.parts.reactor
        self._profit: Profit | None = None
        self._next: IDelayedCall | None = None
        self._looks = 0
        self._worst = 0.0
        self._day = 0
        self._is_writing = False

    @property
    def profit(self) -> tuple[Term, ...]:
        """Today's result by part, in source currency; empty until it is known."""
        return self._profit.today() if self._profit is not None else ()

    @property
    def totals(self) -> Mapping[str, Decimal]:
        """The result by part since the ledger's first sample, in source currency; empty until it is known."""
        return self._profit.totals if self._profit is not None else {}

    @property
    def worst_lag(self) -> float:
        """Seconds that the reactor was late at most, in the time of the last sample and since."""
        return max(self.lag, self._worst)

    def start(self) -> None:
        """Begin looking."""
        self._next = self._clock.callLater(LOOK, self._look, self._clock.seconds() + LOOK)

    def stop(self) -> None:
        """End. Safe to repeat."""
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def changed(self, change: ParameterChange) -> None:
        """Somebody has changed parameters."""
        self.changes = (change, *self.changes[: MOST_CHANGES - 1])

    def _look(self, due: float) -> None:
        now = self._clock.seconds()
        self._worst = max(self._worst, now - due)
        self._next = self._clock.callLater(LOOK, self._look, now + LOOK)
        pool = self._pool
        marks = pool.gatherer.marks(pool.settings)
        is_known = {pool.settings.source, pool.settings.btc, pool.settings.target} <= marks.keys()
        if is_known and self._profit is not None:
            self._profit.mark(pool.parts.now(), marks)
        self._looks += 1
        if is_known and self._looks >= LOOKS_PER_SAMPLE and not self._is_writing:
            self._looks = 0
            self._is_writing = True
            launch(self.log, "a sample", self._write()).addCallback(self._written)

    def _written(self, _result: object) -> None:
        self._is_writing = False

    async def _write(self) -> None:
        try:
            await self._count()
            await self._save()
        except LedgerError as trouble:
            self.log.warn("no sample: {trouble}", trouble=str(trouble))

    async def _count(self) -> None:
        """Bring the result by part up to now."""
        history, now = self._pool.parts.history, self._pool.parts.now()
        if history is None:
            return
        if self._profit is None:
            self._profit = await self._begin(now)
        self._profit.advance(await history.period(self._profit.since, _EVER))
        if midnight(now) != self._day:
            self._day = midnight(now)
            self._profit.begin_day()
        self.size = await history.size()

    async def _begin(self, now: int) -> Profit:
        """Go on from what the ledger's last sample says."""
        pool, ledger, settings = self._pool, self._pool.parts.ledger, self._pool.settings
        self.changes = tuple(await ledger.parameters(MOST_CHANGES))
        self._day = midnight(now)
        last, before = await ledger.last_sample(_EVER), await ledger.last_sample(self._day)
        if last is None or last.source_mid is None or last.rate is None:
            return Profit(now, pool.gatherer.marks(settings), {}, {})
        marks = {settings.source: Decimal(1), settings.btc: last.source_mid, settings.target: last.rate}
        return Profit(last.timestamp, marks, last.profit, before.profit if before is not None else {})

    async def _save(self) -> None:
        self.lag, self._worst = self._worst, 0.0
        began = self._clock.seconds()
        sample = self.sample()
        await self._pool.parts.ledger.save_sample(sample, sample.timestamp - KEEP)
        self.commit = self._clock.seconds() - began
        self.closed_tasks = tuple(
            task for task in await self._pool.parts.ledger.tasks(False, MOST_TASKS) if task.closed is not None
        )

    def sample(self) -> Sample:
        """How the pool stands now."""
        pool, parts, settings = self._pool, self._pool.parts, self._pool.settings
        decision, target, books = pool.cycle.decision, parts.feeds["target"].book, parts.books
        marks, live = pool.gatherer.marks(settings), pool.gatherer.orders("target")
        return Sample(
            timestamp=parts.now(),
            state=pool.state,
            source_mid=marks.get(settings.btc),
            rate=marks.get(settings.target),
            target_mid=target.mid if target is not None else None,
            fair=decision.fair if decision is not None else None,
            bid=max((order.price for order in live if order.side is Side.BUY), default=None),
            ask=min((order.price for order in live if order.side is Side.SELL), default=None),
            source_cash=books.balance("source", settings.source),
            source_btc=books.balance("source", settings.btc),
            target_cash=books.balance("target", settings.target),
            target_btc=books.balance("target", settings.btc),
            exposure=pool.gatherer.exposure(settings),
            value=decision.base.value if decision is not None and decision.base is not None else None,
            profit=dict(self._profit.totals) if self._profit is not None else {},
            decision_us=int(decision.elapsed_ms * 1000) if decision is not None else None,
            lag_us=int(self.lag * 1_000_000),
            commit_us=int(self.commit * 1_000_000) if self.commit is not None else None,
        )
