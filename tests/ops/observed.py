"""A pool on the sandbox as :mod:`tests.hazards.world` has it, and measured as the process measures it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import attrs
from prometheus_client import generate_latest
from twisted.internet import reactor as process_reactor
from twisted.trial.unittest import SkipTest

from ledger.sql import SqlLedger
from runtime import metrics, wiring
from runtime.heartbeat import Heartbeat
from runtime.secrets import Secret
from tests.hazards.world import HazardCase
from tests.ops.scraping import PROMTOOL, Scrape, is_firing, is_quiet, scrape_of
from trader.meters import Meters

reactor: Any = process_reactor

#: The alerts that a test has been written for.
SHOWN: set[str] = set()

C = TypeVar("C", bound="ObservedCase")


def shows(*alerts: str) -> Callable[[Callable[[C], Awaitable[None]]], Callable[[C], Awaitable[None]]]:
    """The test causes what these alerts are about: none of all fires before it, and each of these does after it."""
    SHOWN.update(alerts)

    def around(cause: Callable[[C], Awaitable[None]]) -> Callable[[C], Awaitable[None]]:
        async def test(self: C) -> None:
            if PROMTOOL is None:
                raise SkipTest("there is no promtool: apt-get install prometheus")
            await cause(self)
            self.scrape()
            self.assertTrue(is_quiet(self.scrapes[0]), "an alert fires though all is well")
            for alert in alerts:
                self.assertTrue(is_firing(alert, self.scrapes), f"{alert} does not fire")

        test.__name__, test.__doc__ = cause.__name__, cause.__doc__
        return test

    return around


class ObservedCase(HazardCase):
    """``scrapes``: the first when the pool trades and all is well, the last when the test has done its worst."""

    is_started = False

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.scrapes: list[Scrape] = []
        await self.run_pool()
        await self.trade()
        self.scrape()

    async def run_pool(self) -> None:
        meters = Meters()
        exchanges = wiring.clients(self.config, self.surroundings, self.endpoints, self.sandbox.credentials)
        book_keeper = SqlLedger(self.config.ledger_url, reactor, meters.committed)
        await book_keeper.open()
        # Port 9 is discard's, where nobody listens: whatever is told comes to nothing.
        config = attrs.evolve(self.config, notices=attrs.evolve(self.config.notices, url=Secret("http://127.0.0.1:9/")))
        self.notifier = wiring.notifier(config, self.surroundings)
        self.addCleanup(self.notifier.close)
        self.heartbeat_file = Path(self.config.ledger_url.removeprefix("sqlite:///")).parent / "beat" / "heart"
        self.heartbeat = Heartbeat(self.heartbeat_file, reactor)
        self.addCleanup(self.heartbeat.close)
        self.heartbeat.start()
        history = wiring.history(self.config, self.surroundings)
        assert history is not None
        history.open()
        self.addCleanup(history.close)
        tell = self.notifier.notify
        self.pool = wiring.pool(self.config, exchanges, book_keeper, self.surroundings, tell, history, meters)
        self.registry = metrics.observe(self.pool, self.notifier, self.heartbeat)
        self.addCleanup(self.pool.close)
        self.addCleanup(self.come_to_rest)
        self.pool.open()

    async def come_to_rest(self) -> None:
        """End as an operator would, so that what was open is closed in the ledger before it is."""
        self.faults.clear()
        await self.pool.stop("a test")
        await self.until(lambda: not self.pool.parts.hedges.is_busy, "no hedge is open")
        await self.until(
            lambda: not any(task.kind == "hedge" for task in self.pool.parts.tasks.open.values()), "none is asked for"
        )
        await self.pause(0.2)

    def scrape(self) -> None:
        """Ask for the numbers, as Prometheus would."""
        self.scrapes.append(scrape_of(generate_latest(self.registry).decode()))
