"""All that one decision sees, frozen.

The JSON form (:func:`to_json`, :func:`from_json`) is the one that ``--dry-run --snapshot FILE`` reads: books, positions and
orders in the exchange interface's shapes, every number a string, times in microseconds.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from model.book import Book, Level
from model.instrument import Instrument
from model.money import ZERO, decimal_of, plain
from model.order import Order, Side
from model.position import Position
from model.transfer import Transit


@frozen
class VenueView:
    """One venue as the pool believes it to be.

    ``positions``: by ticker; ``position`` is what the pool will have there once its hedges in flight are done,
    ``available`` what can be spent now, what our own live quotes hold counted in (they are ours to withdraw).
    ``orders``: our own live orders, by id. ``instrument``: the steps and minimums of the contract traded there.
    """

    book: Book
    positions: Mapping[str, Position] = field(factory=dict)
    orders: Mapping[str, Order] = field(factory=dict)
    instrument: Instrument | None = None

    def rivals(self) -> Book:
        """The book less our own orders."""
        ours = [order for order in self.orders.values() if order.contract == self.book.contract]
        bids = [Level(order.price, order.quantity_left) for order in ours if order.side is Side.BUY]
        asks = [Level(order.price, order.quantity_left) for order in ours if order.side is Side.SELL]
        return self.book.without(bids, asks)


@frozen
class Snapshot:
    """Both venues, the fiat rate and what is in transit, at one moment (``timestamp``, microseconds).

    ``fiat`` is the book TARGET/SOURCE, e.g. HUF/USD: its bid is what one target unit fetches in source currency.
    ``markout`` is the measured cost of our own fills per BTC, in source currency; None while there are too few.
    """

    timestamp: int
    source: VenueView
    target: VenueView
    fiat: Book
    transits: tuple[Transit, ...] = ()
    markout: Decimal | None = None


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as JSON-ready values."""
    found: dict[str, Any] = {
        "timestamp": snapshot.timestamp,
        "source": _venue_to_json(snapshot.source),
        "target": _venue_to_json(snapshot.target),
        "fiat": {"book": _texts(snapshot.fiat.to_shape())},
        "transits": [
            {"from": t.origin, "to": t.to, "ticker": t.ticker, "quantity": plain(t.quantity)} for t in snapshot.transits
        ],
    }
    if snapshot.markout is not None:
        found["markout"] = plain(snapshot.markout)
    return found


def from_json(data: Mapping[str, Any]) -> Snapshot:
    """Read what :func:`to_json` wrote, or what a person did.

    :raises ValueError: naming the field that is missing or wrong.
    """
    try:
        return Snapshot(
            int(data["timestamp"]),
            _venue_from_json(data["source"]),
            _venue_from_json(data["target"]),
            Book.from_shape(_book(data["fiat"]["book"])),
            tuple(_transit(entry) for entry in data.get("transits", ())),
            None if data.get("markout") is None else decimal_of(data["markout"], "markout"),
        )
    except KeyError as missing:
        raise ValueError(f"snapshot: {missing.args[0]!r} is missing") from None
    except (TypeError, AttributeError) as wrong:
        raise ValueError(f"snapshot: not the documented form ({wrong})") from None


def _venue_to_json(view: VenueView) -> dict[str, Any]:
    found = {
        "book": _texts(view.book.to_shape()),
        "positions": {ticker: _texts(p.to_shape()) for ticker, p in view.positions.items()},
        "orders": {id: _texts(order.to_shape()) for id, order in view.orders.items()},
    }
    if view.instrument is not None:
        i = view.instrument
        found["instrument"] = _texts({"tick": i.tick, "lot": i.lot, "min_quantity": i.min_quantity, "min_value": i.min_value})
    return found


def _texts(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value


def _book(data: Any) -> Any:
    return {**data, "timestamp": int(data.get("timestamp", 0))}


def _venue_from_json(data: Mapping[str, Any]) -> VenueView:
    book = Book.from_shape(_book(data["book"]))
    return VenueView(
        book,
        {ticker: Position.from_shape(ticker, shape) for ticker, shape in data["positions"].items()},
        {str(id): Order.from_shape(shape) for id, shape in data.get("orders", {}).items()},
        _instrument(book.contract, data["instrument"]) if "instrument" in data else None,
    )


def _instrument(contract: str, data: Mapping[str, Any]) -> Instrument:
    names = ("tick", "lot", "min_quantity", "min_value")
    return Instrument(contract, **{name: decimal_of(data[name], name) for name in names if name in data})


def _transit(entry: Mapping[str, Any]) -> Transit:
    quantity = decimal_of(entry["quantity"], "transit quantity")
    if entry["from"] not in (None, "source", "target") or entry["to"] not in ("source", "target", "out"):
        raise ValueError(f"snapshot: a transit from {entry['from']!r} to {entry['to']!r} is none")
    if quantity < ZERO:
        raise ValueError(f"snapshot: a transit of {quantity} is none")
    return Transit(entry["from"], entry["to"], entry["ticker"], quantity)
