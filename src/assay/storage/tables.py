"""The tables. What is searched has columns of its own; whole documents lie beside as JSON text.

Instants are integers, microseconds since 1970 UTC: they compare and sort the same everywhere.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    func,
    literal_column,
    text,
)

# A number that the database gives; SQLite only does that for its own INTEGER type.
GIVEN: Final = BigInteger().with_variant(Integer, "sqlite")
# Rows that lie in the order of their key, without a second tree beside them.
CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware instant as microseconds since 1970 UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Turn an aware instant into microseconds."""
        return None if value is None else microseconds_of(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn microseconds into an aware instant."""
        return None if value is None else instant_of(value)


def microseconds_of(at: datetime) -> int:
    """Return an aware instant as microseconds since 1970 UTC."""
    return (at - EPOCH) // _MICROSECOND


def instant_of(microseconds: int) -> datetime:
    """Return the instant of so many microseconds since 1970 UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


metadata = MetaData()

models = Table(
    "models",
    metadata,
    Column("name", String(193), primary_key=True),
    Column("team", String(96), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(96), nullable=False),
    Column("description", Text, nullable=False),
    Column("known_as", String(256), nullable=False, server_default=""),
    Column("changed_at", Instant, nullable=False, server_default="0"),
    Column("deleted_at", Instant),
    Index("ix_models_team", "team"),
    Index("uq_models_known_as", "known_as", unique=True),
)

versions = Table(
    "versions",
    metadata,
    Column("id", GIVEN, primary_key=True),
    Column("model", String(193), nullable=False),
    Column("number", Integer, nullable=False),
    Column("major", Integer, nullable=False),
    Column("minor", Integer, nullable=False),
    Column("patch", Integer, nullable=False),
    Column("digest", String(71), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("format", String(64), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("stage_since", Instant, nullable=False),
    Column("ungated", Text, nullable=False, server_default=""),  # names of gates, a comma between them
    Column("registered_at", Instant, nullable=False),
    Column("registered_by", String(96), nullable=False),
    Column("description", Text, nullable=False),
    Column("source", Text, nullable=False, server_default=""),
    Column("run_id", String(256), nullable=False, server_default=""),
    Column("logged_model_id", String(64), nullable=False, server_default=""),
    Column("external", Text, nullable=False, server_default=""),
    Column("changed_at", Instant, nullable=False, server_default="0"),
    Column("deleted_at", Instant),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["model"], ["models.name"]),
    Index("uq_versions_number", "model", "number", unique=True),
    Index("uq_versions_semver", "model", "major", "minor", "patch", unique=True),
    Index("ix_versions_stage", "model", "stage", "stage_since"),
    Index("ix_versions_registered", "registered_at", "id"),
    Index("ix_versions_stage_registered", "stage", "registered_at", "id"),
    Index("ix_versions_digest", "digest"),
    Index("ix_versions_changed", "changed_at", "id"),
    Index("ix_versions_run", "run_id"),
    # The database itself allows one version per model in Production.
    Index(
        "uq_versions_production",
        "model",
        unique=True,
        sqlite_where=text("stage = 'Production'"),
        postgresql_where=text("stage = 'Production'"),
    ),
)

# Who may name stored bytes: the principal that uploaded them, the model with a version that holds them.
blob_holders = Table(
    "blob_holders",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("holder", String(300), primary_key=True),
    **CLUSTERED,
)

# As much of a tag's value lies in an index; the whole would be too long for one.
TAG_INDEXED: Final = 64
# Tags and metrics of models (number 0) and versions, one row each, so that they can be searched.
tags = Table(
    "tags",
    metadata,
    Column("model", String(193), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_tags_word", "key", text(f"substr(value, 1, {TAG_INDEXED})"), "model", "number"),
)


def tag_begins_as(value: str) -> ColumnElement[bool]:
    """Return what the index by the beginnings of tags can find for a value."""
    beginning = func.substr(tags.c.value, literal_column("1"), literal_column(str(TAG_INDEXED)), type_=Text())
    return beginning == value[:TAG_INDEXED]


labels = Table(
    "labels",
    metadata,
    Column("model", String(193), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("label", String(128), primary_key=True),
    Index("ix_labels_label", "label", "model", "number"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("model", String(193), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", String(250), primary_key=True),
    Column("value", Float(53), nullable=False),
    Column("measured", Boolean, nullable=False),
    Index("ix_metrics_name", "name", "value"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("model", String(193), primary_key=True),
    Column("alias", String(255), primary_key=True),
    Column("number", Integer, nullable=False),
    ForeignKeyConstraint(["model", "number"], ["versions.model", "versions.number"]),
    Index("ix_aliases_number", "model", "number"),
)

stage_moves = Table(
    "stage_moves",
    metadata,
    Column("id", GIVEN, primary_key=True),
    Column("model", String(193), nullable=False),
    Column("number", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_stage_moves_model", "model", "id"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", GIVEN, primary_key=True),
    Column("digest", String(71), nullable=False, unique=True),
    Column("model", String(193), nullable=False),
    Column("number", Integer, nullable=False),
    Column("check_name", String(96), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["model", "number"], ["versions.model", "versions.number"]),
    Index("ix_evidence_version", "model", "number", "id"),
)

policies = Table(
    "policies",
    metadata,
    Column("pattern", String(193), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("digest", String(71), nullable=False),
    Column("document", Text, nullable=False),
)

promotions = Table(
    "promotions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("model", String(193), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(32), nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["model", "number"], ["versions.model", "versions.number"]),
    Index("ix_promotions_model", "model", "requested_at"),
    Index("ix_promotions_state", "state", "requested_at"),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", GIVEN, primary_key=True, autoincrement=False),
    Column("subject", String(300), nullable=False),
    Column("hash", String(71), nullable=False, unique=True),
    Column("document", Text, nullable=False),
    Index("ix_audit_events_subject", "subject", "seq"),
)

principals = Table(
    "principals",
    metadata,
    Column("name", String(96), primary_key=True),
    Column("document", Text, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("principal", String(96), primary_key=True),
    Column("pattern", String(193), primary_key=True),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["principal"], ["principals.name"]),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("principal", String(96), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["principal"], ["principals.name"]),
    Index("ix_tokens_principal", "principal", "created_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("model", String(193), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_owner", String(200), nullable=False),
    Column("lease_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_jobs_state", "state", "created_at", "id"),
    Index("ix_jobs_version", "model", "number"),
)
