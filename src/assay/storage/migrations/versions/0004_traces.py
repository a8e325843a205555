"""Traces, assessments, evaluation data and scorers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
half = "pre"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "assessments",
        sa.Column("trace", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("number", sa.Float(precision=53), nullable=True),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.Column("session", sa.Boolean(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("trace", "id"),
    )
    op.create_index("ix_assessments_name", "assessments", ["kind", "name", "trace"], unique=False)
    op.create_table(
        "evaluation_records",
        sa.Column("set_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("inputs_digest", sa.String(length=64), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "id"),
    )
    op.create_index(
        "ix_evaluation_records_created", "evaluation_records", ["set_id", "created_at_ms", "id"], unique=False
    )
    op.create_index(
        "uq_evaluation_records_inputs", "evaluation_records", ["set_id", "inputs_digest"], unique=True
    )
    op.create_table(
        "evaluation_set_experiments",
        sa.Column("set_id", sa.String(length=64), nullable=False),
        sa.Column("experiment", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "experiment"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_evaluation_set_experiments_experiment",
        "evaluation_set_experiments",
        ["experiment", "set_id"],
        unique=False,
    )
    op.create_table(
        "evaluation_set_tags",
        sa.Column("set_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_evaluation_set_tags_key", "evaluation_set_tags", ["key", "set_id"], unique=False)
    op.create_table(
        "evaluation_sets",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("team", sa.String(length=96), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("record_count", sa.BigInteger(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_evaluation_sets_created", "evaluation_sets", ["team", "created_at_ms", "id"], unique=False
    )
    op.create_table(
        "scorers",
        sa.Column("experiment", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("experiment", "name", "number"),
    )
    op.create_table(
        "spans",
        sa.Column("trace", sa.BigInteger(), nullable=False),
        sa.Column("span_id", sa.String(length=32), nullable=False),
        sa.Column("parent_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("ended_ns", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.Text(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("trace", "span_id"),
    )
    op.create_table(
        "trace_links",
        sa.Column("trace", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=512), nullable=False),
        sa.PrimaryKeyConstraint("trace", "kind", "target"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_trace_links_target", "trace_links", ["kind", "target", "trace"], unique=False)
    op.create_table(
        "trace_metadata",
        sa.Column("trace", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("trace", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_trace_metadata_key", "trace_metadata", ["key", "trace"], unique=False)
    op.create_table(
        "trace_tags",
        sa.Column("trace", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("trace", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_trace_tags_key", "trace_tags", ["key", "trace"], unique=False)
    op.create_table(
        "traces",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("experiment", sa.BigInteger(), nullable=False),
        sa.Column("requested_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("client_request_id", sa.String(length=250), nullable=True),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_traces_requested", "traces", ["experiment", "requested_at_ms", "id"], unique=False)
