"""What the trader is made of: built by the wiring, handed around whole."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred

from clients.interface import IExchangeClient
from execution.books import Books
from execution.desk import OrderDesk
from execution.hedges import Hedges
from execution.intake import Intake
from execution.intents import Names
from execution.quotes import Quotes
from execution.rate_budget import RateBudget
from execution.tasks import Tasks
from execution.transfers import Transfers
from ledger.interface import ILedger
from ledger.reading import IHistory
from market.feed import VenueFeed
from model.limits import Limits
from model.notice import Notify, nobody
from model.transfer import Place
from trader.deciding import Decider
from trader.meters import Meters


@frozen
class Parts:
    """``reactor`` gives time; ``now`` is microseconds. ``variances`` finds (BTC, fiat) anew when asked.

    ``history`` reads the ledger for the result by part, and ``disk_free`` tells the bytes left for it, where they are known.
    ``feeds``, ``desks`` and ``budgets`` (of orders) by place; ``what_if`` is a decider of its own, so that a question never
    delays trading.
    """

    reactor: Any
    now: Callable[[], int]
    limits: Limits
    ledger: ILedger
    books: Books
    clients: Mapping[Place, IExchangeClient]
    feeds: Mapping[Place, VenueFeed]
    desks: Mapping[Place, OrderDesk]
    fiat: VenueFeed
    quotes: Quotes
    hedges: Hedges
    transfers: Transfers
    tasks: Tasks
    intake: Intake
    names: Names
    decider: Decider
    what_if: Decider
    variances: "Callable[[], Deferred[tuple[Decimal, Decimal]]]"
    notify: Notify = nobody
    history: IHistory | None = None
    disk_free: Callable[[], int | None] | None = None
    budgets: Mapping[Place, RateBudget] = field(factory=dict)
    meters: Meters = field(factory=Meters)


PLACES: tuple[Place, Place] = ("source", "target")
