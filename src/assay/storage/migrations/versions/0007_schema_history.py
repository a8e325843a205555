"""Which migrations a database has had, and which half of an upgrade each belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
half = "pre"


def upgrade() -> None:
    """Create the table; whoever applies migrations fills it in."""
    op.create_table(
        "schema_history",
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("half", sa.String(length=8), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("revision"),
    )
