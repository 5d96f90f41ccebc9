"""Executions as transactions, for venues that have no ledger of their own."""

from decimal import Decimal

from model.money import ZERO
from model.shapes import FillShape, TransactionShape


def postings(shape: FillShape) -> list[TransactionShape]:
    """What an execution did to our balances: one posting for each ticker."""
    found: list[TransactionShape] = []
    base, _, quote = shape["contract"].partition("/")
    value = shape["price"] * shape["quantity"]
    is_buy = shape["side"] == "BUY"
    moves = {base: shape["quantity"] if is_buy else -shape["quantity"], quote: -value if is_buy else value}
    for ticker in dict.fromkeys([*moves, *shape["fees"]]):
        found.append(_posting(shape, ticker, moves.get(ticker, ZERO), shape["fees"].get(ticker, ZERO)))
    return found


def _posting(shape: FillShape, ticker: str, change: Decimal, fee: Decimal) -> TransactionShape:
    return {
        "id": f"{shape['id']}-{ticker}",
        "contract": ticker,
        "type": "Trade",
        "direction": "credit" if change > 0 else "debit",
        "quantity": abs(change),
        "fee": fee,
        "note": f"trade {shape['id']}",
        "address": None,
        "reference": shape["id"],
        "state": "done",
        "timestamp": shape["timestamp"],
    }
