"""Exact amounts: how text becomes ``Decimal`` and how amounts meet a venue's steps."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation, localcontext

#: Wide enough for the largest balance of the smallest unit; the default 28 digits are not.
EXACT = Context(prec=60)

ZERO = Decimal(0)


def decimal_of(value: object, what: str = "amount") -> Decimal:
    """Read an exact, finite amount from text, an ``int`` or a ``Decimal``.

    :param value: what a wire or a file holds.
    :param what: the field's name, for the error.
    :raises ValueError: for floats (they have lost digits already), booleans, NaN, infinities and non-numbers.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{what}: expected an exact number, got {value!r}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{what}: expected a number, got {value!r}") from None
    if not number.is_finite():
        raise ValueError(f"{what}: expected a finite number, got {value!r}")
    return number


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of ``step`` that is at most ``value`` (towards minus infinity)."""
    return _to_multiple(value, step, ROUND_FLOOR)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of ``step`` that is at least ``value`` (towards plus infinity)."""
    return _to_multiple(value, step, ROUND_CEILING)


def _to_multiple(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step <= 0:
        raise ValueError(f"a step must be positive, got {step}")
    with localcontext(EXACT):
        return (value / step).to_integral_value(rounding=rounding) * step


def plain(value: Decimal) -> str:
    """``value`` as plain digits: no exponent, no trailing zeros, no minus zero."""
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
