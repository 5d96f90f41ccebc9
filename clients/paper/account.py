"""The money of a paper account: balances, executions and postings, kept in memory and, if wanted, in a file.

The file is a journal of JSON lines: first what the account began with, then each execution and each posting as it came. The
balances are what they add up to, so nothing can disagree.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import define, field

from model.money import ZERO, decimal_of, plain
from model.order import Fill
from model.shapes import FillShape, TransactionShape
from model.transfer import Transaction


@define
class PaperAccount:
    """Begin with ``opening``, or with what ``file`` holds."""

    opening: Mapping[str, Decimal]
    file: Path | None = None
    balances: dict[str, Decimal] = field(factory=dict)
    fills: list[FillShape] = field(factory=list)
    transactions: list[TransactionShape] = field(factory=list)

    def open(self) -> None:
        """Read the journal, or begin one.

        :raises ValueError: for a file that is none.
        :raises OSError: if it cannot be read or written.
        """
        self.balances = dict(self.opening)
        if self.file is None:
            return
        if self.file.exists():
            self._replay(self.file)
        else:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._write("opening", {ticker: plain(amount) for ticker, amount in self.opening.items()})

    def _replay(self, file: Path) -> None:
        try:
            for line in file.read_text(encoding="utf-8").splitlines():
                ((kind, value),) = json.loads(line).items()
                if kind == "opening":
                    self.balances = {ticker: decimal_of(amount, ticker) for ticker, amount in value.items()}
                elif kind == "fill":
                    self._apply_fill(Fill.from_shape(value).to_shape())
                else:
                    self._apply_posting(_exact(value))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{file} is no journal of a paper account: {error}") from None

    def book_fill(self, shape: FillShape) -> None:
        """An execution: remember it, and move the balances by it."""
        self._apply_fill(shape)
        self._write("fill", shape)

    def _apply_fill(self, shape: FillShape) -> None:
        self.fills.append(shape)
        for ticker, change in Fill.from_shape(shape).changes().items():
            self._change(ticker, change)

    def post(self, shape: TransactionShape) -> None:
        """A deposit or withdrawal: remember it, and move the balance by it."""
        self._apply_posting(shape)
        self._write("transaction", shape)

    def _apply_posting(self, shape: TransactionShape) -> None:
        self.transactions.append(shape)
        self._change(shape["contract"], Transaction.from_shape(shape).change)

    def _change(self, ticker: str, change: Decimal) -> None:
        self.balances[ticker] = self.balances.get(ticker, ZERO) + change

    def _write(self, kind: str, value: Any) -> None:
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as journal:
                journal.write(json.dumps({kind: value}, default=str) + "\n")


def _exact(value: Mapping[str, Any]) -> TransactionShape:
    shape: Any = {**value, "quantity": decimal_of(value["quantity"], "quantity")}
    found: TransactionShape = shape
    return found
