"""Principals, grants and tokens in SQL."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.access import Grant, Principal, Token
from assay.core.errors import ConflictError
from assay.storage import tables as t
from assay.storage.engines import by_itself
from assay.storage.prepared import Prepared
from assay.wire.codec import decode, encode

p = t.principals.c
g = t.grants.c
k = t.tokens.c
# Asked with every request.
_PRINCIPAL: Final = Prepared(select(p.document).where(p.name == bindparam("name")))
_GRANTS: Final = select(g.document).order_by(g.principal, g.pattern)
_GRANTS_OF_ONE: Final = Prepared(_GRANTS.where(g.principal == bindparam("principal")))
_TOKEN: Final = select(k.document, k.revoked_at).where(k.id == bindparam("id"))


class SqlPrincipals:
    """Implements ``core.ports.Principals``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, principal: Principal) -> None:
        """Store a new principal.

        Raises:
            ConflictError: the name is taken.
        """
        values = {"name": principal.name, "document": encode(principal).decode()}
        try:
            with by_itself(self._connection):
                self._connection.execute(insert(t.principals), values)
        except IntegrityError as error:
            raise ConflictError(f"there is somebody named {principal.name} already") from error

    def get(self, name: str) -> Principal | None:
        """Return one."""
        row = _PRINCIPAL.first(self._connection, name=name)
        return None if row is None else decode(row[0], Principal)

    def all(self) -> tuple[Principal, ...]:
        """Return all, by name."""
        documents = self._connection.execute(select(p.document).order_by(p.name)).scalars()
        return tuple(decode(document, Principal) for document in documents)

    def save(self, principal: Principal) -> None:
        """Replace owner, display name and disabled."""
        change = {"document": encode(principal).decode()}
        self._connection.execute(update(t.principals).where(p.name == principal.name), change)

    def grant(self, grant: Grant) -> Grant | None:
        """Give a role; replaces the grant of that principal on that pattern and returns it."""
        before = self.revoke(grant.principal, grant.pattern)
        values = {"principal": grant.principal, "pattern": grant.pattern, "document": encode(grant).decode()}
        self._connection.execute(insert(t.grants), values)
        return before

    def revoke(self, principal: str, pattern: str) -> Grant | None:
        """Take a grant away; return it, None when there was none."""
        place = (g.principal == principal, g.pattern == pattern)
        document = self._connection.execute(select(g.document).where(*place)).scalar()
        if document is None:
            return None
        self._connection.execute(delete(t.grants).where(*place))
        return decode(document, Grant)

    def grants(self, principal: str | None = None) -> tuple[Grant, ...]:
        """Return the grants of one principal or of all, by principal and pattern."""
        if principal is None:
            documents = list(self._connection.execute(_GRANTS).scalars())
        else:
            documents = [row[0] for row in _GRANTS_OF_ONE.all(self._connection, principal=principal)]
        return tuple(decode(document, Grant) for document in documents)


class SqlTokens:
    """Implements ``core.ports.Tokens``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, token: Token) -> None:
        """Store a new token."""
        values = {
            "id": token.id,
            "principal": token.principal,
            "created_at": token.created_at,
            "document": encode(token).decode(),
        }
        self._connection.execute(insert(t.tokens), values)

    def get(self, token_id: str) -> Token | None:
        """Return one."""
        row = self._connection.execute(_TOKEN, {"id": token_id}).first()
        return None if row is None else replace(decode(row[0], Token), revoked_at=row[1])

    def of(self, principal: str) -> tuple[Token, ...]:
        """Return all of a principal, newest first."""
        query = select(k.document, k.revoked_at).where(k.principal == principal)
        rows = self._connection.execute(query.order_by(k.created_at.desc(), k.id))
        return tuple(replace(decode(document, Token), revoked_at=revoked_at) for document, revoked_at in rows)

    def revoke(self, token_id: str, at: datetime) -> None:
        """Mark it revoked; the first time counts."""
        place = (k.id == token_id, k.revoked_at.is_(None))
        self._connection.execute(update(t.tokens).where(*place), {"revoked_at": at})
