"""What the pool does by the clock, besides what it does when something happens."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from clients.errors import ExchangeError
from clients.interface import returns_deferred
from ledger.interface import LedgerError
from trader.absence import Absence
from trader.machine import READY, TRADING
from trader.parts import PLACES

if TYPE_CHECKING:
    from trader.pool import Pool

#: How often inputs are looked at, the ledger is asked whether it works, balances compared and histories read, in seconds.
WATCH, REMEMBER, COMPARE, READ = 0.5, 1.0, 15.0, 10.0


class Beats:
    """The pool's regular work. A beat that fails is logged and comes again."""

    log = Logger()

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._loops: list[LoopingCall] = []
        self._absence = Absence(pool.parts)

    def start(self) -> None:
        """Begin; nothing is done at once."""
        beats: list[tuple[Callable[[], object], float]] = [
            (self._watch, WATCH),
            (self._remember, REMEMBER),
            (self._decide, float(self._pool.settings.period)),
            (self._compare, COMPARE),
            (self._read, READ),
        ]
        for work, period in beats:
            loop = LoopingCall(work)
            loop.clock = self._pool.parts.reactor
            loop.start(period, now=False)
            self._loops.append(loop)

    def stop(self) -> None:
        """End. Safe to repeat."""
        for loop in self._loops:
            if loop.running:
                loop.stop()

    @property
    def _is_working(self) -> bool:
        return self._pool.state in (READY, TRADING)

    def _watch(self) -> None:
        pool = self._pool
        pool.markout.look(pool.source_mid())
        pool.guard()
        self._absence.look()
        problem = pool.gatherer.problem() or pool.parts.hedges.trouble
        if pool.state == TRADING and problem and not pool.parts.quotes.is_pulled:
            pool.parts.quotes.pull(problem)
            pool.tell()

    def _decide(self) -> None:
        if self._is_working:
            self._pool.cycle.request()

    @returns_deferred
    async def _remember(self) -> None:
        await self._pool.remembering.look()

    @returns_deferred
    async def _compare(self) -> None:
        pool = self._pool
        for place in PLACES if self._is_working else ():
            try:
                differences = await pool.audit.look(place, pool.settings)
            except (ExchangeError, LedgerError, ValueError) as trouble:
                self.log.warn("balances not compared: {trouble}", trouble=str(trouble))
                continue
            pool.gatherer.balances_as_of[place] = pool.parts.now()
            if differences:
                pool.differ(differences)
        await self._add_up()

    async def _add_up(self) -> None:
        try:
            problems = await self._pool.parts.ledger.unbalanced()
        except LedgerError as trouble:
            self.log.warn("not added up: {trouble}", trouble=str(trouble))
            return
        if problems:
            self._pool.halt("the books do not add up: " + "; ".join(problems))

    @returns_deferred
    async def _read(self) -> None:
        parts = self._pool.parts
        for place in PLACES if self._is_working else ():
            try:
                await parts.intake.read(place)
            except (ExchangeError, LedgerError, ValueError) as trouble:
                self.log.warn("history not read: {trouble}", trouble=str(trouble))
        try:
            await parts.transfers.remind()
        except LedgerError as trouble:
            self.log.warn("a task is not remembered: {trouble}", trouble=str(trouble))
