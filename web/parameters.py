"""The parameters as the console names, explains and reads them; what they may be is the pool's to say (``IPool.update``)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from model.money import plain
from model.settings import Settings
from trader.interface import BadParameters
from web.keys import amount_of

#: In the API's nested form the ideal balances are part of the valuation, as the seed's console had them.
_BALANCES = ("target_balance_source", "target_balance_target")


class ParameterInfo(Protocol):
    """One parameter. ``name`` is ``section.key`` of the config file, ``default`` its text there or None if there is none."""

    @property
    def name(self) -> str:
        """``section.key``, or ``target_balance_source.TICKER``."""

    @property
    def label(self) -> str:
        """For a person."""

    @property
    def unit(self) -> str:
        """Empty for none."""

    @property
    def help(self) -> str:
        """What it means and does."""

    @property
    def default(self) -> str | None:
        """As the config file spells it."""

    def value_of(self, settings: Settings) -> str:
        """The value in ``settings``, as text that the config file would read back."""


def flatten(body: Mapping[str, Any], parameters: Sequence[ParameterInfo]) -> dict[str, str]:
    """The API's nested form, ``{"valuation": {"risk_aversion": "1e-4"}}``, as ``section.key`` -> text of the config file.

    :raises BadParameters: naming every field that is no parameter, or whose value is no number or text.
    """
    known = {info.name for info in parameters}
    changes: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name, value in _leaves(body):
        text = _text(value)
        if name not in known:
            problems[name] = "there is no such parameter, or it cannot be changed here"
        elif text is None:
            problems[name] = "expected a number, a text, true or false, or [fixed, proportional]"
        else:
            changes[name] = text
    if problems:
        raise BadParameters(problems)
    return changes


def read_balances(body: Any) -> dict[str, Decimal]:
    """``{"source": {"USD": "1000"}}`` as ``source.USD`` -> amount.

    :raises BadParameters: naming every field that holds no number.
    """
    if not isinstance(body, Mapping) or not all(isinstance(held, Mapping) for held in body.values()):
        raise BadParameters({"balances": "expected an object of places, each with its tickers"})
    texts = {f"{place}.{ticker}": _text(amount) for place, held in body.items() for ticker, amount in held.items()}
    return amounts_of({name: text or "" for name, text in texts.items()})


def amounts_of(texts: Mapping[str, str]) -> dict[str, Decimal]:
    """Balances as a person wrote them.

    :raises BadParameters: naming every field that holds no number.
    """
    amounts = {name: amount_of(text) for name, text in texts.items()}
    problems = {name: f"expected a number, got {texts[name]!r}" for name, amount in amounts.items() if amount is None}
    if problems:
        raise BadParameters(problems)
    return {name: amount for name, amount in amounts.items() if amount is not None}


def changed(form: Mapping[str, str], parameters: Sequence[ParameterInfo]) -> dict[str, str]:
    """What a person changed in a form: each field ``name`` is compared with ``was:name``, what the form began with.

    Comparing with what they saw, and not with what is applied now, is what keeps one operator's UPDATE from taking back
    another's: a field that was not touched is not sent.
    """
    found = {}
    for info in parameters:
        text = form.get(info.name)
        if text is not None and text.strip() != form.get(f"was:{info.name}", "").strip():
            found[info.name] = text.strip()
    return found


def by_section(parameters: Sequence[ParameterInfo]) -> dict[str, list[ParameterInfo]]:
    """The parameters under the headings of the pages, in their own order; all ideal balances stand together."""
    sections: dict[str, list[ParameterInfo]] = {}
    for info in parameters:
        section = info.name.partition(".")[0]
        heading = "ideal balances" if section in _BALANCES else section
        sections.setdefault(heading, []).append(info)
    return sections


def body_schema(parameters: Sequence[ParameterInfo]) -> dict[str, Any]:
    """The JSON Schema of what :func:`flatten` reads."""
    number = {"type": ["string", "number", "boolean"]}
    cost = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    sections: dict[str, Any] = {}
    for info in parameters:
        section, _, key = info.name.partition(".")
        if section in _BALANCES:
            place = _object(_object(sections, "valuation")["properties"], section)
        else:
            place = _object(sections, section)
        about = f"{info.help} Unit: {info.unit}." if info.unit else info.help
        place["properties"][key] = {"anyOf": [number, cost], "description": about}
    return {"type": "object", "additionalProperties": False, "properties": sections}


def _object(properties: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = properties.setdefault(name, {"type": "object", "additionalProperties": False, "properties": {}})
    return found


def _leaves(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    leaves = []
    for section, fields in body.items():
        if not isinstance(fields, Mapping):
            leaves.append((section, None))
            continue
        for key, value in fields.items():
            if section == "valuation" and key in _BALANCES and isinstance(value, Mapping):
                leaves.extend((f"{key}.{ticker}", amount) for ticker, amount in value.items())
            else:
                leaves.append((f"{section}.{key}", value))
    return leaves


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 2:
        parts = [_text(part) for part in value]
        if all(part is not None for part in parts):
            return f"[{parts[0]}, {parts[1]}]"
    return None
