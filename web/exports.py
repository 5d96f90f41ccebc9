"""Tables as CSV, for a spreadsheet or a tax adviser: every digit, times as ISO 8601 UTC."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs

from model.money import plain
from trader.interface import PoolView

_TIMES = frozenset({"timestamp", "created", "updated", "expected", "closed"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _orders(view: PoolView) -> Iterable[Any]:
    return [*view.source.orders.values(), *view.target.orders.values()]


def _transactions(view: PoolView) -> Iterable[Any]:
    return [*view.source.transactions, *view.target.transactions]


#: What can be exported, by name.
EXPORTS: Mapping[str, Callable[[PoolView], Iterable[Any]]] = {
    "orders": _orders,
    "fills": lambda view: view.fills,
    "transits": lambda view: view.transits,
    "tasks": lambda view: view.tasks,
    "transactions": _transactions,
}


def as_csv(rows: Iterable[Any]) -> str:
    """Frozen values of one class as CSV with a header line; empty text for no rows."""
    table = list(rows)
    if not table:
        return ""
    names = [field.name for field in attrs.fields(type(table[0]))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_cell(name, getattr(row, name)) for name in names] for row in table)
    return out.getvalue()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if name in _TIMES:
        return datetime.fromtimestamp(value / 1_000_000, UTC).isoformat()
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {_cell('', item)}" for key, item in value.items())
    text = value.value if isinstance(value, Enum) else str(value)
    # A venue's or stranger's text must not become a formula in the reader's spreadsheet.
    return f"'{text}" if text.startswith(_FORMULA) else text
