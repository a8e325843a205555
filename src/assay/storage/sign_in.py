"""Identities, roles of groups, sessions, what is used once, and trusted publishers in SQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.ports.sign_in import (
    BorrowedGrants,
    GroupRoles,
    Identities,
    Publishers,
    Sessions,
    UsedOnce,
)
from assay.core.publishers import Publisher
from assay.core.sign_in import BorrowedGrant, GroupRole, Identity, Session
from assay.storage import sign_in_tables as t
from assay.storage.prepared import Prepared
from assay.storage.tables import Instant
from assay.storage.upserts import insert_missing, write_rows
from assay.wire.codec import decode, encode

i, g, b = t.identities.c, t.group_roles.c, t.borrowed_grants.c
s, o, p = t.sessions.c, t.used_once.c, t.publishers.c
# Asked with every request.
_BORROWED: Final = Prepared(
    select(b.document)
    .where(b.principal == bindparam("principal"), b.until > bindparam("now", type_=BigInteger))
    .order_by(b.pattern)
)


class SqlIdentities:
    """Implements ``core.ports.sign_in.Identities``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def get(self, issuer: str, subject: str) -> Identity | None:
        """Return who somebody at a provider is here."""
        query = select(i.document).where(i.issuer == issuer, i.subject == subject)
        document = self._connection.execute(query).scalar()
        return None if document is None else decode(document, Identity)

    def link(self, identity: Identity) -> None:
        """Store who somebody is.

        Raises:
            ConflictError: they are somebody already.
        """
        values = {
            "issuer": identity.issuer,
            "subject": identity.subject,
            "principal": identity.principal,
            "document": encode(identity).decode(),
        }
        try:
            self._connection.execute(insert(t.identities), values)
        except IntegrityError as error:
            raise ConflictError("that identity is linked to a principal already") from error

    def unlink(self, issuer: str, subject: str) -> Identity | None:
        """Forget it; return what was there."""
        before = self.get(issuer, subject)
        if before is not None:
            place = (i.issuer == issuer, i.subject == subject)
            self._connection.execute(delete(t.identities).where(*place))
        return before

    def of(self, principal: str) -> tuple[Identity, ...]:
        """Return the identities of a principal, by issuer and subject."""
        query = select(i.document).where(i.principal == principal).order_by(i.issuer, i.subject)
        return tuple(decode(each, Identity) for each in self._connection.execute(query).scalars())


class SqlGroupRoles:
    """Implements ``core.ports.sign_in.GroupRoles``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def put(self, role: GroupRole) -> GroupRole | None:
        """Store it in place of the one of that group on that pattern; return that one."""
        before = self._get(role.group, role.pattern)
        row = {"group": role.group, "pattern": role.pattern, "document": encode(role).decode()}
        write_rows(self._connection, t.group_roles, [row])
        return before

    def remove(self, group: str, pattern: str) -> GroupRole | None:
        """Take it away; return what was there."""
        before = self._get(group, pattern)
        self._connection.execute(delete(t.group_roles).where(g.group == group, g.pattern == pattern))
        return before

    def all(self) -> tuple[GroupRole, ...]:
        """Return all, by group and pattern."""
        query = select(g.document).order_by(g.group, g.pattern)
        return tuple(decode(each, GroupRole) for each in self._connection.execute(query).scalars())

    def _get(self, group: str, pattern: str) -> GroupRole | None:
        query = select(g.document).where(g.group == group, g.pattern == pattern)
        document = self._connection.execute(query).scalar()
        return None if document is None else decode(document, GroupRole)


class SqlBorrowedGrants:
    """Implements ``core.ports.sign_in.BorrowedGrants``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def of(self, principal: str, now: datetime) -> tuple[BorrowedGrant, ...]:
        """Return those of a principal that did not end before ``now``, by pattern."""
        number = Instant().process_bind_param(now, self._connection.dialect)
        rows = _BORROWED.all(self._connection, principal=principal, now=number)
        return tuple(decode(row[0], BorrowedGrant) for row in rows)

    def all(self, now: datetime) -> tuple[BorrowedGrant, ...]:
        """Return those of everybody that did not end before ``now``, by principal and pattern."""
        query = select(b.document).where(b.until > now).order_by(b.principal, b.pattern)
        return tuple(decode(each, BorrowedGrant) for each in self._connection.execute(query).scalars())

    def replace(self, principal: str, grants: Sequence[BorrowedGrant]) -> None:
        """Put these in place of all that the principal has."""
        self._connection.execute(delete(t.borrowed_grants).where(b.principal == principal))
        rows = [
            {
                "principal": principal,
                "pattern": each.pattern,
                "until": each.until,
                "document": encode(each).decode(),
            }
            for each in grants
        ]
        if rows:
            self._connection.execute(insert(t.borrowed_grants), rows)


