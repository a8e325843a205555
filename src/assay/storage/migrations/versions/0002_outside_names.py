"""Names that other clients know models by, where versions come from, and what moved ungated."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
half = "pre"

_DEFAULT_TEAM = "default"


def upgrade() -> None:
    """Add the columns; what is there already is known by the name that it would have been given."""
    with op.batch_alter_table("aliases") as aliases:
        # PostgreSQL would take the database's own order of letters for a column whose type changes.
        kind = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
        aliases.alter_column("alias", existing_type=sa.String(96), type_=kind)
    op.add_column("models", sa.Column("known_as", sa.String(256), server_default="", nullable=False))
    op.add_column("models", sa.Column("changed_at", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("models", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    for name, length in (("ungated", None), ("source", None), ("run_id", 256), ("logged_model_id", 64)):
        kind = sa.String(length) if length else sa.Text()
        op.add_column("versions", sa.Column(name, kind, server_default="", nullable=False))
    op.add_column("versions", sa.Column("external", sa.Text(), server_default="", nullable=False))
    op.add_column("versions", sa.Column("changed_at", sa.BigInteger(), server_default="0", nullable=False))
    _fill(op.get_bind())
    op.create_index("uq_models_known_as", "models", ["known_as"], unique=True)
    op.create_index("ix_versions_changed", "versions", ["changed_at", "id"], unique=False)
    op.create_index("ix_versions_run", "versions", ["run_id"], unique=False)


def _fill(connection: sa.Connection) -> None:
    for (name,) in connection.execute(sa.text("SELECT name FROM models")).all():
        values = {"name": name, "known_as": _known_as(name)}
        connection.execute(
            sa.text("UPDATE models SET known_as = :known_as, changed_at = created_at WHERE name = :name"),
            values,
        )
    connection.execute(sa.text("UPDATE versions SET changed_at = registered_at"))


def _known_as(name: str) -> str:
    """Return the name outside, by the rule of the day this migration was written."""
    team, _, task = name.partition("/")
    if team == _DEFAULT_TEAM and "." not in task:
        return task
    return f"{team}.{task}" if "." not in team else name
