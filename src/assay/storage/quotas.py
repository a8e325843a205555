"""What teams and models store, counted where versions and tracked files are written; and their quotas.

One row for each team and each model says how much it uses and may use. It changes in the transaction that
stores a name or takes it away, by one statement that changes nothing where that would be too much. So two
who store at once cannot exceed a quota together, no use case can forget it, and what is not limited pays
for one small statement.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    String,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from assay.core.quotas import Quota, over, owners_of
from assay.core.tracking.files import StoredFile, experiment_of
from assay.core.versions import Version
from assay.storage import blob_tables, tracking_tables
from assay.storage.prepared import INSERTS, Insert, Prepared
from assay.storage.rows import begins
from assay.storage.tables import versions

t = blob_tables.quotas
q = t.c
x = tracking_tables.experiments.c
f = tracking_tables.files.c
v = versions.c
_OWNER: Final[Any] = bindparam("whose", type_=String())
_TEAM: Final[Any] = bindparam("team", type_=String())
_SIZE: Final[Any] = bindparam("size", type_=BigInteger())
_EXPERIMENT: Final[Any] = bindparam("experiment", type_=BigInteger())


def _adding(statement: Any) -> Any:
    """Finish an insert: it adds to what is there, unless that would be more than is allowed."""
    added = statement.excluded.used_bytes
    room = or_(
        q.limit_bytes.is_(None),
        added <= literal_column("0"),
        q.used_bytes + added <= q.limit_bytes,
    )
    change = {"used_bytes": q.used_bytes + added}
    return statement.on_conflict_do_update(index_elements=["owner"], set_=change, where=room)


def _for_experiment(insert: Insert) -> Any:
    team = select(x.team, _SIZE).where(x.id == _EXPERIMENT)
    return _adding(insert(t).from_select(["owner", "used_bytes"], team))


def _for_model(insert: Insert) -> Any:
    rows = [{"owner": _TEAM, "used_bytes": _SIZE}, {"owner": _OWNER, "used_bytes": _SIZE}]
    return _adding(insert(t).values(rows)).returning(q.owner)


# Run with every file that comes.
_ADD_FILE: Final = Prepared(_for_experiment)
_ADD_VERSION: Final = Prepared(_for_model)
_GET: Final = Prepared(select(q.used_bytes, q.limit_bytes).where(q.owner == _OWNER))
_TEAM_OF: Final = Prepared(select(x.team).where(x.id == _EXPERIMENT))
_GIVE_BACK: Final = update(t).where(q.owner == _OWNER).values(used_bytes=q.used_bytes - _SIZE)


def count_version(connection: Connection, version: Version) -> None:
    """Count a new version for its team and its model.

    Raises:
        RefusedError: that is more than a quota allows; then nothing is counted.
    """
    size, owners = version.size_bytes, owners_of(version.model)
    if not size:
        return
    counted = _ADD_VERSION.all(connection, team=owners[0], whose=owners[1], size=size)
    full = [each for each in owners if (each,) not in counted]
    if full:
        for (owner,) in counted:
            connection.execute(_GIVE_BACK, {"whose": owner, "size": size})
        raise over(_get(connection, full[0]), size)


def release_size(connection: Connection, owners: Sequence[str], size_bytes: int) -> None:
    """Count no longer what a version was counted for."""
    connection.execute(_GIVE_BACK, [{"whose": each, "size": size_bytes} for each in owners])


def count_file(connection: Connection, file: StoredFile, before: StoredFile | None) -> None:
    """Count a tracked file for the team of its experiment, in place of the one that had its name.

    Raises:
        RefusedError: that is more than a quota allows; then nothing is counted.
    """
    size = file.size_bytes - (before.size_bytes if before else 0)
    experiment = experiment_of(file.path)
    if not size or experiment is None:
        return
    if _ADD_FILE.count(connection, size=size, experiment=experiment):
        return
    team = _TEAM_OF.first(connection, experiment=experiment)
    if team is not None:  # files of no experiment count for nobody
        raise over(_get(connection, team[0]), size)


def release_files(connection: Connection, removed: Iterable[tuple[str, int]]) -> None:
    """Count no longer these tracked files: path and size in bytes of each."""
    sizes: dict[int, int] = {}
    for path, size in removed:
        experiment = experiment_of(path)
        if experiment is not None:
            sizes[experiment] = sizes.get(experiment, 0) + size
    for experiment, size in sizes.items():
        _ADD_FILE.run(connection, size=-size, experiment=experiment)


class SqlQuotas:
    """Implements ``core.ports.quotas.Quotas``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def get(self, owner: str) -> Quota:
        """Return what a team or model uses and may use; one that nobody spoke of uses nothing."""
        return _get(self._connection, owner)

    def set(self, owner: str, limit_bytes: int | None) -> None:
        """Set a quota, or take it away with None; what is used stays, even where it is more."""
        statement = INSERTS[self._connection.dialect.name](t).values(
            owner=owner, used_bytes=0, limit_bytes=limit_bytes
        )
        change = {"limit_bytes": statement.excluded.limit_bytes}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["owner"], set_=change))

    def teams(self) -> tuple[Quota, ...]:
        """Return every team that uses something, and whatever has a quota, by name."""
        is_team = and_(q.owner.not_like("%/%"), q.used_bytes > 0)
        return self._list(or_(q.limit_bytes.is_not(None), is_team))

    def of_team(self, team: str) -> tuple[Quota, ...]:
        """Return a team and its models that use something or have a quota, by name."""
        its = or_(q.owner == team, begins(q.owner, f"{team}/"))
        return self._list(its, or_(q.limit_bytes.is_not(None), q.used_bytes > 0))

    def recount(self) -> tuple[tuple[str, int, int], ...]:
        """Count anew what everybody uses; return owner, bytes before and bytes now where they differ."""
        rows = self._connection.execute(_differing(self._connection))
        found = [(owner, int(was), int(size)) for owner, was, size in rows]
        if found:
            statement = INSERTS[self._connection.dialect.name](t).values(owner=_OWNER, used_bytes=_SIZE)
            change = {"used_bytes": statement.excluded.used_bytes}
            counted = [{"whose": owner, "size": size} for owner, _, size in found]
            mended = statement.on_conflict_do_update(index_elements=["owner"], set_=change)
            self._connection.execute(mended, counted)
        self._connection.execute(delete(t).where(q.used_bytes == 0, q.limit_bytes.is_(None)))
        return tuple(sorted(found))

    def _list(self, *conditions: Any) -> tuple[Quota, ...]:
        query = select(q.owner, q.used_bytes, q.limit_bytes).where(*conditions).order_by(q.owner)
        return tuple(Quota(*row) for row in self._connection.execute(query))


