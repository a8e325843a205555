"""An index that finds versions by what a tag says, not only by that they have it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
half = "pre"


def upgrade() -> None:
    """Put the beginning of the values into the index."""
    op.create_index("ix_tags_word", "tags", ["key", sa.text("substr(value, 1, 64)"), "model", "number"])
    op.drop_index("ix_tags_key", "tags")
