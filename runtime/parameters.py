"""The numbers an operator may turn while the pool runs, and the table of all keys that pages and references are made from."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from model.settings import Settings
from runtime.config import edge_problems
from runtime.config_access import meant
from runtime.config_fields import AMOUNT, Kind, text_of
from runtime.config_sections import KEYED
from trader.interface import BadParameters


@frozen
class Parameter:
    """One key. ``name`` is ``section.key``; ``default`` is its text, None where it must be written.

    ``field`` is its name in :class:`Settings`; ``is_changeable``: while the pool runs.
    """

    name: str
    unit: str
    default: str | None
    help: str
    kind: Kind[Any]
    field: str
    is_changeable: bool = False

    @property
    def allowed(self) -> str:
        """What may be written, in words."""
        return self.kind.allowed


def _table() -> Iterator[Parameter]:
    for section, model in KEYED.items():
        for key, info in model.model_fields.items():
            kind, about = info.metadata
            default = None if info.is_required() else text_of(info.default)
            yield Parameter(f"{section}.{key}", about.unit, default, about.help, kind, key, about.is_changeable)


#: Every key of every section whose keys are known, in the order of the reference.
PARAMETERS: tuple[Parameter, ...] = tuple(_table())


def changeable(settings: Settings) -> dict[str, Parameter]:
    """What UPDATE takes, by ``section.key``: the changeable keys, and the ideal balances of this pool's tickers."""
    found = {parameter.name: parameter for parameter in PARAMETERS if parameter.is_changeable}
    for place, cash in (("source", settings.source), ("target", settings.target)):
        for ticker, what in ((cash, "cash"), (settings.btc, "btc")):
            name = f"target_balance_{place}.{ticker}"
            help = f"the ideal balance of {ticker} at the {place}"
            found[name] = Parameter(name, ticker, None, help, AMOUNT, f"ideal_{place}_{what}", True)
    return found


def current_texts(settings: Settings) -> dict[str, str]:
    """The changeable values as a config spells them, by ``section.key``."""
    return {name: text_of(getattr(settings, parameter.field)) for name, parameter in changeable(settings).items()}


def parse_changes(settings: Settings, changes: Mapping[str, str]) -> Settings:
    """``settings`` with ``changes`` (``section.key`` to text, as a config spells it), all or none.

    :raises BadParameters: with all that is wrong, by ``section.key``.
    """
    known = changeable(settings)
    problems: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, text in changes.items():
        parameter = known.get(name)
        if parameter is None:
            problems[name] = f"this cannot be changed while the pool runs{meant(name, known)}"
            continue
        try:
            values[parameter.field] = parameter.kind.parse(text.strip())
        except ValueError:
            unit = f", in {parameter.unit}" if parameter.unit else ""
            problems[name] = f"got {text!r}; allowed: {parameter.allowed}{unit}"
    if not problems:
        changed = settings.replace(**values)
        edges = edge_problems(changed.edge_to_enter, changed.edge_to_leave, changed.edge_min)
        problems = {f"trader.{key}": text for key, text in edges.items()}
    if problems:
        raise BadParameters(problems)
    return changed
