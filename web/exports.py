"""Whole tables as CSV, for a spreadsheet or a tax adviser, and as JSON: every digit, times as ISO 8601 UTC.

They are read from the ledger a few hundred lines at a time and written no faster than they are taken, so that a million
fills neither fill the memory nor keep the reactor from its work.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs
from attrs import frozen
from twisted.internet.defer import Deferred

from ledger.reading import FillLine, IHistory, Key, PostingLine
from model.money import plain
from model.records import FillRecord, IntentRecord, OrderIntent, Task, TransitRecord
from model.transfer import Transaction
from trader.interface import PoolView
from web.keys import key_of
from web.shapes import jsonable

#: Lines that are read and written at a time.
AT_ONCE = 200
_TIMES = frozenset({"timestamp", "created", "updated", "expected", "closed"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Lines = Callable[[Key, int], "Deferred[list[Any]]"]


@frozen
class Export:
    """One table: the classes whose fields are its columns, and where its lines come from."""

    kinds: tuple[type, ...]
    past: Callable[[IHistory], Lines] | None = None
    now: Callable[[PoolView], Iterable[Any]] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """A line's field that is a value itself stands for its own fields."""
        names = (field.name for kind in self.kinds for field in attrs.fields(kind))
        return tuple(dict.fromkeys(name for name in names if name not in ("fill", "intent")))


#: What can be exported, by name.
EXPORTS: Mapping[str, Export] = {
    "orders": Export((OrderIntent, IntentRecord), past=lambda history: history.intents),
    "fills": Export((FillRecord, FillLine), past=lambda history: history.fills),
    "transits": Export((TransitRecord,), past=lambda history: history.transits),
    "ledger": Export((PostingLine,), past=lambda history: history.postings),
    "tasks": Export((Task,), now=lambda view: view.tasks),
    "transactions": Export((Transaction,), now=lambda view: [*view.source.transactions, *view.target.transactions]),
}


async def pages_of(lines: Lines, at_once: int = AT_ONCE) -> AsyncIterator[list[Any]]:
    """All lines, some at a time."""
    key: Key = ()
    while page := await lines(key, at_once):
        yield page
        key = key_of(page[-1])


async def csv_of(export: Export, pages: AsyncIterator[list[Any]]) -> AsyncIterator[bytes]:
    """A header line, then a line each."""
    yield _csv([export.columns])
    async for page in pages:
        yield _csv([_cell(name, fields.get(name)) for name in export.columns] for fields in map(fields_of, page))


async def json_of(pages: AsyncIterator[list[Any]]) -> AsyncIterator[bytes]:
    """One array of objects, a line each; times as the API has them."""
    between = "[\n"
    async for page in pages:
        lines = ",\n".join(json.dumps(jsonable(fields_of(line)), ensure_ascii=False) for line in page)
        yield f"{between}{lines}".encode()
        between = ",\n"
    yield b"\n]\n" if between != "[\n" else b"[]\n"


async def one_page(lines: Iterable[Any]) -> AsyncIterator[list[Any]]:
    """What is in memory, as :func:`pages_of` gives what is not."""
    page = list(lines)
    if page:
        yield page


def fields_of(line: Any) -> dict[str, Any]:
    """A line's fields by name, those of a value within it (the fill of a line of fills) beside its own."""
    found: dict[str, Any] = {}
    for field in attrs.fields(type(line)):
        value = getattr(line, field.name)
        found |= fields_of(value) if attrs.has(type(value)) else {field.name: value}
    return found


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


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
