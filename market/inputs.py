"""How old a belief is and how old it may be."""

from decimal import Decimal

from attrs import frozen


@frozen
class InputStatus:
    """One thing the pool must know: ``age`` and ``limit`` in seconds; ``problem`` empty when it is fresh and sound."""

    name: str
    age: Decimal | None
    limit: Decimal
    problem: str = ""


def status(name: str, as_of: int | None, now: int, limit: Decimal, problem: str = "") -> InputStatus:
    """Judge a belief that was last true at ``as_of`` (microseconds; None: never known)."""
    if as_of is None:
        return InputStatus(name, None, limit, problem or "not known yet")
    age = Decimal(max(0, now - as_of)) / 1_000_000
    if not problem and age > limit:
        problem = f"{age:.1f} s old, allowed are {limit} s"
    return InputStatus(name, age, limit, problem)
