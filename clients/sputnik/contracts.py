"""Sputnik's contracts and their integers: exact both ways, by contract type, never rounded.

=========== ==================== ========================= ==================================
type        price on the wire    quantity on the wire      value of a trade, denominated wire
=========== ==================== ========================= ==================================
cash        none                 q * D, on the lot         none
cash_pair   p * D_N * D, on tick q * D_P, on the lot       qty * price / (D * D_P)
prediction  p * D, on tick, <= D whole contracts           qty * price * lot / D
futures     p * D, on tick       whole contracts           by the reference price
=========== ==================== ========================= ==================================

D is the contract's denominator, D_P that of what it pays out, D_N that of what it is denominated in.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from clients.errors import Reason
from model.instrument import Instrument
from model.money import EXACT

#: No amount of money has more digits before the point; a larger exponent would only fill the memory.
MOST_DIGITS = 40


class OffStep(Exception):
    """A value that the venue's steps cannot hold; ``reason`` is PRICE or SIZE. Nothing has been sent."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def whole(value: object, what: str, least: int | None = None) -> int:
    """An integer from the wire.

    :raises ValueError: for everything else; a float has lost digits, and Sputnik never sends one.
    """
    if type(value) is not int:
        raise ValueError(f"{what}: expected an integer, got {value!r}")
    if least is not None and value < least:
        raise ValueError(f"{what}: expected at least {least}, got {value}")
    return value


def words(value: object, what: str) -> str:
    """A text from the wire.

    :raises ValueError: for everything else.
    """
    if not isinstance(value, str):
        raise ValueError(f"{what}: expected a text, got {value!r}")
    return value


def from_wire(units: int, factor: int) -> Decimal:
    """``units`` of 1/``factor``; exact, because factors are products of twos and fives (see :func:`read_markets`)."""
    return EXACT.divide(Decimal(units), Decimal(factor))


def to_wire(value: Decimal, factor: int, step: int, reason: Reason, what: str) -> int:
    """``value`` in units of 1/``factor``.

    :raises OffStep: if that is not a whole multiple of ``step`` above zero.
    """
    if not value.is_finite() or value <= 0 or abs(value.adjusted()) > MOST_DIGITS:
        raise OffStep(reason, f"{what} {value} is not a positive amount")
    numerator, denominator = value.as_integer_ratio()
    units, rest = divmod(numerator * factor, denominator)
    if rest or units % step:
        raise OffStep(reason, f"{what} {value} is not a multiple of {from_wire(step, factor)}")
    return units


@frozen
class Contract:
    """One contract as the wire counts it: ``tick`` and ``lot`` in wire units, ``*_factor`` wire units per unit."""

    ticker: str
    kind: str
    denominator: int
    tick: int
    lot: int
    price_factor: int
    quantity_factor: int
    payout: str | None = None
    denominated: str | None = None

    @property
    def is_pair(self) -> bool:
        """Whether it trades one currency for another: what a pool does."""
        return self.kind == "cash_pair"

    @property
    def instrument(self) -> Instrument:
        """The steps in units; the smallest order is one lot."""
        lot = from_wire(self.quantity_step, self.quantity_factor)
        return Instrument(self.ticker, from_wire(self.tick, self.price_factor), lot, lot)

    @property
    def quantity_step(self) -> int:
        """What wire quantities are multiples of: a prediction's or future's lot is its size, not a step."""
        return self.lot if self.kind in ("cash", "cash_pair") else 1

    def price_to_wire(self, price: Decimal) -> int:
        """:raises OffStep: (PRICE) if ``price`` is off the tick, or above one for a prediction."""
        units = to_wire(price, self.price_factor, self.tick, Reason.PRICE, f"{self.ticker} price")
        if self.kind == "prediction" and units > self.denominator:
            raise OffStep(Reason.PRICE, f"{self.ticker} price {price} is more than a prediction can pay")
        return units

    def quantity_to_wire(self, quantity: Decimal) -> int:
        """:raises OffStep: (SIZE) if ``quantity`` is off the lot."""
        return to_wire(quantity, self.quantity_factor, self.quantity_step, Reason.SIZE, f"{self.ticker} quantity")

    def price(self, units: int) -> Decimal:
        """A wire price in denominated currency per unit."""
        return from_wire(units, self.price_factor)

    def quantity(self, units: int) -> Decimal:
        """A wire quantity in units."""
        return from_wire(units, self.quantity_factor)

    def cost(self, quantity: int, price: int) -> int:
        """What a cash pair's trade moves in wire units of its denominated currency, cut off as the venue does."""
        return quantity * price // self._value_factor

    def price_of(self, quantity: int, cost: int) -> int:
        """The wire price at which ``quantity`` of a cash pair cost ``cost``: the inverse of :meth:`cost`.

        The lowest price on a tick that costs at least ``cost``; the only one where tick times lot is a multiple of the
        factor, as on a sane market.

        :raises ValueError: if no price on a tick costs just that.
        """
        price = -(-cost * self._value_factor // (quantity * self.tick)) * self.tick
        if price <= 0 or self.cost(quantity, price) != cost:
            raise ValueError(f"{self.ticker}: {quantity} for {cost} is no trade at a price on a tick")
        return price

    @property
    def _value_factor(self) -> int:
        return self.denominator * self.quantity_factor


def read_markets(raw: object) -> tuple[dict[str, Contract], list[str]]:
    """The contracts of ``rpc.market.get_markets``, and what is wrong with those that are left out.

    :raises ValueError: if the answer is no table of contracts at all.
    """
    if not isinstance(raw, dict):
        raise ValueError(f"markets: expected a table, got {type(raw).__name__}")
    contracts: dict[str, Contract] = {}
    problems: list[str] = []
    for ticker, row in raw.items():
        try:
            contracts[ticker] = _read_contract(ticker, row, raw)
        except ValueError as problem:
            problems.append(str(problem))
    return contracts, problems


def _read_contract(ticker: str, row: object, rows: Mapping[str, Any]) -> Contract:
    if not isinstance(row, dict):
        raise ValueError(f"market {ticker}: expected a table")
    kind = words(row.get("contract_type"), f"market {ticker} contract_type")
    own = _denominator(rows, ticker)
    tick = whole(row.get("tick_size"), f"market {ticker} tick_size", 1)
    lot = whole(row.get("lot_size"), f"market {ticker} lot_size", 1)
    if kind == "cash":
        return Contract(ticker, kind, own, tick, lot, own, own)
    payout, denominated = row.get("payout_contract_ticker"), row.get("denominated_contract_ticker")
    if kind == "cash_pair":
        if ticker != f"{payout}/{denominated}":
            raise ValueError(f"market {ticker}: a pair of {payout!r} and {denominated!r} under another name")
        price_factor = _denominator(rows, str(denominated)) * own
        return Contract(ticker, kind, own, tick, lot, price_factor, _denominator(rows, str(payout)), payout, denominated)
    if kind in ("prediction", "futures"):
        return Contract(ticker, kind, own, tick, lot, own, 1, payout, denominated)
    raise ValueError(f"market {ticker}: unknown type {kind!r}")


def _denominator(rows: Mapping[str, Any], ticker: str) -> int:
    row = rows.get(ticker)
    if not isinstance(row, dict):
        raise ValueError(f"market {ticker} is not listed")
    found = whole(row.get("denominator"), f"market {ticker} denominator", 1)
    rest = found
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        raise ValueError(f"market {ticker}: a unit of 1/{found} has no exact decimal form")
    return found
