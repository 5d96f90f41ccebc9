"""What the console, and whoever else steers the pool, may see and say.

The pool is in one of these states (the seed's words first): DISCONNECTED, INITIALIZING, READY, TRADING, STOPPING, and
HALTED (something does not add up; a person must look, ``reason`` says at what).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from market.inputs import InputStatus
from model.book import Book
from model.decision import Decision, Term
from model.limits import Limits
from model.order import Order
from model.position import Position
from model.records import FillRecord, Obligation, ParameterChange, Task, TransitRecord
from model.settings import Settings
from model.snapshot import Snapshot
from model.transfer import Transaction


class NotNow(Exception):
    """The pool's state does not allow it; the text says why and what would help. Nothing was changed."""


class BadParameters(Exception):
    """``problems`` maps each field (``section.key``) to what is wrong with it. Nothing was changed."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


@frozen
class Vital:
    """A sign of health for the console: ``value`` in words with its unit; ``problem`` empty when all is well."""

    name: str
    value: str
    problem: str = ""


@frozen
class VenueStatus:
    """One venue as the console shows it. ``name`` e.g. kraken; ``balances`` are those of the pool's own books.

    ``since``: when it was connected or lost, in microseconds; None if neither has happened yet.
    """

    place: str
    name: str
    is_connected: bool
    book: Book | None = None
    balances: Mapping[str, Position] = field(factory=dict)
    orders: Mapping[str, Order] = field(factory=dict)
    transactions: tuple[Transaction, ...] = ()
    since: int | None = None


@frozen
class PoolView:
    """Everything there is to show, at one moment (``timestamp``, microseconds). Newest first where there is an order.

    ``quote_reasons``: per side (BUY, SELL) why it is not quoted, empty text when it is. ``exposure``: BTC away from the
    ideal, transits and hedges in flight included. ``is_paper``: both accounts are simulated. ``changes``: who changed which
    parameters. ``profit``: today's, by part, in source currency; empty where it is not known. ``vitals``: what else tells
    how well the pool is. ``covered``: by the id of a fill of a quote, the obligation that covers it, of those since the start.
    """

    timestamp: int
    state: str
    reason: str
    is_sandbox: bool
    source: VenueStatus
    target: VenueStatus
    fiat_name: str
    fiat_book: Book | None
    settings: Settings
    limits: Limits
    inputs: tuple[InputStatus, ...] = ()
    decision: Decision | None = None
    snapshot: Snapshot | None = None
    quote_reasons: Mapping[str, str] = field(factory=dict)
    exposure: Decimal | None = None
    transits: tuple[TransitRecord, ...] = ()
    tasks: tuple[Task, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    fills: tuple[FillRecord, ...] = ()
    differences: Mapping[str, Decimal] = field(factory=dict)
    result_today: Decimal = Decimal(0)
    changes: tuple[ParameterChange, ...] = ()
    profit: tuple[Term, ...] = ()
    is_paper: bool = False
    vitals: tuple[Vital, ...] = ()
    covered: Mapping[str, str] = field(factory=dict)


class IPool(Interface):
    """The pool, from outside."""

    def view() -> PoolView:
        """Everything there is to show. Cheap, never blocks."""

    def start(who: str) -> "Deferred[None]":
        """START: READY -> TRADING. Fails with NotNow in any other state but TRADING (where it changes nothing)."""

    def stop(who: str) -> "Deferred[None]":
        """STOP: fires when READY again, own orders cancelled and confirmed. Safe in every state, safe to repeat."""

    def update(changes: Mapping[str, str], who: str) -> "Deferred[None]":
        """UPDATE: apply parameters (``section.key`` -> text as in the config file), all or none; fails with BadParameters."""

    def cancel_all(who: str) -> "Deferred[None]":
        """Pull the quotes and cancel every order of ours at both venues; fires when each is over. Safe in every state, safe to
        repeat. While TRADING the next decision quotes anew: it is STOP that keeps orders away."""

    def what_if(changes: Mapping[str, str], balances: Mapping[str, Decimal] = ...) -> "Deferred[Decision]":
        """What the last snapshot would lead to with these parameters, and ``balances`` (``source.USD`` -> amount) in the place
        of those held; nothing is applied. Fails with BadParameters, NotNow."""

    def close_task(id: str, who: str, outcome: str, fields: Mapping[str, str]) -> "Deferred[None]":
        """A person has done (``done``), approved (``approve``) or declined (``cancel``) a task; ``fields``: what they filled in.

        Fails with BadParameters, and with NotNow for a task that is not open.
        """

    def accept_differences(who: str) -> "Deferred[None]":
        """HALTED: a person has looked. Differences shown are booked as they are, a tripped guard is re-armed, and the pool
        agrees with the venues anew. Fails with NotNow in any other state."""

    def subscribe(listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` (no arguments) soon after anything to show has changed; the result unsubscribes."""
