"""The tables. A change here needs a migration beside it (``ledger/migrations``); a test compares the two.

Columns are named as the attributes of the values they hold (:mod:`model.records`), so that rows and values convert without
a list of names. Times are integer microseconds UTC, amounts exact in the unit of the ticker beside them.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text

from ledger.columns import Amount, Amounts, Choice, Json
from model.order import Side
from model.records import IntentState

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

#: One booking. ``id`` names what it books (``fill:source:T1``), which makes booking it twice impossible.
entries = Table(
    "entries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False, index=True),
    Column("note", Text, nullable=False),
)

#: What an entry moves; the amounts of an entry sum to zero per ticker.
postings = Table(
    "postings",
    metadata,
    Column("entry_id", Text, ForeignKey("entries.id"), primary_key=True),
    Column("account", Text, primary_key=True),
    Column("ticker", Text, primary_key=True),
    Column("amount", Amount, nullable=False),
)

#: The sum of the postings of each account, kept in the transaction that books them.
balances = Table(
    "balances",
    metadata,
    Column("account", Text, primary_key=True),
    Column("ticker", Text, primary_key=True),
    Column("amount", Amount, nullable=False),
)

intents = Table(
    "intents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("place", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("side", Choice(Side), nullable=False),
    Column("price", Amount, nullable=False),
    Column("quantity", Amount, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("created", BigInteger, nullable=False, index=True),
    Column("level", Integer, nullable=False),
    Column("obligation_id", Text, index=True),
    Column("decision_id", Text),
    Column("state", Choice(IntentState), nullable=False, index=True),
    Column("order_id", Text),
    Column("detail", Text, nullable=False),
    Column("updated", BigInteger, nullable=False),
)

fills = Table(
    "fills",
    metadata,
    Column("place", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("intent_id", Text, index=True),
    Column("contract", Text, nullable=False),
    Column("side", Choice(Side), nullable=False),
    Column("price", Amount, nullable=False),
    Column("quantity", Amount, nullable=False),
    Column("fees", Amounts, nullable=False),
    Column("timestamp", BigInteger, nullable=False, index=True),
)

transactions = Table(
    "transactions",
    metadata,
    Column("place", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("ticker", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("is_credit", Boolean, nullable=False),
    Column("quantity", Amount, nullable=False),
    Column("fee", Amount, nullable=False),
    Column("note", Text, nullable=False),
    Column("address", Text),
    Column("reference", Text),
    Column("state", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False, index=True),
)

obligations = Table(
    "obligations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("quantity", Amount, nullable=False),
    Column("done", Amount, nullable=False),
    Column("limit", Amount, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("created", BigInteger, nullable=False, index=True),
    Column("updated", BigInteger, nullable=False),
)

transits = Table(
    "transits",
    metadata,
    Column("id", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("to", Text, nullable=False),
    Column("ticker", Text, nullable=False),
    Column("quantity", Amount, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("created", BigInteger, nullable=False, index=True),
    Column("updated", BigInteger, nullable=False),
    Column("address", Text),
    Column("reference", Text),
    Column("expected", BigInteger),
    Column("arrived", Amount),
    Column("fee", Amount, nullable=False),
    Column("detail", Text, nullable=False),
    Column("departure_id", Text),
    Column("arrival_id", Text),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("details", Json, nullable=False),
    Column("created", BigInteger, nullable=False, index=True),
    Column("closed", BigInteger),
    Column("closed_by", Text),
    Column("outcome", Text),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("timestamp", BigInteger, nullable=False, index=True),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("snapshot", Json, nullable=False),
    Column("settings", Json, nullable=False),
    Column("decision", Json, nullable=False),
    Column("guards", Json),
)

parameter_changes = Table(
    "parameter_changes",
    metadata,
    Column("timestamp", BigInteger, primary_key=True, autoincrement=False),
    Column("who", Text, primary_key=True),
    Column("changes", Json, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

#: How the pool stood, every few seconds; bounded.
samples = Table(
    "samples",
    metadata,
    Column("timestamp", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    *(Column(name, Amount) for name in ("source_mid", "rate", "target_mid", "fair", "bid", "ask")),
    *(Column(name, Amount) for name in ("source_cash", "source_btc", "target_cash", "target_btc", "exposure", "value")),
    Column("profit", Amounts, nullable=False),
    Column("decision_us", BigInteger),
    Column("lag_us", BigInteger),
    Column("commit_us", BigInteger),
)

# Whether a task is open is told by this being null.
Index("ix_tasks_closed", tasks.c.closed)
