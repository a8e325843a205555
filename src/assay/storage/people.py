"""Passwords, groups and teams in SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.groups import Group
from assay.core.passwords import StoredPassword
from assay.core.teams import Team
from assay.storage import people_tables as t
from assay.storage import tables, trace_tables, tracking_tables
from assay.storage.engines import by_itself
from assay.storage.prepared import Prepared
from assay.storage.upserts import write_rows
from assay.wire.codec import decode, encode

p, g, m = t.passwords.c, t.groups.c, t.group_members.c
_GROUPS: Final = select(g.id, g.document).order_by(g.team, g.name)
# Asked with every request.
_GROUPS_OF_ONE: Final = Prepared(
    _GROUPS.where(g.id.in_(select(m.group).where(m.principal == bindparam("principal"))))
)
# Whose rows belong to a team: in words, and where to look.
_HOLDING = {
    "models": tables.models.c.team,
    "experiments": tracking_tables.experiments.c.team,
    "evaluation data sets": trace_tables.evaluation_sets.c.team,
}


class SqlPasswords:
    """Implements ``core.ports.Passwords``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def get(self, principal: str) -> StoredPassword | None:
        """Return what is stored of a principal's password."""
        document = self._connection.execute(select(p.document).where(p.principal == principal)).scalar()
        return None if document is None else decode(document, StoredPassword)

    def put(self, password: StoredPassword) -> None:
        """Store it in place of the one before."""
        row = {
            "principal": password.principal,
            "changed_at": password.changed_at,
            "document": encode(password).decode(),
        }
        write_rows(self._connection, t.passwords, [row])

    def remove(self, principal: str) -> bool:
        """Take it away; tell whether there was one."""
        gone = delete(t.passwords).where(p.principal == principal)
        return self._connection.execute(gone).rowcount > 0


class SqlGroups:
    """Implements ``core.ports.Groups``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, group: Group) -> Group:
        """Store a new group; the store gives its ``id``.

        Raises:
            ConflictError: the team has a group of that name.
        """
        try:
            with by_itself(self._connection):
                given = self._connection.execute(
                    insert(t.groups).returning(g.id), _values(group)
                ).scalar_one()
        except IntegrityError as error:
            raise _taken(group) from error
        stored = replace(group, id=given)
        self._set_members(stored)
        return stored

    def get(self, group_id: int) -> Group | None:
        """Return one with its members."""
        return next(iter(self._asked(_GROUPS.where(g.id == group_id))), None)

    def all(self, team: str | None = None) -> tuple[Group, ...]:
        """Return the groups of a team or of all, by team and name."""
        return self._asked(_GROUPS if team is None else _GROUPS.where(g.team == team))

    def of(self, principal: str) -> tuple[Group, ...]:
        """Return the groups that a principal is in, by team and name."""
        return self._read(_GROUPS_OF_ONE.all(self._connection, principal=principal))

    def save(self, group: Group) -> None:
        """Replace name, description, grants and members.

        Raises:
            ConflictError: the team has another group of that name.
        """
        try:
            with by_itself(self._connection):
                self._connection.execute(update(t.groups).where(g.id == group.id), _values(group))
        except IntegrityError as error:
            raise _taken(group) from error
        self._connection.execute(delete(t.group_members).where(m.group == group.id))
        self._set_members(group)

    def delete(self, group_id: int) -> None:
        """Take a group away; its ``id`` is never given again."""
        self._connection.execute(delete(t.group_members).where(m.group == group_id))
        self._connection.execute(delete(t.groups).where(g.id == group_id))

    def _set_members(self, group: Group) -> None:
        rows = [{"group": group.id, "principal": each} for each in group.members]
        if rows:
            self._connection.execute(insert(t.group_members), rows)

    def _asked(self, query: Select[tuple[int, str]]) -> tuple[Group, ...]:
        return self._read(self._connection.execute(query).all())

    def _read(self, rows: Sequence[Any]) -> tuple[Group, ...]:
        if not rows:
            return ()
        members = self._members(number for number, _ in rows)
        return tuple(
            replace(decode(document, Group), id=number, members=tuple(members.get(number, ())))
            for number, document in rows
        )

    def _members(self, ids: Iterable[int]) -> Mapping[int, list[str]]:
        query = select(m.group, m.principal).where(m.group.in_(list(ids))).order_by(m.principal)
        found: dict[int, list[str]] = {}
        for group, principal in self._connection.execute(query):
            found.setdefault(group, []).append(principal)
        return found


class SqlTeams:
    """Implements ``core.ports.Teams``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def get(self, name: str) -> Team | None:
        """Return what was written about a team."""
        query = select(t.teams.c.document).where(t.teams.c.name == name)
        document = self._connection.execute(query).scalar()
        return None if document is None else decode(document, Team)

    def put(self, team: Team) -> None:
        """Store it in place of what was written before."""
        write_rows(self._connection, t.teams, [{"name": team.name, "document": encode(team).decode()}])

    def remove(self, name: str) -> None:
        """Forget what was written about a team."""
        self._connection.execute(delete(t.teams).where(t.teams.c.name == name))

    def all(self) -> tuple[Team, ...]:
        """Return what was written, by name."""
        documents = self._connection.execute(select(t.teams.c.document).order_by(t.teams.c.name)).scalars()
        return tuple(decode(document, Team) for document in documents)

    def holding(self) -> frozenset[str]:
        """Return the teams that hold something."""
        return frozenset(
            name
            for column in _HOLDING.values()
            for name in self._connection.execute(select(column).distinct()).scalars()
        )

    def contents(self, name: str) -> Mapping[str, int]:
        """Return how many things of each kind a team holds, what was deleted and can come back included."""
        counts = {
            words: self._connection.execute(
                select(func.count()).select_from(column.table).where(column == name)
            ).scalar_one()
            for words, column in _HOLDING.items()
        }
        return {words: count for words, count in counts.items() if count}


def _values(group: Group) -> dict[str, str]:
    bare = replace(group, id=-1, members=())
    return {"team": group.team, "name": group.name, "document": encode(bare).decode()}


def _taken(group: Group) -> ConflictError:
    return ConflictError(f"the team {group.team} has a group named {group.name!r} already")
