"""Policies in SQL: every revision is kept."""

from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, func, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.policies import StoredPolicy
from assay.storage import tables as t
from assay.storage.engines import by_itself
from assay.storage.prepared import Prepared
from assay.wire.codec import decode, encode

p = t.policies.c
_NEWEST: Final = select(p.pattern, func.max(p.revision)).group_by(p.pattern)
_CURRENT: Final = Prepared(
    select(p.document).where(tuple_(p.pattern, p.revision).in_(_NEWEST)).order_by(p.pattern)
)
_READ: Final = 256


class SqlPolicies:
    """Implements ``core.ports.Policies``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, stored: StoredPolicy) -> None:
        """Store the next revision for its pattern.

        Raises:
            ConflictError: that revision is there already.
        """
        pattern = stored.policy.applies_to
        values = {
            "pattern": pattern,
            "revision": stored.revision,
            "digest": stored.digest,
            "document": encode(stored).decode(),
        }
        try:
            with by_itself(self._connection):
                self._connection.execute(insert(t.policies), values)
        except IntegrityError as error:
            raise ConflictError(f"policy {pattern} has a revision {stored.revision} already") from error

    def current(self) -> tuple[StoredPolicy, ...]:
        """Return the newest revision for each pattern."""
        return tuple(_read(document) for (document,) in _CURRENT.all(self._connection))

    def history(self, pattern: str) -> tuple[StoredPolicy, ...]:
        """Return all revisions for a pattern, oldest first."""
        query = select(p.document).where(p.pattern == pattern).order_by(p.revision)
        return tuple(decode(document, StoredPolicy) for document in self._connection.execute(query).scalars())


@lru_cache(_READ)
def _read(document: str) -> StoredPolicy:
    """Read a document; the same few stand on the way of every question about an alias."""
    return decode(document, StoredPolicy)
