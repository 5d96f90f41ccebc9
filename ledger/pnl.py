"""Profit and loss of a period out of the ledger's own records, attributed; the parts add up to the whole exactly.

What the pool holds is on the accounts ``venue:*`` and ``transit``. Every posting to another account is a flow that changed
what it holds, and the account says why. With ``m`` the marks at the time of a flow, ``M0`` and ``M1`` those at the ends,
``H0`` and ``H1`` the holdings, all in source currency::

    whole       = H1 M1 - H0 M0 - (operator's deposits less withdrawals, at m)
    part        = sum over its flows of change * m
    revaluation = H0 (M1 - M0) + sum over all flows of change * (M1 - m)

As H1 = H0 + sum of all changes, whole = sum of the parts + revaluation, whatever the marks are.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Literal

from attrs import field, frozen

from ledger.movement import Movement
from ledger.postings import TRADE, TRADING_FEES, TRANSIT, exactly
from model.money import ZERO
from model.snapshot import Snapshot

Marks = Mapping[str, Decimal]
Part = Literal["edge", "hedges", "fees", "conversion", "transfers", "differences"]

#: Accounts of the operator: what goes there has been taken out, and is no loss.
OUTSIDE = "outside"

#: An amount times a mark has the digits of both.
DIGITS = 200


@frozen
class Pnl:
    """In source currency, gains positive. ``edge``: what customers paid away from fair on the target; ``hedges``: the same at
    the source, usually a cost; ``conversion``: fiat against the mark; ``transfers``: networks and banks; ``differences``:
    accepted by a person; ``revaluation``: what the market did to what the pool held. ``contributed`` is the operator's
    own money put in (negative: taken out), no part of ``whole``.
    """

    edge: Decimal
    hedges: Decimal
    fees: Decimal
    conversion: Decimal
    transfers: Decimal
    differences: Decimal
    revaluation: Decimal
    whole: Decimal
    contributed: Decimal


def attribute(
    movements: Iterable[Movement],
    closing: Mapping[str, Decimal],
    opening_marks: Marks,
    closing_marks: Marks,
    marks_at: Callable[[int], Marks],
) -> Pnl:
    """Attribute what was earned while ``movements`` happened; pure.

    :param movements: every entry of the period.
    :param closing: what the pool holds at its end, by ticker (:func:`holdings`); the opening is this less the movements.
    :param opening_marks: the worth of one unit of each ticker in source currency at the beginning; ``closing_marks`` at the end.
    :param marks_at: the same at a time in microseconds (:class:`MarkHistory`).
    :raises ValueError: naming a ticker that moved or was held, but has no mark.
    """
    parts = dict.fromkeys(("edge", "hedges", "fees", "conversion", "transfers", "differences", OUTSIDE), ZERO)
    opening = dict(closing)
    with exactly(DIGITS):
        revaluation = ZERO
        for movement in movements:
            marks = marks_at(movement.timestamp)
            for (account, ticker), amount in movement.moves.items():
                if is_held(account):
                    continue
                worth = _mark(marks, ticker)
                parts[part_of(account, movement)] -= amount * worth
                revaluation -= amount * (_mark(closing_marks, ticker) - worth)
                opening[ticker] = opening.get(ticker, ZERO) + amount
        before, after = _worth(opening, opening_marks), _worth(closing, closing_marks)
        revaluation += _worth(opening, closing_marks) - before
        contributed = parts.pop(OUTSIDE)
        return Pnl(**parts, revaluation=revaluation, whole=after - before - contributed, contributed=contributed)


def is_held(account: str) -> bool:
    """Whether what is on the account is the pool's."""
    return account == TRANSIT or account.startswith("venue:")


def holdings(balances: Mapping[str, Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """What the pool holds, by ticker: all venues and what travels between them."""
    held: dict[str, Decimal] = {}
    with exactly():
        for account, tickers in balances.items():
            for ticker, amount in tickers.items() if is_held(account) else ():
                held[ticker] = held.get(ticker, ZERO) + amount
    return held


def part_of(account: str, movement: Movement) -> Part | Literal["outside"]:
    """Which part a posting to ``account`` belongs to.

    A fill of an order that nobody remembers is a customer's where it is on the target, and a hedge at the source.
    """
    if account == OUTSIDE:
        return "outside"
    if account == TRADING_FEES:
        return "fees"
    if account.startswith("fee:"):
        return "transfers"
    if account != TRADE:
        return "differences"
    if movement.kind != "fill":
        return "conversion"
    is_hedge = movement.purpose == "hedge" if movement.purpose is not None else movement.place == "source"
    return "hedges" if is_hedge else "edge"


def marks_of(snapshot: Snapshot) -> dict[str, Decimal] | None:
    """The mids of a snapshot as marks, in source currency; None where a book has an empty side."""
    btc, target = snapshot.source.book.mid, snapshot.fiat.mid
    if btc is None or target is None:
        return None
    coin, _, source = snapshot.source.book.contract.partition("/")
    return {source: Decimal(1), coin: btc, snapshot.fiat.contract.partition("/")[0]: target}


@frozen
class MarkHistory:
    """Marks by time, oldest first, as the decisions of the period saw them; at least one."""

    points: tuple[tuple[int, Marks], ...] = field()

    @points.validator
    def _check(self, _attribute: object, points: tuple[tuple[int, Marks], ...]) -> None:
        times = [timestamp for timestamp, _ in points]
        if not times or times != sorted(times):
            raise ValueError("a history of marks needs at least one, and the oldest first")

    def at(self, timestamp: int) -> Marks:
        """The last marks known at ``timestamp`` (microseconds); before the first, the first."""
        index = bisect_right(self.points, timestamp, key=lambda point: point[0])
        return self.points[max(index - 1, 0)][1]


def _worth(held: Mapping[str, Decimal], marks: Marks) -> Decimal:
    return sum((amount * _mark(marks, ticker) for ticker, amount in held.items() if amount), ZERO)


def _mark(marks: Marks, ticker: str) -> Decimal:
    try:
        return marks[ticker]
    except KeyError:
        raise ValueError(f"there is no mark for {ticker}: what it is worth cannot be said") from None
