"""What is known of stored bytes, what names them, and files on their way."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
half = "pre"

_BATCH = 200


def upgrade() -> None:
    """Create the tables, and note what versions and evidence name.

    What lies in the store is noted by the first collection, which can read it; until then each blob is
    noted when it is first spoken of.
    """
    op.create_table(
        "blobs",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("condemned_at", sa.BigInteger()),
        sa.Column("damaged_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_blobs_condemned",
        "blobs",
        ["condemned_at"],
        sqlite_where=sa.text("condemned_at IS NOT NULL"),
        postgresql_where=sa.text("condemned_at IS NOT NULL"),
    )
    uses = op.create_table(
        "blob_uses",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("named_by", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("digest", "named_by"),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind(), uses)
    op.create_index("ix_blob_uses_named_by", "blob_uses", ["named_by"])
    op.create_table(
        "chores",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "transfers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("part_bytes", sa.BigInteger(), nullable=False),
        sa.Column("started_by", sa.String(length=96), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.String(length=71)),
        sa.Column("whole", sa.String(length=71)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_transfers_started_by", "transfers", ["started_by", "started_at"])
    op.create_index("ix_transfers_ends", "transfers", ["ends_at", "id"])
    op.create_table(
        "transfer_parts",
        sa.Column("transfer", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("transfer", "number"),
        sqlite_with_rowid=False,
    )


def _fill(connection: sa.Connection, uses: sa.Table) -> None:
    versions = "SELECT id, model, number, document FROM versions WHERE deleted_at IS NULL AND id > :after"
    for found in _pages(connection, versions, _of_version):
        op.bulk_insert(uses, found)
    evidence = "SELECT id, digest, document FROM evidence WHERE id > :after"
    for found in _pages(connection, evidence, _of_evidence):
        op.bulk_insert(uses, found)


def _pages(
    connection: sa.Connection, query: str, of_row: Callable[[Any], set[tuple[str, str]]]
) -> Iterator[list[dict[str, str]]]:
    asked, after = sa.text(f"{query} ORDER BY id LIMIT :limit"), 0
    while rows := connection.execute(asked, {"after": after, "limit": _BATCH}).all():
        after = rows[-1].id
        pairs = {pair for row in rows for pair in of_row(row)}
        if pairs:
            yield [{"digest": digest, "named_by": user} for digest, user in sorted(pairs)]


def _of_version(row: Any) -> set[tuple[str, str]]:
    document: Mapping[str, Any] = json.loads(row.document)
    data = (document.get("provenance") or {}).get("data") or ()
    place = f"{row.model}/{row.number}"
    found = {(each["digest"], f"version:{place}") for each in document.get("files") or ()}
    return found | {(each["digest"], f"data:{place}") for each in data}


def _of_evidence(row: Any) -> set[tuple[str, str]]:
    measurement = json.loads(row.document).get("measurement") or {}
    attached = measurement.get("attachments") or ()
    return {(each["digest"], f"evidence:{row.digest}") for each in attached}
