"""Samples of how the pool stood, for charts and statements; the orders of an obligation by index."""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Amount, Amounts

revision = "0002"
down_revision = "0001"

_AMOUNTS = ("source_mid", "rate", "target_mid", "fair", "bid", "ask")
_HELD = ("source_cash", "source_btc", "target_cash", "target_btc", "exposure", "value")


def upgrade() -> None:
    """Create both."""
    op.create_index(op.f("ix_intents_obligation_id"), "intents", ["obligation_id"])
    op.create_table(
        "samples",
        sa.Column("timestamp", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("state", sa.Text, nullable=False),
        *(sa.Column(name, Amount) for name in (*_AMOUNTS, *_HELD)),
        sa.Column("profit", Amounts, nullable=False),
        sa.Column("decision_us", sa.BigInteger),
        sa.Column("lag_us", sa.BigInteger),
        sa.Column("commit_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("timestamp", name=op.f("pk_samples")),
    )
