"""The kinds of value a config may hold: how each is read from text, and how the allowed is put into words."""

import time
from collections.abc import Callable
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import frozen
from pydantic_core import core_schema

from model.money import ZERO, decimal_of, plain
from model.notice import KINDS
from model.settings import Cost, Edge

T = TypeVar("T")

_MOST_DIGITS = 40


@frozen
class Kind(Generic[T]):
    """A kind of value: ``parse`` reads the text or raises ValueError, ``allowed`` says what would have been right."""

    allowed: str
    parse: Callable[[str], T]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)


@frozen
class Key:
    """What a key means: its ``unit`` (empty: none) and its ``help``. ``is_changeable``: while the pool runs, by UPDATE."""

    unit: str
    help: str
    is_changeable: bool = False


def _number(text: str) -> Decimal:
    value = decimal_of(text)
    # Written out in full it would fill the memory.
    if value and not -_MOST_DIGITS <= value.adjusted() <= _MOST_DIGITS:
        raise ValueError(f"{text} is out of any range")
    return value


def number(low: Decimal | int | None = None, high: Decimal | int | None = None, above: int | None = None) -> Kind[Decimal]:
    """A number from ``low`` to ``high``, or more than ``above``."""
    limits = [f"at least {low}"] * (low is not None) + [f"above {above}"] * (above is not None)
    limits += [f"at most {high}"] * (high is not None)

    def parse(text: str) -> Decimal:
        value = _number(text)
        if (low is not None and value < low) or (above is not None and value <= above) or (high is not None and value > high):
            raise ValueError(f"{text} is out of range")
        return value

    return Kind(" ".join(["a number", " and ".join(limits)]).strip(), parse)


def whole(low: int, high: int) -> Kind[int]:
    """A whole number from ``low`` to ``high``."""

    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"{text} is out of range")
        return value

    return Kind(f"a whole number from {low} to {high}", parse)


def choice(*words: str) -> Kind[str]:
    """One of ``words``."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text} is none of them")
        return text

    return Kind(" or ".join(words), parse)


def optional(kind: Kind[T]) -> Kind[T | None]:
    """``kind``, or nothing written at all."""
    return Kind(f"{kind.allowed}, or left empty", lambda text: kind.parse(text) if text else None)


def _share(text: str) -> Decimal:
    value = _number(text[:-1]).scaleb(-2) if text.endswith("%") else _number(text)
    if not ZERO <= value < 1:
        raise ValueError(f"{text} is out of range")
    return value


def _cost(text: str) -> Cost:
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError(f"{text} is no pair")
    fixed, proportional = text[1:-1].split(",")
    cost = Cost(_number(fixed), _number(proportional))
    if cost.fixed < 0 or not ZERO <= cost.proportional < 1:
        raise ValueError(f"{text} is out of range")
    return cost


def _edge(text: str) -> Edge:
    if text.endswith("%"):
        return Edge(_share(text), is_share=True)
    value = _number(text)
    if value < 0:
        raise ValueError(f"{text} is out of range")
    return Edge(value)


def _words(text: str) -> str:
    if not text:
        raise ValueError("nothing is written")
    if not text.isprintable():
        raise ValueError(f"{text!r} holds what cannot be seen")
    return text


def _flag(text: str) -> bool:
    flags = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    try:
        return flags[text.lower()]
    except KeyError:
        raise ValueError(f"{text} is neither") from None


def _tag(text: str) -> str:
    if not (1 <= len(text) <= 4 and text.isascii() and text.isalnum()):
        raise ValueError(f"{text} is no tag")
    return text


def _dotted(text: str) -> str:
    parts = text.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise ValueError(f"{text} is no dotted name")
    return text


def _ticker(text: str) -> str:
    if not text or "/" in text or " " in text or not text.isprintable():
        raise ValueError(f"{text} is no ticker")
    return text


@frozen
class QuietHours:
    """From a time of day until another, in minutes after midnight; over midnight where ``until`` is the smaller."""

    since: int
    until: int

    def __str__(self) -> str:
        return f"{self.since // 60:02}:{self.since % 60:02}-{self.until // 60:02}:{self.until % 60:02}"

    def covers(self, minute: int) -> bool:
        """Whether this minute of the day is one of them."""
        if self.since <= self.until:
            return self.since <= minute < self.until
        return minute >= self.since or minute < self.until


def _quiet(text: str) -> QuietHours:
    since, until = (time.strptime(part.strip(), "%H:%M") for part in text.split("-"))
    return QuietHours(since.tm_hour * 60 + since.tm_min, until.tm_hour * 60 + until.tm_min)


def _zone(text: str) -> tzinfo:
    if text == "UTC":
        return UTC  # without the system's data on zones, which small containers lack
    try:
        return ZoneInfo(text)
    except (OSError, ZoneInfoNotFoundError) as unknown:
        raise ValueError(f"{text} is none") from unknown


def _events(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    if words == ("all",):
        return tuple(KINDS)
    if not all(word in KINDS for word in words):
        raise ValueError(f"{text} names none")
    return words


def _tls(text: str) -> bool | str:
    return text if text == SELF_SIGNED else _flag(text)


SELF_SIGNED = "self-signed"
AMOUNT = number(low=0)
SHARE = Kind("a share from 0 to below 1, e.g. 0.01 or 1%", _share)
COST = Kind("[fixed, proportional], fixed at least 0 and proportional a share from 0 to below 1, e.g. [0, 0.0025]", _cost)
EDGE = Kind("a number at least 0, or a share of the price with %, e.g. 20 or 0.1%", _edge)
FLAG = Kind("true or false", _flag)
TLS = Kind(f"true, false or {SELF_SIGNED}", _tls)
TEXT = Kind("some text", _words)
MAYBE_TEXT = optional(TEXT)
TAG = Kind("1 to 4 letters and digits", _tag)
DOTTED = Kind("a class by its dotted name, e.g. kraken.Kraken, or of your own package", _dotted)
EVENTS = Kind(f"all, or some of {', '.join(KINDS)}", _events)
ZONE = Kind("the name of a time zone, e.g. UTC or Europe/Budapest", _zone)
QUIET = Kind("two times of day, e.g. 22:00-07:00", _quiet)
TICKER = Kind("a ticker as the exchange interface spells it, e.g. USD", _ticker)


def text_of(value: object) -> str:
    """A value as a config spells it, so that reading it again gives the same value."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain(value)
        case Cost(fixed, proportional):
            return f"[{plain(fixed)}, {plain(proportional)}]"
        case Edge(amount, True):
            return f"{plain(amount.scaleb(2))}%"
        case Edge(amount, _):
            return plain(amount)
        case tuple():
            return ", ".join(value)
        case _:
            return str(value)
