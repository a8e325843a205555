"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
half = "pre"


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "audit_events",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("hash", sa.String(length=71), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("ix_audit_events_subject", "audit_events", ["subject", "seq"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=193), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=200), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_jobs_state", "jobs", ["state", "created_at", "id"], unique=False)
    op.create_index("ix_jobs_version", "jobs", ["model", "number"], unique=False)
    op.create_table(
        "labels",
        sa.Column("model", sa.String(length=193), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("model", "number", "label"),
    )
    op.create_index("ix_labels_label", "labels", ["label", "model", "number"], unique=False)
    op.create_table(
        "metrics",
        sa.Column("model", sa.String(length=193), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("measured", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("model", "number", "name"),
    )
    op.create_index("ix_metrics_name", "metrics", ["name", "value"], unique=False)
    op.create_table(
        "models",
        sa.Column("name", sa.String(length=193), nullable=False),
        sa.Column("team", sa.String(length=96), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=96), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_models_team", "models", ["team"], unique=False)
    op.create_table(
        "policies",
        sa.Column("pattern", sa.String(length=193), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pattern", "revision"),
    )
    op.create_table(
        "principals",
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "stage_moves",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("model", sa.String(length=193), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stage_moves_model", "stage_moves", ["model", "id"], unique=False)
    op.create_table(
        "tags",
        sa.Column("model", sa.String(length=193), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model", "number", "key"),
    )
    op.create_index("ix_tags_key", "tags", ["key", "model", "number"], unique=False)
    op.create_table(
        "grants",
        sa.Column("principal", sa.String(length=96), nullable=False),
        sa.Column("pattern", sa.String(length=193), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal"],
            ["principals.name"],
        ),
        sa.PrimaryKeyConstraint("principal", "pattern"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("principal", sa.String(length=96), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal"],
            ["principals.name"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tokens_principal", "tokens", ["principal", "created_at"], unique=False)
    op.create_table(
        "versions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("model", sa.String(length=193), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("major", sa.Integer(), nullable=False),
        sa.Column("minor", sa.Integer(), nullable=False),
        sa.Column("patch", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("stage_since", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("registered_by", sa.String(length=96), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"],
            ["models.name"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_versions_digest", "versions", ["digest"], unique=False)
    op.create_index("ix_versions_registered", "versions", ["registered_at", "id"], unique=False)
    op.create_index("ix_versions_stage", "versions", ["model", "stage", "stage_since"], unique=False)
    op.create_index(
        "ix_versions_stage_registered", "versions", ["stage", "registered_at", "id"], unique=False
    )
    op.create_index("uq_versions_number", "versions", ["model", "number"], unique=True)
    op.create_index(
        "uq_versions_production",
        "versions",
        ["model"],
        unique=True,
        sqlite_where=sa.text("stage = 'Production'"),
        postgresql_where=sa.text("stage = 'Production'"),
    )
    op.create_index("uq_versions_semver", "versions", ["model", "major", "minor", "patch"], unique=True)
    op.create_table(
        "aliases",
        sa.Column("model", sa.String(length=193), nullable=False),
        sa.Column("alias", sa.String(length=96), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["versions.model", "versions.number"],
        ),
        sa.PrimaryKeyConstraint("model", "alias"),
    )
    op.create_index("ix_aliases_number", "aliases", ["model", "number"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("model", sa.String(length=193), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("check_name", sa.String(length=96), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["versions.model", "versions.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("ix_evidence_version", "evidence", ["model", "number", "id"], unique=False)
    op.create_table(
        "promotions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=193), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["versions.model", "versions.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_promotions_model", "promotions", ["model", "requested_at"], unique=False)
    op.create_index("ix_promotions_state", "promotions", ["state", "requested_at"], unique=False)
