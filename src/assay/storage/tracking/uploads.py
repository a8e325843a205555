"""Uploads in parts, and signing keys, in SQL."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from assay.core.digests import Digest
from assay.core.tracking.uploads import Part, PartialUpload, SigningKey
from assay.storage import upload_tables as t
from assay.storage.upserts import write_rows

u = t.uploads.c
p = t.upload_parts.c
k = t.signing_keys.c


class SqlPartialUploads:
    """Implements ``core.ports.uploads.PartialUploads``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, upload: PartialUpload) -> None:
        """Store a new one."""
        self._connection.execute(insert(t.uploads), asdict(upload))

    def get(self, upload_id: str) -> PartialUpload | None:
        """Return one, whole or not."""
        row = self._connection.execute(select(t.uploads).where(u.id == upload_id)).mappings().first()
        if row is None:
            return None
        values: dict[str, Any] = dict(row)
        values["digest"] = Digest(row["digest"]) if row["digest"] is not None else None
        return PartialUpload(**values)

    def save(self, upload: PartialUpload) -> None:
        """Replace when it ends, and digest and size of the whole; a whole one has no parts any more."""
        change = {"ends_at": upload.ends_at, "digest": upload.digest, "size_bytes": upload.size_bytes}
        self._connection.execute(update(t.uploads).where(u.id == upload.id), change)
        if upload.digest is not None:
            self._connection.execute(delete(t.upload_parts).where(p.upload == upload.id))

    def put_part(self, upload_id: str, part: Part) -> None:
        """Note that a part has come; one of that number that came before is replaced."""
        write_rows(self._connection, t.upload_parts, [{"upload": upload_id, **asdict(part)}])

    def parts(self, upload_id: str) -> tuple[Part, ...]:
        """Return the parts that have come, by number."""
        query = select(p.number, p.digest, p.size_bytes).where(p.upload == upload_id).order_by(p.number)
        rows = self._connection.execute(query)
        return tuple(Part(number, Digest(digest), size) for number, digest, size in rows)

    def ended(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Return the ids of those whose time is over, the longest first."""
        query = select(u.id).where(u.ends_at <= now).order_by(u.ends_at, u.id).limit(limit)
        return tuple(self._connection.execute(query).scalars())

    def remove(self, upload_id: str) -> None:
        """Forget one with its parts."""
        self._connection.execute(delete(t.upload_parts).where(p.upload == upload_id))
        self._connection.execute(delete(t.uploads).where(u.id == upload_id))


class SqlSigningKeys:
    """Implements ``core.ports.uploads.SigningKeys``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def newest(self) -> SigningKey | None:
        """Return the one that was made last."""
        return self._one(select(t.signing_keys).order_by(k.made_at.desc(), k.id).limit(1))

    def get(self, key_id: str) -> SigningKey | None:
        """Return one."""
        return self._one(select(t.signing_keys).where(k.id == key_id))

    def add(self, key: SigningKey) -> None:
        """Store a new one."""
        self._connection.execute(insert(t.signing_keys), asdict(key))

    def forget(self, before: datetime) -> None:
        """Drop those made before an instant; nothing is signed with them any more."""
        self._connection.execute(delete(t.signing_keys).where(k.made_at < before))

    def _one(self, query: Any) -> SigningKey | None:
        row = self._connection.execute(query).mappings().first()
        return None if row is None else SigningKey(**row)
