"""Files on their way, and the parts of them that have come, in SQL."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from assay.core.digests import Digest
from assay.core.transfers import Transfer
from assay.storage import blob_tables as t
from assay.storage.rows import chunks
from assay.storage.upserts import write_rows

x = t.transfers.c
p = t.transfer_parts.c


class SqlTransfers:
    """Implements ``core.ports.Transfers``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, transfer: Transfer) -> None:
        """Store a new one."""
        self._connection.execute(insert(t.transfers), asdict(transfer))

    def get(self, transfer_id: str) -> Transfer | None:
        """Return one."""
        row = self._connection.execute(select(t.transfers).where(x.id == transfer_id)).mappings().first()
        return None if row is None else _transfer(row)

    def save(self, transfer: Transfer) -> None:
        """Replace what changes: when it ends, the digest of the whole; a whole one has no parts any more."""
        change = {"ends_at": transfer.ends_at, "whole": transfer.whole, "expected": transfer.expected}
        self._connection.execute(update(t.transfers).where(x.id == transfer.id), change)
        if transfer.whole is not None:
            self._connection.execute(delete(t.transfer_parts).where(p.transfer == transfer.id))

    def of(self, started_by: str) -> tuple[Transfer, ...]:
        """Return those of one principal that are not whole, the oldest first."""
        query = select(t.transfers).where(x.started_by == started_by, x.whole.is_(None))
        rows = self._connection.execute(query.order_by(x.started_at, x.id)).mappings()
        return tuple(_transfer(row) for row in rows)

    def remove(self, transfer_id: str) -> None:
        """Forget one with its parts."""
        self._connection.execute(delete(t.transfer_parts).where(p.transfer == transfer_id))
        self._connection.execute(delete(t.transfers).where(x.id == transfer_id))

    def ended(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Return the ids of those whose time is over, the longest first."""
        query = select(x.id).where(x.ends_at <= now).order_by(x.ends_at, x.id).limit(limit)
        return tuple(self._connection.execute(query).scalars())


class SqlTransferParts:
    """Implements ``core.ports.TransferParts``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def of(self, transfer_id: str) -> Mapping[int, Digest]:
        """Return number -> digest of the bytes."""
        query = select(p.number, p.digest).where(p.transfer == transfer_id).order_by(p.number)
        return {number: Digest(digest) for number, digest in self._connection.execute(query)}

    def get(self, transfer_id: str, number: int) -> Digest | None:
        """Return the digest of one, None when it has not come."""
        place = (p.transfer == transfer_id, p.number == number)
        digest = self._connection.execute(select(p.digest).where(*place)).scalar()
        return None if digest is None else Digest(digest)

    def put(self, transfer_id: str, number: int, digest: Digest) -> None:
        """Note that one has come."""
        row = {"transfer": transfer_id, "number": number, "digest": digest}
        write_rows(self._connection, t.transfer_parts, [row])

    def forget(self, transfer_id: str, numbers: Collection[int]) -> None:
        """Forget some; they have to come again."""
        for batch in chunks(sorted(numbers)):
            place = (p.transfer == transfer_id, p.number.in_(batch))
            self._connection.execute(delete(t.transfer_parts).where(*place))


def _transfer(row: RowMapping) -> Transfer:
    values: dict[str, Any] = dict(row)
    for name in ("expected", "whole"):
        values[name] = Digest(values[name]) if values[name] is not None else None
    return Transfer(**values)
