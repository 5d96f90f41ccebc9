"""The first tables."""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Amount, Amounts, Json

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    _create_books()
    _create_orders()
    _create_postings_of_venues()
    _create_work()
    _create_tasks()
    _create_memory()


def _create_books() -> None:
    """Double entry."""
    op.create_table(
        "entries",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    op.create_index(op.f("ix_entries_timestamp"), "entries", ["timestamp"])
    op.create_table(
        "postings",
        sa.Column("entry_id", sa.Text, sa.ForeignKey("entries.id", name=op.f("fk_postings_entry_id")), nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("ticker", sa.Text, nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "account", "ticker", name=op.f("pk_postings")),
    )
    op.create_table(
        "balances",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("ticker", sa.Text, nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.PrimaryKeyConstraint("account", "ticker", name=op.f("pk_balances")),
    )


def _create_orders() -> None:
    """What was meant, and what became of it."""
    op.create_table(
        "intents",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("price", Amount, nullable=False),
        sa.Column("quantity", Amount, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("obligation_id", sa.Text),
        sa.Column("decision_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intents")),
    )
    op.create_index(op.f("ix_intents_created"), "intents", ["created"])
    op.create_index(op.f("ix_intents_state"), "intents", ["state"])


def _create_postings_of_venues() -> None:
    """Executions and postings, as the venues told them."""
    op.create_table(
        "fills",
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("intent_id", sa.Text),
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("price", Amount, nullable=False),
        sa.Column("quantity", Amount, nullable=False),
        sa.Column("fees", Amounts, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("place", "id", name=op.f("pk_fills")),
    )
    op.create_index(op.f("ix_fills_intent_id"), "fills", ["intent_id"])
    op.create_index(op.f("ix_fills_timestamp"), "fills", ["timestamp"])
    op.create_table(
        "transactions",
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("ticker", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("is_credit", sa.Boolean, nullable=False),
        sa.Column("quantity", Amount, nullable=False),
        sa.Column("fee", Amount, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("place", "id", name=op.f("pk_transactions")),
    )
    op.create_index(op.f("ix_transactions_timestamp"), "transactions", ["timestamp"])


def _create_work() -> None:
    """What is still to be traded, and what travels."""
    op.create_table(
        "obligations",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("quantity", Amount, nullable=False),
        sa.Column("done", Amount, nullable=False),
        sa.Column("limit", Amount, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_obligations")),
    )
    op.create_index(op.f("ix_obligations_state"), "obligations", ["state"])
    op.create_index(op.f("ix_obligations_created"), "obligations", ["created"])
    op.create_table(
        "transits",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("to", sa.Text, nullable=False),
        sa.Column("ticker", sa.Text, nullable=False),
        sa.Column("quantity", Amount, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("expected", sa.BigInteger),
        sa.Column("arrived", Amount),
        sa.Column("fee", Amount, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("departure_id", sa.Text),
        sa.Column("arrival_id", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transits")),
    )
    op.create_index(op.f("ix_transits_state"), "transits", ["state"])
    op.create_index(op.f("ix_transits_created"), "transits", ["created"])


def _create_tasks() -> None:
    """What a person is to do."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("closed", sa.BigInteger),
        sa.Column("closed_by", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_created"), "tasks", ["created"])
    op.create_index("ix_tasks_closed", "tasks", ["closed"])


def _create_memory() -> None:
    """What was decided, by whom, and how far was read."""
    op.create_table(
        "decisions",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("snapshot", Json, nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("decision", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_timestamp"), "decisions", ["timestamp"])
    op.create_table(
        "parameter_changes",
        sa.Column("timestamp", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("changes", Json, nullable=False),
        sa.PrimaryKeyConstraint("timestamp", "who", name=op.f("pk_parameter_changes")),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
