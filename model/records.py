"""What the ledger remembers, as frozen values: intents, obligations, transits, tasks, decisions, parameter changes.

Times are integer microseconds UTC, amounts ``Decimal`` in the unit of the ticker named beside them.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

from attrs import field, frozen

from model.order import Side
from model.transfer import Destination, Place

Purpose = Literal["quote", "hedge"]


class IntentState(Enum):
    """Where an order stands, as far as we can prove.

    INTENDED: on disk, perhaps not sent. UNKNOWN: sent, no answer proves anything yet. OPEN: the venue has it.
    REFUSED: the venue has done nothing. CLOSED: filled or cancelled, and all its fills are booked.
    """

    INTENDED = "intended"
    UNKNOWN = "unknown"
    OPEN = "open"
    REFUSED = "refused"
    CLOSED = "closed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more can come of it (a late fill is still booked)."""
        return self in (IntentState.REFUSED, IntentState.CLOSED)


@frozen
class OrderIntent:
    """An order that we mean to place: written before it is sent. ``id`` is ours (the client id), unique for ever."""

    id: str
    place: Place
    contract: str
    side: Side
    price: Decimal
    quantity: Decimal
    purpose: Purpose
    created: int
    level: int = 0
    obligation_id: str | None = None
    decision_id: str | None = None


@frozen
class IntentRecord:
    """An intent and what became of it. ``filled`` is the sum of its booked fills, in base."""

    intent: OrderIntent
    state: IntentState
    order_id: str | None = None
    detail: str = ""
    updated: int = 0
    filled: Decimal = Decimal(0)


@frozen
class FillRecord:
    """A booked fill: ``id`` unique per ``place``; ``fees`` by ticker, positive = paid."""

    place: Place
    id: str
    order_id: str
    intent_id: str | None
    contract: str
    side: Side
    price: Decimal
    quantity: Decimal
    fees: Mapping[str, Decimal]
    timestamp: int


ObligationState = Literal["open", "done", "escalated", "released"]


@frozen
class Obligation:
    """BTC that must still be traded at the source: ``quantity`` signed (positive = buy), ``done`` of it is traded.

    ``reason`` says who asked: the decision, ``max_exposure`` or ``immediate``. ``limit`` is the price that justified it.
    """

    id: str
    quantity: Decimal
    done: Decimal
    limit: Decimal
    reason: str
    state: ObligationState
    attempts: int
    created: int
    updated: int

    @property
    def left(self) -> Decimal:
        """What is still to be traded, signed."""
        return self.quantity - self.done


#: intended: on disk, perhaps not sent. unknown: sent, not proven. requested: the venue has agreed, the balance has not moved.
#: travelling: it has left. arrived, cancelled: over. manual: a person does it (see the task of the same id).
TransitState = Literal["intended", "unknown", "requested", "travelling", "arrived", "cancelled", "manual"]


@frozen
class TransitRecord:
    """One transfer between venues or out; ``quantity`` leaves ``origin``, ``arrived`` has been credited at ``to``.

    ``address`` is where it goes, ``reference`` the venue's or network's own id, ``expected`` the latest time of arrival.
    ``fee`` is what the venue it left took besides.
    """

    id: str
    origin: Place
    to: Destination
    ticker: str
    quantity: Decimal
    state: TransitState
    created: int
    updated: int
    address: str | None = None
    reference: str | None = None
    expected: int | None = None
    arrived: Decimal | None = None
    fee: Decimal = Decimal(0)
    detail: str = ""
    departure_id: str | None = None
    arrival_id: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to come."""
        return self.state in ("arrived", "cancelled")


@frozen
class Task:
    """Work for a person; ``details`` has all that is needed to do it. ``kind``: e.g. withdraw, deposit, approve, look."""

    id: str
    kind: str
    title: str
    details: Mapping[str, str]
    created: int
    closed: int | None = None
    closed_by: str | None = None
    outcome: str | None = None


@frozen
class DecisionRecord:
    """A decision with the snapshot and settings that led to it, as JSON-ready values, so that it can be replayed.

    ``guards``: what has narrowed it after the optimiser (:class:`trader.guards.Guards`); None: written before they were kept.
    """

    id: str
    timestamp: int
    verdict: str
    reason: str
    snapshot: Mapping[str, Any]
    settings: Mapping[str, Any]
    decision: Mapping[str, Any]
    guards: Mapping[str, Any] | None = None


@frozen
class ParameterChange:
    """Who changed what, when: ``changes`` maps ``section.key`` to (old text, new text)."""

    timestamp: int
    who: str
    changes: Mapping[str, tuple[str, str]] = field(factory=dict)


@frozen
class Sample:
    """How the pool stood at ``timestamp``: what charts and statements are drawn from. What was not known is None.

    ``source_mid`` and ``value`` in source currency, ``rate`` source currency per unit of the target's; ``target_mid``,
    ``fair``, ``bid`` and ``ask`` (our best live quotes) in target currency; ``exposure`` and coins in BTC.
    ``profit``: each part of the pool's result since its first sample, in source currency. Times in microseconds:
    ``decision_us`` the last decision took, ``lag_us`` the reactor was late at most, ``commit_us`` the ledger needed.
    """

    timestamp: int
    state: str
    source_mid: Decimal | None = None
    rate: Decimal | None = None
    target_mid: Decimal | None = None
    fair: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    source_cash: Decimal | None = None
    source_btc: Decimal | None = None
    target_cash: Decimal | None = None
    target_btc: Decimal | None = None
    exposure: Decimal | None = None
    value: Decimal | None = None
    profit: Mapping[str, Decimal] = field(factory=dict)
    decision_us: int | None = None
    lag_us: int | None = None
    commit_us: int | None = None
