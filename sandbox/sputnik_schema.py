"""What a Sputnik procedure takes, checked as strictly as the original's JSON schemas did."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

Check = Callable[[object], bool]


class SchemaBroken(Exception):
    """The arguments are not of the documented form. The original could not even say so: such a call gets no answer."""


def is_text(value: object) -> bool:
    """A string."""
    return isinstance(value, str)


def is_integer(value: object) -> bool:
    """An exact integer, as long as a database column holds it; 5000000.0 is none."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def is_texts(value: object) -> bool:
    """A list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def is_period(value: object) -> bool:
    """The length of a bar."""
    return value in ("minute", "hour", "day")


def is_anything(_value: object) -> bool:
    """For what the original looked at only later."""
    return True


def is_order(value: object) -> bool:
    """An order to place: these four keys and no other."""
    match value:
        case {"contract": str(), "price": price, "quantity": quantity, "side": "BUY" | "SELL", **others}:
            return not others and is_integer(price) and is_integer(quantity)
        case _:
            return False


@frozen
class Parameter:
    """One argument. An optional one may be left out or null."""

    name: str
    check: Check
    is_optional: bool = False

    def accepts(self, value: object) -> bool:
        """Whether the value is of the documented form."""
        return (self.is_optional and value is None) or self.check(value)


def optional(name: str, check: Check) -> Parameter:
    """An argument that may be left out."""
    return Parameter(name, check, is_optional=True)


@frozen
class Procedure:
    """``act(user, *values)`` answers the result, or raises :class:`sandbox.sputnik_exchange.Failed`.

    ``lag``: seconds from the call's arrival until it is carried out; ``answer``: from there until its RESULT. Both are
    nothing for what the web server knows itself.
    """

    act: Callable[..., Any]
    parameters: Sequence[Parameter] = field(default=())
    lag: float = 0.0
    answer: float = 0.0

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """The arguments in order, None for what was left out.

        :raises SchemaBroken: for one too many, one too few, one twice, an unknown one, or one of the wrong form.
        """
        if len(args) > len(self.parameters):
            raise SchemaBroken("too many arguments")
        given = {parameter.name: value for parameter, value in zip(self.parameters, args, strict=False)}
        if given.keys() & kwargs.keys():
            raise SchemaBroken("an argument is there twice")
        given.update(kwargs)
        if unknown := given.keys() - {parameter.name for parameter in self.parameters}:
            raise SchemaBroken(f"unknown {sorted(unknown)}")
        values = [given.get(parameter.name) for parameter in self.parameters]
        for parameter, value in zip(self.parameters, values, strict=True):
            if not parameter.accepts(value):
                raise SchemaBroken(parameter.name)
        return values
