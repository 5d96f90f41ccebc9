"""The ledger's contract. Double entry: every amount is at a venue, in transit, outside, or spent as a named fee.

Accounts: ``venue:source``, ``venue:target``; ``transit`` (left one place, not arrived); ``trade`` (the other side of our
fills: what a currency was exchanged for); ``fee:trading``, ``fee:network``, ``fee:bank``; ``outside`` (the operator's own
deposits and withdrawals, opening balances, what was sent out); ``difference`` (accepted by a person). The postings of an
entry sum to zero per ticker, so the sum over all accounts per ticker is always zero.

Every method returns a Deferred that fires after the data is on disk (group-committed off the reactor thread, in the order
of the calls). A method that records the same id again changes nothing and says so: repeats are safe everywhere.
"""

from collections.abc import Mapping
from decimal import Decimal

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ledger.movement import Movement
from model.order import Fill
from model.records import (
    DecisionRecord,
    FillRecord,
    IntentRecord,
    IntentState,
    Obligation,
    OrderIntent,
    ParameterChange,
    Sample,
    Task,
    TransitRecord,
)
from model.transfer import Place, Transaction


class LedgerError(Exception):
    """The ledger cannot remember: disk full, database gone, or an entry that does not balance. Nothing was recorded."""


class LedgerTooNew(LedgerError):
    """A newer program wrote this ledger; this one must not touch it."""


class LedgerInUse(LedgerError):
    """A pool uses this ledger; there can be no other at the same time."""


class ILedger(Interface):
    """What must survive a crash."""

    def open() -> "Deferred[None]":
        """Open and, where an older program wrote it, upgrade. Fails with LedgerTooNew or LedgerError."""

    def close() -> "Deferred[None]":
        """Write what is queued and close. A repeat is safe."""

    def intend(intent: OrderIntent) -> "Deferred[None]":
        """Remember an order before it is sent (state INTENDED)."""

    def answer(intent_id: str, state: IntentState, order_id: str | None, detail: str, timestamp: int) -> "Deferred[None]":
        """Remember what became of an intent; ``order_id`` None leaves a known one in place. Fills of that order which were
        booked before anybody knew whose it is are the intent's from then on."""

    def intents(only_open: bool, limit: int) -> "Deferred[list[IntentRecord]]":
        """Newest first; ``only_open``: those whose state is not final."""

    def book_fill(place: Place, fill: Fill, intent_id: str | None) -> "Deferred[bool]":
        """Book a fill and its fees at once; False if this (place, fill.id) is booked already."""

    def fills(since: int, limit: int) -> "Deferred[list[FillRecord]]":
        """Newest first, from ``since`` (microseconds)."""

    def book_transaction(
        place: Place, transaction: Transaction, counter: str, transit: TransitRecord | None, fee_account: str = "fee:network"
    ) -> "Deferred[bool]":
        """Book a deposit, withdrawal or other posting against account ``counter``, its fee against ``fee_account``
        (``fee:network`` for coins, ``fee:bank`` for cash), and store ``transit`` in the same commit. False if this
        (place, transaction.id) is booked already (then ``transit`` is not stored). Only what is ``done`` can be booked.

        A departure (debit against ``transit``) must move what ``transit`` says, or it fails with LedgerError. A credit
        against ``transit`` that ends it (``arrived``, ``cancelled``) settles it: what of ``transit.quantity`` has not arrived
        (``arrived``, or without it this quantity) goes from ``transit`` to ``fee_account``. Where another ticker arrives
        than has left (a bank converted), all that had left goes from ``transit`` to ``trade``, and what arrives comes
        from ``trade``.
        """

    def book_adjustment(
        id: str, account: str, ticker: str, amount: Decimal, counter: str, note: str, timestamp: int
    ) -> "Deferred[bool]":
        """Book ``amount`` (signed) to ``account`` against ``counter``: opening balances, lost fees, accepted differences."""

    def balances() -> "Deferred[Mapping[str, Mapping[str, Decimal]]]":
        """Account -> ticker -> balance, exact."""

    def movements(since: int, until: int) -> "Deferred[list[Movement]]":
        """Every entry that happened from ``since`` until before ``until`` (microseconds), oldest first, with its postings:
        what :func:`ledger.pnl.attribute` takes."""

    def unbalanced() -> "Deferred[list[str]]":
        """Conservation: one sentence for each ticker whose accounts do not sum to zero. Empty is good. Cheap: the pool asks
        at each start and all the time."""

    def check() -> "Deferred[list[str]]":
        """The same of every posting there is, counted anew, and one sentence for each balance that is kept wrongly."""

    def save_obligation(obligation: Obligation) -> "Deferred[None]":
        """Insert or replace by id."""

    def obligations(only_open: bool, limit: int) -> "Deferred[list[Obligation]]":
        """Newest first; open ones are those in state ``open`` or ``escalated``."""

    def save_transit(transit: TransitRecord) -> "Deferred[None]":
        """Insert or replace by id."""

    def transits(only_open: bool, limit: int) -> "Deferred[list[TransitRecord]]":
        """Newest first."""

    def save_task(task: Task) -> "Deferred[None]":
        """Insert or replace by id."""

    def tasks(only_open: bool, limit: int) -> "Deferred[list[Task]]":
        """Newest first; open ones have not been closed."""

    def save_decision(record: DecisionRecord) -> "Deferred[None]":
        """Remember a decision."""

    def decisions(since: int, limit: int) -> "Deferred[list[DecisionRecord]]":
        """Newest first."""

    def decision(id: str) -> "Deferred[DecisionRecord | None]":
        """One decision, or None."""

    def cutoff(most_bytes: int) -> "Deferred[int]":
        """Before which time (microseconds) decisions must go for the rest to fill about ``most_bytes``; 0: none must."""

    def forget(before: int, decisions_before: int, at_most: int) -> "Deferred[int]":
        """Delete ``at_most`` decisions from before ``decisions_before``, and as many orders from before ``before`` that are over
        and never traded, the oldest first; how many were deleted. Safe to repeat, until it is 0."""

    def save_parameters(change: ParameterChange) -> "Deferred[None]":
        """Remember who changed what."""

    def parameters(limit: int) -> "Deferred[list[ParameterChange]]":
        """Newest first."""

    def save_sample(sample: Sample, keep_from: int) -> "Deferred[None]":
        """Remember how things stood, and forget samples from before ``keep_from`` (microseconds)."""

    def last_sample(before: int) -> "Deferred[Sample | None]":
        """The newest sample from before ``before`` (microseconds), if any."""

    def save_cursor(name: str, value: int) -> "Deferred[None]":
        """Remember how far a history has been read (microseconds)."""

    def cursors() -> "Deferred[Mapping[str, int]]":
        """All cursors."""
