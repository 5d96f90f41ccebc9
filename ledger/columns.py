"""How the ledger's values are stored: exact amounts, words of an enum, mappings of amounts."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import JSON, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from model.money import plain

#: JSON-ready values; indexed binary JSON where the database has it.
Json = JSON().with_variant(JSONB(), "postgresql")


def _finite(value: Decimal) -> Decimal:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ValueError(f"expected an exact, finite amount, got {value!r}")
    return value


class Amount(TypeDecorator[Decimal]):
    """An exact ``Decimal``: text on SQLite, which has binary floats only, NUMERIC on PostgreSQL.

    NUMERIC without a scale, as one with a scale rounds silently what has more digits.
    """

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return plain(_finite(value)) if dialect.name == "sqlite" else _finite(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else Decimal(value)


class Amounts(TypeDecorator[Mapping[str, Decimal]]):
    """Exact amounts by ticker, as a JSON object of texts."""

    impl = Json
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Decimal] | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else {ticker: plain(_finite(amount)) for ticker, amount in value.items()}

    def process_result_value(self, value: Any, dialect: Dialect) -> Mapping[str, Decimal] | None:  # noqa: ARG002
        return None if value is None else {ticker: Decimal(amount) for ticker, amount in value.items()}


class Choice(TypeDecorator[Enum]):
    """A member of an ``Enum``, stored as its value, so that a person can read the table."""

    impl = Text
    cache_ok = True

    def __init__(self, choices: type[Enum]) -> None:
        super().__init__()
        self.choices = choices

    def process_bind_param(self, value: Enum | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else str(value.value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Enum | None:  # noqa: ARG002
        return None if value is None else self.choices(value)
