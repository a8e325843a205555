"""By which keys the registry keeps its secrets and signs its log, so that no server uses others."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
half = "pre"


def upgrade() -> None:
    """Create the table; the next server that starts fills it."""
    op.create_table(
        "registry_keys",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
