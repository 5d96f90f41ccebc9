"""Whether the ledger remembers: asked every second, as nothing may be traded that would be forgotten."""

from typing import TYPE_CHECKING

from twisted.logger import Logger

from clients.errors import ExchangeError
from ledger.interface import LedgerError
from trader.machine import READY, TRADING
from trader.parts import PLACES
from trader.reconcile import Reconciler

if TYPE_CHECKING:
    from trader.pool import Pool


class Remembering:
    """The ledger as one more input with an age and a problem (:meth:`trader.gathering.Gatherer.inputs`).

    While it cannot remember, quotes are pulled and no hedge is sent. What the venues do meanwhile is in their histories: it
    is read and booked as soon as the ledger works again, before anything is decided on.
    """

    log = Logger()

    def __init__(self, pool: "Pool", reconciler: Reconciler) -> None:
        self._pool = pool
        self._reconciler = reconciler

    def failed(self, error: LedgerError) -> None:
        """A write has failed: what it was about is not remembered."""
        gatherer, sentence = self._pool.gatherer, f"the ledger cannot remember: {error}"
        if not gatherer.ledger_problem:
            self.log.error("{sentence}", sentence=sentence)
            self._pool.parts.notify("ledger", sentence)
        gatherer.ledger_problem = sentence
        self._pool.parts.quotes.pull(sentence)
        self._pool.tell()

    async def look(self) -> None:
        """Ask it. Safe to repeat."""
        pool = self._pool
        try:
            await pool.parts.ledger.open()
            if pool.gatherer.ledger_problem and pool.state in (READY, TRADING):
                for place in PLACES:
                    await self._reconciler.catch_up(place)
        except LedgerError as error:
            self.failed(error)
            return
        except (ExchangeError, ValueError) as trouble:
            self.log.warn("the ledger works again, but a history cannot be read: {trouble}", trouble=str(trouble))
            return
        pool.gatherer.ledger_as_of = pool.parts.now()
        if pool.gatherer.ledger_problem:
            pool.gatherer.ledger_problem = ""
            self.log.info("the ledger remembers again")
            pool.parts.notify("ledger", "the ledger remembers again", "info")
            pool.cycle.overtake()