def _get(connection: Connection, owner: str) -> Quota:
    row = _GET.first(connection, whose=owner)
    return Quota(owner) if row is None else Quota(owner, *row)


def _differing(connection: Connection) -> Select[Any]:
    """Return the question who uses something else than is kept: owner, bytes kept, bytes used."""
    place = func.instr if connection.dialect.name == "sqlite" else func.strpos

    def first(column: Any) -> Any:
        return func.substr(column, 1, place(column, "/") - 1)

    nothing: Any = literal_column("0")
    there = v.deleted_at.is_(None)
    by_experiment = select(
        cast(first(f.path), BigInteger).label("id"), func.sum(f.size_bytes).label("size")
    ).where(f.path >= "0", f.path < ":")  # a digit comes first
    tracked = by_experiment.group_by(literal_column("1")).subquery()
    both = union_all(
        select(q.owner.label("owner"), q.used_bytes.label("was"), nothing.label("size")),
        select(v.model, nothing, v.size_bytes).where(there),
        select(first(v.model), nothing, v.size_bytes).where(there),
        select(x.team, nothing, tracked.c.size).join_from(
            tracked, tracking_tables.experiments, x.id == tracked.c.id
        ),
    ).subquery()
    was, size = func.sum(both.c.was), func.sum(both.c.size)
    return select(both.c.owner, was, size).group_by(both.c.owner).having(was != size)
