"""How much each team and each model stores, and may store."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
half = "pre"

# Versions count their files for the model and its team, tracked files for the team of their experiment. The
# text before the first slash is found by a word that each database has of its own.
_FILL = """
INSERT INTO quotas (owner, used_bytes)
SELECT counted.owner, SUM(counted.size) FROM (
    SELECT model AS owner, size_bytes AS size FROM versions WHERE deleted_at IS NULL
    UNION ALL
    SELECT substr(model, 1, {place}(model, '/') - 1), size_bytes FROM versions WHERE deleted_at IS NULL
    UNION ALL
    SELECT experiments.team, tracked.size FROM (
        SELECT CAST(substr(path, 1, {place}(path, '/') - 1) AS BIGINT) AS id, SUM(size_bytes) AS size
        FROM files WHERE path >= '0' AND path < ':' GROUP BY 1
    ) AS tracked JOIN experiments ON experiments.id = tracked.id
) AS counted GROUP BY counted.owner
"""


def upgrade() -> None:
    """Create the table, and count what is there.

    What a program that does not know the table stores meanwhile is not counted: ``assay quota recount``
    counts anew once none of these runs any more.
    """
    op.create_table(
        "quotas",
        sa.Column("owner", sa.String(length=193), nullable=False),
        sa.Column("used_bytes", sa.BigInteger(), nullable=False),
        sa.Column("limit_bytes", sa.BigInteger()),
        sa.PrimaryKeyConstraint("owner"),
        sqlite_with_rowid=False,
    )
    place = "instr" if op.get_bind().dialect.name == "sqlite" else "strpos"
    op.execute(_FILL.format(place=place))
