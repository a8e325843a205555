"""Who may name stored bytes, and several versions that keep one tracked name from changing."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
half = "pre"

_BATCH = 200


def upgrade() -> None:
    """Create the table of holders, fill it from the versions there are, and make room for more holders."""
    holders = op.create_table(
        "blob_holders",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("holder", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("digest", "holder"),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind(), holders)
    op.rename_table("frozen_files", "frozen_files_before")
    frozen = op.create_table(
        "frozen_files",
        sa.Column("path", sa.String(length=4096), nullable=False),
        sa.Column("holder", sa.String(length=300), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("path", "holder", name=_key()),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO frozen_files (path, holder, digest) SELECT path, holder, digest FROM frozen_files_before"
    )
    op.drop_table("frozen_files_before")
    if _key():
        op.execute(f"ALTER TABLE frozen_files RENAME CONSTRAINT {_key()} TO frozen_files_pkey")
    op.create_index("ix_frozen_files_holder", "frozen_files", ["holder"], unique=False)
    _add_holders(op.get_bind(), frozen)


def _key() -> str | None:
    """Name the key apart from that of the table before, which has the usual name until it is dropped."""
    return None if op.get_bind().dialect.name == "sqlite" else "frozen_files_holders_pkey"


def _fill(connection: sa.Connection, holders: sa.Table) -> None:
    """Note what each version holds. Who uploaded it was never noted; those upload it again who need to."""
    query = sa.text("SELECT id, model, document FROM versions WHERE id > :after ORDER BY id LIMIT :limit")
    after, noted = 0, set[tuple[str, str]]()
    while rows := connection.execute(query, {"after": after, "limit": _BATCH}).all():
        after = rows[-1].id
        found = {(digest, f"model:{row.model}") for row in rows for digest in _held(json.loads(row.document))}
        new = found - noted
        known = _known(connection, holders, new)
        missing = [{"digest": digest, "holder": holder} for digest, holder in sorted(new - known)]
        if missing:
            op.bulk_insert(holders, missing)
        noted = found


def _add_holders(connection: sa.Connection, frozen: sa.Table) -> None:
    """Note further holders: one version was noted, and others of the same run and bytes keep them too."""
    of_source = defaultdict[tuple[str, ...], list[str]](list)
    query = """
        SELECT digest, run_id, logged_model_id, model, major, minor, patch FROM versions
        WHERE deleted_at IS NULL AND (run_id <> '' OR logged_model_id <> '')
        AND digest IN (SELECT digest FROM versions GROUP BY digest HAVING COUNT(*) > 1)
    """
    for row in connection.execute(sa.text(query)).all():
        source = (row.digest, row.run_id, row.logged_model_id)
        of_source[source].append(f"{row.model}/v{row.major}.{row.minor}.{row.patch}")
    for addresses in of_source.values():
        kept = [
            row
            for start in range(0, len(addresses), 500)
            for row in connection.execute(
                sa.select(frozen).where(frozen.c.holder.in_(addresses[start : start + 500]))
            )
        ]
        for address in addresses:
            further = [
                {"path": row.path, "holder": address, "digest": row.digest}
                for row in kept
                if row.holder != address
            ]
            if further:
                op.bulk_insert(frozen, further)


def _known(
    connection: sa.Connection, holders: sa.Table, wanted: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    digests = sorted({digest for digest, _ in wanted})
    found = set[tuple[str, str]]()
    for start in range(0, len(digests), 500):
        query = sa.select(holders).where(holders.c.digest.in_(digests[start : start + 500]))
        found |= {(row.digest, row.holder) for row in connection.execute(query)}
    return found


def _held(document: Mapping[str, Any]) -> set[str]:
    data = (document.get("provenance") or {}).get("data") or ()
    return {each["digest"] for each in (*(document.get("files") or ()), *data)}
