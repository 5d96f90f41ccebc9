"""What the simulated exchanges know, beside what the ledger remembers, to the last satoshi and cent."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen
from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger import journal, schema
from ledger.store import Store
from model.money import ZERO, plain

#: The pool's places, and the exchanges that play them.
VENUES = {"source": "kraken", "target": "sputnik"}
USER = "pool"

Face = tuple[str, ...]


@frozen
class Comparison:
    """The counts of the campaign's line, and a sentence for each thing that differs."""

    fills: int
    unhedged: int
    doubled: int
    lost: int
    orphans: int
    sentences: tuple[str, ...] = field(factory=tuple)

    @property
    def is_true(self) -> bool:
        """Whether truth and ledger are the same."""
        return not (self.unhedged or self.doubled or self.lost or self.orphans or self.sentences)


def exposure(truth: Any, ideal: Decimal) -> Decimal:
    """BTC that the pool has more than it wants, wherever it is."""
    held = sum((balances(truth, place).get("BTC", ZERO) for place in VENUES), ZERO)
    asked = sum((Decimal(truth["venues"][venue]["withdrawals"].get("BTC", 0)) for venue in VENUES.values()), ZERO)
    return held + asked + Decimal(truth["in_transit"].get("BTC", 0)) - ideal


def balances(truth: Any, place: str) -> dict[str, Decimal]:
    """What the pool has at a place."""
    account = truth["venues"][VENUES[place]]["balances"][USER]
    return {ticker: Decimal(found["balance"]) for ticker, found in account.items()}


def of_pool(truth: Any, place: str, what: str) -> list[Any]:
    """The pool's own ``orders`` or ``fills`` at a place."""
    return list(truth["trading"][VENUES[place]][what].get(USER, []))


def compare(truth: Any, url: str, opening: Mapping[str, Decimal], limit: Decimal, ideal: Decimal) -> Comparison:
    """Both sides, at a moment when nothing is under way and the pool has ended.

    :param url: of the ledger. :param opening: what the pool began with, by ticker. :param limit: of the exposure in BTC.
    """
    store = Store(url)
    try:
        connection = store.connection()
        with connection.begin():
            return _compare(truth, connection, opening, limit, ideal)
    finally:
        store.close()


def _compare(truth: Any, connection: Connection, opening: Mapping[str, Decimal], limit: Decimal, ideal: Decimal) -> Comparison:
    true, booked = _true_fills(truth), _booked_fills(connection)
    lost, doubled = true - booked, booked - true
    sentences = [f"lost: {' '.join(face)} (times {count})" for face, count in lost.items()]
    sentences += [f"doubled: {' '.join(face)} (times {count})" for face, count in doubled.items()]
    overdone = _overdone(connection)
    unhedged = _unhedged(connection, exposure(truth, ideal), limit)
    orphans = [f"orphan at {place}: {order}" for place in VENUES for order in of_pool(truth, place, "orders")]
    rest = [*_balances_differ(truth, connection), *_transfers_differ(truth, connection, opening), *journal.check(connection)]
    return Comparison(
        fills=true.total(),
        unhedged=len(unhedged),
        doubled=doubled.total() + len(overdone),
        lost=lost.total(),
        orphans=len(orphans),
        sentences=(*sentences, *overdone, *unhedged, *orphans, *rest),
    )


def _face(place: str, side: str, quantity: object, price: object, fee: object) -> Face:
    return (place, side, *(plain(Decimal(str(amount))) for amount in (quantity, price, fee)))


def _true_fills(truth: Any) -> Counter[Face]:
    return Counter(
        _face(place, fill["side"], fill["quantity"], fill["price"], fill["fee"])
        for place in VENUES
        for fill in of_pool(truth, place, "fills")
    )


def _booked_fills(connection: Connection) -> Counter[Face]:
    rows = connection.execute(select(schema.fills))
    return Counter(_face(row.place, row.side.value, row.quantity, row.price, sum(row.fees.values(), ZERO)) for row in rows)