class SqlSessions:
    """Implements ``core.ports.sign_in.Sessions``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, session: Session) -> None:
        """Store a new one."""
        values = {
            "id": session.id,
            "principal": session.principal,
            "last_used_at": session.last_used_at,
            "expires_at": session.expires_at,
            "revoked_at": session.revoked_at,
            "document": encode(session).decode(),
        }
        self._connection.execute(insert(t.sessions), values)

    def get(self, session_id: str) -> Session | None:
        """Return one."""
        query = select(s.document, s.last_used_at, s.revoked_at).where(s.id == session_id)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        return replace(decode(row[0], Session), last_used_at=row[1], revoked_at=row[2])

    def touch(self, session_id: str, at: datetime) -> None:
        """Note that it was used."""
        self._connection.execute(update(t.sessions).where(s.id == session_id), {"last_used_at": at})

    def revoke(self, principal: str, at: datetime, session_id: str | None = None) -> int:
        """End one session of a principal, or all; return how many were not revoked yet."""
        place = [s.principal == principal, s.revoked_at.is_(None)]
        place += [] if session_id is None else [s.id == session_id]
        return self._connection.execute(update(t.sessions).where(*place), {"revoked_at": at}).rowcount

    def sweep(self, before: datetime) -> None:
        """Forget those that expired before an instant."""
        self._connection.execute(delete(t.sessions).where(s.expires_at < before))


class SqlUsedOnce:
    """Implements ``core.ports.sign_in.UsedOnce``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, key: str, until: datetime, content: str = "") -> bool:
        """Store it if it is not there; tell whether it was stored."""
        if self.is_there(key):
            return False
        insert_missing(self._connection, t.used_once, [{"key": key, "until": until, "content": content}])
        return True

    def is_there(self, key: str) -> bool:
        """Tell whether it is stored, however late."""
        count = select(func.count()).select_from(t.used_once).where(o.key == key)
        return bool(self._connection.execute(count).scalar_one())

    def take(self, key: str, now: datetime) -> str | None:
        """Remove it and return its content; None when it is not there, or was to be used before ``now``."""
        row = self._connection.execute(select(o.content, o.until).where(o.key == key)).first()
        gone = self._connection.execute(delete(t.used_once).where(o.key == key)).rowcount
        return row[0] if row is not None and gone == 1 and row[1] > now else None

    def sweep(self, before: datetime) -> None:
        """Forget what was good only until before an instant."""
        self._connection.execute(delete(t.used_once).where(o.until < before))


class SqlPublishers:
    """Implements ``core.ports.sign_in.Publishers``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, publisher: Publisher) -> None:
        """Store a new one."""
        values = {
            "id": publisher.id,
            "issuer": publisher.issuer,
            "principal": publisher.principal,
            "created_at": publisher.created_at,
            "document": encode(publisher).decode(),
        }
        self._connection.execute(insert(t.publishers), values)

    def get(self, publisher_id: str) -> Publisher | None:
        """Return one."""
        found = self._asked(select(p.document).where(p.id == publisher_id))
        return found[0] if found else None

    def of_issuer(self, issuer: str) -> tuple[Publisher, ...]:
        """Return those of an issuer, oldest first."""
        return self._asked(select(p.document).where(p.issuer == issuer).order_by(p.created_at, p.id))

    def all(self) -> tuple[Publisher, ...]:
        """Return all, oldest first."""
        return self._asked(select(p.document).order_by(p.created_at, p.id))

    def remove(self, publisher_id: str) -> None:
        """Take one away."""
        self._connection.execute(delete(t.publishers).where(p.id == publisher_id))

    def _asked(self, query: Select[Any]) -> tuple[Publisher, ...]:
        return tuple(decode(each, Publisher) for each in self._connection.execute(query).scalars())


class SqlSignIn:
    """All of these over one connection; implements ``core.ports.sign_in.SignInRecords``."""

    def __init__(self, connection: Connection) -> None:
        """Make them."""
        self.identities: Identities = SqlIdentities(connection)
        self.group_roles: GroupRoles = SqlGroupRoles(connection)
        self.borrowed: BorrowedGrants = SqlBorrowedGrants(connection)
        self.sessions: Sessions = SqlSessions(connection)
        self.used_once: UsedOnce = SqlUsedOnce(connection)
        self.publishers: Publishers = SqlPublishers(connection)
