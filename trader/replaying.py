"""A past decision again: from the snapshot, settings and guards that the ledger kept, by the very functions that made it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import attrs
from attrs import frozen

from model.money import decimal_of
from model.records import DecisionRecord
from model.settings import Cost, Edge, Settings
from model.snapshot import from_json
from trader.cycle import jsonable
from trader.guards import Guards, narrowed
from trader.worker import answer

#: What a decision says of the machine and not of the world.
_NOT_COMPARED = frozenset({"elapsed_ms"})
#: How long the solver may take again, in seconds: what was proven in time then is proven now, however slow this machine is.
_TIME_LIMIT = Decimal(60)


@frozen
class Difference:
    """One field that did not come out the same; ``field`` is its path in the decision, e.g. ``quotes.0.price``."""

    field: str
    stored: Any
    again: Any


@frozen
class Replay:
    """What became of decision ``id``: how many fields were compared, and those that differ.

    ``has_guards``: whether the ledger kept what narrowed it; without, no limit is applied again.
    """

    id: str
    timestamp: int
    verdict: str
    fields: int
    differences: tuple[Difference, ...]
    has_guards: bool

    @property
    def is_same(self) -> bool:
        """Whether it came out the same, field by field."""
        return not self.differences


def replay(record: DecisionRecord) -> Replay:
    """Decide again and compare. Pure, apart from the time it takes; safe to repeat.

    :raises ValueError: for a record that this program cannot read, naming the field.
    """
    snapshot, settings = from_json(record.snapshot), settings_of(record.settings)
    decision = answer(snapshot, settings.replace(time_limit=max(settings.time_limit, _TIME_LIMIT)))
    if record.guards is not None:
        decision = narrowed(decision, guards_of(record.guards), snapshot)
    stored, again = dict(_leaves(record.decision)), dict(_leaves(jsonable(attrs.asdict(decision))))
    names = sorted((stored.keys() | again.keys()) - _NOT_COMPARED)
    differences = tuple(
        Difference(name, stored.get(name), again.get(name)) for name in names if stored.get(name) != again.get(name)
    )
    return Replay(record.id, record.timestamp, record.verdict, len(names), differences, record.guards is not None)


def settings_of(stored: Mapping[str, Any]) -> Settings:
    """The settings that :func:`trader.cycle.jsonable` wrote. What they had not yet gets its default.

    :raises ValueError: for a field that there is not (any more), or that is no such value.
    """
    kinds = get_type_hints(Settings)
    if unknown := sorted(stored.keys() - kinds.keys()):
        raise ValueError(f"settings: this program knows no {', '.join(unknown)}")
    try:
        return Settings(**{name: _read(name, kinds[name], value) for name, value in stored.items()})
    except TypeError as missing:
        raise ValueError(f"settings: {missing}") from None


def guards_of(stored: Mapping[str, Any]) -> Guards:
    """The guards that were kept with a decision.

    :raises ValueError: naming what is missing or no amount.
    """
    try:
        held = {place: decimal_of(amount, f"guards.held.{place}") for place, amount in stored["held"].items()}
        return Guards(_limit(stored, "max_order_value"), _limit(stored, "max_position"), held, str(stored["stuck"]))
    except KeyError as missing:
        raise ValueError(f"guards: {missing.args[0]!r} is missing") from None


def _limit(stored: Mapping[str, Any], name: str) -> Decimal | None:
    return None if stored[name] is None else decimal_of(stored[name], f"guards.{name}")


def _read(name: str, kind: Any, value: Any) -> Any:
    kinds = get_args(kind) or (kind,)
    if value is None:
        return None
    if Cost in kinds:
        return Cost(decimal_of(value["fixed"], name), decimal_of(value["proportional"], name))
    if Edge in kinds:
        return Edge(decimal_of(value["value"], name), bool(value["is_share"]))
    return decimal_of(value, name) if Decimal in kinds else value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value inside ``value`` with its path; an empty list or object is one too."""
    if isinstance(value, Mapping) and value:
        items = value.items()
    elif isinstance(value, list) and value:
        items = {str(number): item for number, item in enumerate(value)}.items()
    else:
        yield path, value
        return
    for name, item in items:
        yield from _leaves(item, f"{path}.{name}" if path else str(name))
