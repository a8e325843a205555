"""The Merkle tree over the audit log, its signed heads, and the name of the log."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
half = "pre"

_BATCH = 1000


def upgrade() -> None:
    """Create the tables where they are missing, and fill in the nodes over the events there are."""
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("audit_nodes"):
        _create()
    _fill(connection)


def _create() -> None:
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("level", "place"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_heads",
        sa.Column(
            "size",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "audit_origin",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _fill(connection: sa.Connection) -> None:
    """Go on behind the last leaf that is there: what was broken off is not begun anew."""
    nodes = sa.table("audit_nodes", sa.column("level"), sa.column("place"), sa.column("hash"))
    last = connection.execute(sa.select(sa.func.max(nodes.c.place)).where(nodes.c.level == 0)).scalar()
    seq = 0 if last is None else last + 1
    peaks = _peaks(connection, nodes, seq)
    query = sa.text("SELECT seq, document FROM audit_events WHERE seq > :after ORDER BY seq LIMIT :limit")
    while events := connection.execute(query, {"after": seq, "limit": _BATCH}).all():
        rows = []
        for _, document in events:
            leaf = hashlib.sha256(b"\x00" + _entry(document)).digest()
            rows += [
                {"level": level, "place": place, "hash": found.hex()}
                for level, place, found in _grow(peaks, seq, leaf)
            ]
            seq += 1
        connection.execute(sa.insert(nodes), rows)
        if events[-1].seq != seq:
            raise RuntimeError(f"the audit log has no event {seq}: events are missing or were put in")


def _grow(peaks: list[bytes], place: int, found: bytes) -> Iterator[tuple[int, int, bytes]]:
    level = 0
    yield level, place, found
    while place & 1:
        found = hashlib.sha256(b"\x01" + peaks.pop() + found).digest()
        level, place = level + 1, place >> 1
        yield level, place, found
    peaks.append(found)


def _peaks(connection: sa.Connection, nodes: sa.TableClause, size: int) -> list[bytes]:
    """Return the hashes of the complete subtrees that make up a tree of ``size``, the largest first."""
    found, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            one = (nodes.c.level == level, nodes.c.place == start >> level)
            found.append(bytes.fromhex(connection.execute(sa.select(nodes.c.hash).where(*one)).scalar_one()))
            start += 1 << level
    return found


def _entry(document: str) -> bytes:
    """Return what the hash of an event is taken over: all but that hash, in canonical JSON."""
    body = json.loads(document)
    del body["hash"]
    body["at"] = datetime.fromisoformat(body["at"]).astimezone(UTC).isoformat()
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")
