"""What has narrowed a decision after the optimiser, so that a replay narrows it the same."""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Json

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; what was decided before has nothing in it."""
    op.add_column("decisions", sa.Column("guards", Json))