def _overdone(connection: Connection) -> list[str]:
    """Obligations of which more has been traded than they say: the same hedge made twice."""
    traded: dict[str, Decimal] = {}
    intents, fills = schema.intents, schema.fills
    rows = connection.execute(
        select(intents.c.obligation_id, fills.c.quantity)
        .join_from(fills, intents, fills.c.intent_id == intents.c.id)
        .where(intents.c.obligation_id.is_not(None))
    )
    for id, quantity in rows:
        traded[id] = traded.get(id, ZERO) + quantity
    obligations = {row.id: abs(row.quantity) for row in connection.execute(select(schema.obligations))}
    return [
        f"doubled: obligation {id} is {obligations.get(id, ZERO)} BTC and {quantity} were traded for it"
        for id, quantity in traded.items()
        if quantity > obligations.get(id, ZERO)
    ]


def _unhedged(connection: Connection, exposed: Decimal, limit: Decimal) -> list[str]:
    table = schema.obligations
    rows = connection.execute(select(table).where(table.c.state.in_(["open", "escalated"])))
    found = [f"unhedged: obligation {row.id} is still {row.state}" for row in rows]
    if abs(exposed) > limit:
        found.append(f"unhedged: the exposure is {exposed} BTC, and the limit {limit}")
    return found


def _balances_differ(truth: Any, connection: Connection) -> list[str]:
    kept = journal.balances(connection)
    found = []
    for place in VENUES:
        ours = kept.get(f"venue:{place}", {})
        theirs = balances(truth, place)
        for ticker in sorted(ours.keys() | theirs.keys()):
            gap = ours.get(ticker, ZERO) - theirs.get(ticker, ZERO)
            if gap:
                found.append(f"the ledger has {gap:+f} {ticker} more at {place} than there is")
    return found


def _transfers_differ(truth: Any, connection: Connection, opening: Mapping[str, Decimal]) -> list[str]:
    """Each withdrawal is one transit, all have arrived, and nothing was taken for the operator's own doing."""
    found = []
    table = schema.transits
    rows = list(connection.execute(select(table)))
    for place, venue in VENUES.items():
        made = len(truth["trading"][venue]["withdrawals"])
        known = sum(1 for row in rows if row.origin == place and row.departure_id is not None)
        if made != known:
            found.append(f"{made} withdrawals were made at {place}, and {known} transits have left it")
    under_way = [row for row in rows if row.state not in ("arrived", "cancelled")]
    found += [f"transit {row.id} of {row.quantity} {row.ticker} from {row.origin} is still {row.state}" for row in under_way]
    kept = journal.balances(connection)
    found += [f"{amount} {ticker} are still in transit" for ticker, amount in kept.get("transit", {}).items() if amount]
    for ticker, amount in kept.get("outside", {}).items():
        if gap := amount + opening.get(ticker, ZERO):
            found.append(f"{gap:+f} {ticker} were booked as the operator's own")
    return [*found, *_losses_differ(truth, rows, kept.get("difference", {}))]


def _losses_differ(truth: Any, transits: list[Any], differences: Mapping[str, Decimal]) -> list[str]:
    """What never arrived is written off, as often as it happened, and nothing else was taken for a difference. Which of two
    on their way was lost nobody can tell, so the amounts of one currency count together."""
    lost = Counter(transit["ticker"] for transit in truth["transits"] if transit["is_lost"])
    written_off = [row for row in transits if row.state == "cancelled" and row.detail.startswith("written off")]
    counted = Counter(row.ticker for row in written_off)
    found = [
        f"{lost[ticker]} transits of {ticker} were lost, and {counted[ticker]} written off"
        for ticker in sorted(lost.keys() | counted.keys())
        if lost[ticker] != counted[ticker]
    ]
    for ticker, amount in differences.items():
        if gap := amount - sum((row.quantity for row in written_off if row.ticker == ticker), ZERO):
            found.append(f"{gap:+f} {ticker} were accepted as a difference")
    return found
