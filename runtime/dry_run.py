"""``--dry-run``: one snapshot, one decision (the very answer the pool would get), printed; nothing is traded.

The JSON form is that of design/optimizer.md. With ``--snapshot`` no client is constructed and nothing is connected to.
"""

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import attrs
from attrs import frozen
from rich.console import Console
from rich.table import Table

from model.decision import Actions, Decision, Optimum, Rounded, Worth
from model.money import plain
from model.settings import Settings
from model.snapshot import Snapshot, from_json
from runtime.config import CannotStart, Config, ConfigError, Problem
from runtime.options import Options
from trader.worker import answer

_PRICES = ("offered_bid", "offered_ask", "indifference_bid", "indifference_ask")
#: Of the table where no terminal says how wide it is, so that no number is cut off.
_WIDTH = 130


def run(config: Config, options: Options) -> int:
    """Decide once and print; 0.

    :raises ConfigError: for an unreadable snapshot, or a variance that nothing gives.
    :raises CannotStart: where no snapshot can be had, or no decision be made on it; the reason is the optimiser's.
    """
    snapshot, settings = _from_file(options.snapshot, config) if options.snapshot else _gather(config)
    decision = answer(snapshot, settings)
    if decision.base is None:
        raise CannotStart(f"no decision can be made: {decision.reason}")
    if options.json:
        sys.stdout.write(json.dumps(as_json(decision), indent=2) + "\n")
    else:
        show(decision, settings, sys.stdout)
    return 0


def as_json(decision: Decision) -> dict[str, Any]:
    """The documented object: numbers as numbers, null where a side cannot be quoted or nothing was found."""
    return {
        "base": _flat(decision.base),
        "optimized": _flat(decision.optimized),
        "rounded": _flat(decision.rounded),
        "elapsed_ms": _json_number(decision.elapsed_ms),
    }


def show(decision: Decision, settings: Settings, stream: IO[str]) -> None:
    """A table for people: base, optimised and rounded side by side with units; in colour on a terminal only."""
    console = Console(file=stream, highlight=False, width=None if stream.isatty() else _WIDTH)
    table = Table(title=f"{decision.verdict.value}: {decision.reason}" if decision.reason else decision.verdict.value)
    table.add_column("")
    for heading in ("base", "optimised", "rounded", "change"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("unit")
    for row in _rows(decision, settings):
        table.add_row(row.label, *(_text(value) for value in (row.base, row.optimized, row.rounded)), _change(row), row.unit)
    console.print(table)
    for side, why in decision.no_quote.items():
        console.print(f"no {side} quote: {why}")
    for quote in decision.quotes:
        console.print(f"quote {quote.side.value} {plain(quote.quantity)} at {plain(quote.price)}")
    console.print(f"decided in {decision.elapsed_ms:.1f} ms; nothing was traded")


@frozen
class _Row:
    """One line of the table; None is what does not exist there."""

    label: str
    unit: str
    base: Decimal | None
    optimized: Decimal | None
    rounded: Decimal | None


def _rows(decision: Decision, settings: Settings) -> Iterator[_Row]:
    base, optimized, rounded = (_parts(part) for part in (decision.base, decision.optimized, decision.rounded))
    for name, unit in _units(settings).items():
        values = [part.get(name) for part in (base, optimized, rounded)]
        if any(value is not None for value in values):
            yield _Row(name.replace("_", " "), unit, *values)


def _units(settings: Settings) -> dict[str, str]:
    """The unit of each line, in the order of the table."""
    price = f"{settings.target}/{settings.btc}"
    worth = dict.fromkeys((field.name for field in attrs.fields(Worth)), settings.source)
    worth |= {"source_btc_balance": settings.btc, "target_btc_balance": settings.btc, "target_target_balance": settings.target}
    actions = dict.fromkeys((field.name for field in attrs.fields(Actions)), settings.source)
    actions |= {"btc_source_target": settings.btc, "trade_source_qty": settings.btc}
    return {**worth, **actions, **dict.fromkeys(_PRICES, price), "bound": settings.source}


def _parts(part: Worth | Optimum | Rounded | None) -> dict[str, Any]:
    """The fields of ``part`` and of the values inside it, on one level."""
    if part is None:
        return {}
    found: dict[str, Any] = {}
    for name, value in attrs.asdict(part, recurse=False).items():
        found |= _parts(value) if name == "worth" else attrs.asdict(value) if name == "actions" else {name: value}
    return found


def _flat(part: Worth | Optimum | Rounded | None) -> dict[str, Any] | None:
    return None if part is None else {name: _json_number(value) for name, value in _parts(part).items()}


def _json_number(value: Decimal | None) -> float | None:
    # JSON has no decimals; the shortest float that reads back the same keeps 15 digits, more than the optimiser has.
    return None if value is None else float(value)


def _text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:,.8f}".rstrip("0").rstrip(".")


def _change(row: _Row) -> str:
    if row.base is None or row.rounded is None or row.base == row.rounded:
        return ""
    change = row.rounded - row.base
    text = f"{change:+,.8f}".rstrip("0").rstrip(".")
    # Only more value is better as such; of a balance or of risk more may be either.
    return f"[{'green' if change > 0 else 'red'}]{text}" if row.label == "value" else text


def _from_file(path: Path, config: Config) -> tuple[Snapshot, Settings]:
    snapshot, settings = _read(path), config.settings()
    wanted = {
        "source": (snapshot.source.book.contract, settings.source_contract),
        "target": (snapshot.target.book.contract, settings.target_contract),
        "fiat": (snapshot.fiat.contract, settings.fiat_contract),
    }
    # An inverted rate, for one, would be taken for a price.
    problems = [
        Problem(str(path), None, "", "", f"the {place} book is of {found}; the config's contract is {contract}")
        for place, (found, contract) in wanted.items()
        if found != contract
    ]
    if problems:
        raise ConfigError(problems)
    return snapshot, settings


def _read(path: Path) -> Snapshot:
    try:
        # Numbers that a person wrote without quotes keep all their digits.
        return from_json(json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except RecursionError:
        problem = "is no snapshot: it is nested without end"
    except ValueError as error:
        problem = f"is no snapshot: {error}"
    raise ConfigError([Problem(str(path), None, "", "", problem)])


def _gather(config: Config) -> tuple[Snapshot, Settings]:
    # Imported here: it brings the clients and the reactor, which a decision on a file must not need.
    from runtime.service import gather_once

    return gather_once(config)
