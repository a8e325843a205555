"""The tree of files in SQL: one row per file; folders are what the paths say.

Everything below a folder is one range of paths, from ``folder/`` to before ``folder0`` (``0`` is the
letter behind ``/``); names such as ``folder-x`` lie before that range, and are no part of it. Ranges
compare letters by their code points, as SQLite does.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    true,
)

from assay.core.digests import Digest
from assay.core.errors import ConflictError, Reason
from assay.core.tracking.files import Entry, StoredFile, folders_of
from assay.storage import tracking_tables as t
from assay.storage.prepared import Prepared
from assay.storage.quotas import count_file, release_files
from assay.storage.upserts import insert_missing, writing_rows

f = t.files.c
z = t.frozen_files.c
_NAMES: Final = (f.path, f.digest, f.size_bytes, f.written_at_ms)
_BATCH: Final = 500
# Smaller than any letter that a name may have.
_NEXT: Final = "\x01"
# Behind every path.
_LAST: Final = "\U0010ffff"


_PATH: Final[Any] = bindparam("path")
_START: Final[Any] = bindparam("start")
_END: Final[Any] = bindparam("end")


def _first_of(query: Select[Any]) -> Prepared:
    return Prepared(query.limit(literal_column("1")).offset(literal_column("0")))


# Asked with every file that comes.
_GET: Final = Prepared(select(*_NAMES).where(f.path == _PATH))
_PUT: Final = writing_rows(t.files)
_FROZEN: Final = _first_of(
    select(z.holder).where(or_(z.path == _PATH, and_(z.path >= _START, z.path < _END))).order_by(z.path)
)
_BESIDE: Final = _first_of(select(f.path).where(f.folder == _PATH))
_INSIDE: Final = _first_of(
    select(f.path).where(or_(f.folder == _PATH, and_(f.folder >= _START, f.folder < _END)))
)


class SqlFiles:
    """Implements ``core.ports.tracking.Files``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def put(self, file: StoredFile) -> StoredFile | None:
        """Store the name; return what it named before.

        Raises:
            ConflictError: a folder has that name, or a file has the name of one of its folders.
            RefusedError: it is more than the quota of the team allows.
        """
        before = self.get(file.path)
        if before is None:
            self._check_room(file.path)
        count_file(self._connection, file, before)
        row = {
            "path": file.path,
            "folder": file.path.rpartition("/")[0],
            "digest": file.digest,
            "size_bytes": file.size_bytes,
            "written_at_ms": file.written_at_ms,
        }
        _PUT.run(self._connection, **row)
        return before

    def get(self, path: str) -> StoredFile | None:
        """Return the file of that name."""
        row = _GET.first(self._connection, path=path)
        return None if row is None else _file(*row)

    def under(self, folder: str) -> tuple[StoredFile, ...]:
        """Return every file below a folder ("" for the root), by path."""
        return self._files(select(*_NAMES).where(_below(f.path, folder)).order_by(f.path))

    def listing(self, folder: str) -> tuple[Entry, ...]:
        """Return what lies directly in a folder, by path; nothing when there is no such folder."""
        query = select(f.path, f.size_bytes).where(f.folder == folder)
        found = {path: Entry(path, size) for path, size in self._connection.execute(query)}
        found |= {path: Entry(path) for path in self._folders(folder)}
        return tuple(found[path] for path in sorted(found))

    def holding(self, digests: Collection[Digest], teams: tuple[str, ...]) -> frozenset[Digest]:
        """Return those of the digests that a file of an experiment of these teams has."""
        found: set[Digest] = set()
        wanted, x = sorted(digests), t.experiments.c
        first = func.substr(f.path, 1, _position(self._connection, f.path) - 1)
        readable = select(x.id).where(x.id == cast(first, BigInteger))
        if teams != ("*",):
            readable = readable.where(x.team.in_(teams))
        for start in range(0, len(wanted), _BATCH):
            query = select(f.digest).where(f.digest.in_(wanted[start : start + _BATCH]), readable.exists())
            found |= {Digest(each) for each in self._connection.execute(query.distinct()).scalars()}
        return frozenset(found)

    def remove(self, paths: Sequence[str]) -> None:
        """Take names away; the bytes stay as long as something else names them."""
        for start in range(0, len(paths), _BATCH):
            batch = list(paths[start : start + _BATCH])
            gone = delete(t.files).where(f.path.in_(batch)).returning(f.path, f.size_bytes)
            release_files(self._connection, self._connection.execute(gone).all())

    def _files(self, query: Select[Any]) -> tuple[StoredFile, ...]:
        rows = self._connection.execute(query)
        return tuple(_file(*row) for row in rows)

    def _folders(self, folder: str) -> set[str]:
        """Return the folders directly in ``folder``.

        Steps from one to the next over the index of folders: behind a folder itself come its names
        before ``/`` (``a-x``), then what lies in it (``a/b``), over which one step goes at once. So
        the work grows with the number of answers, not with the number of files below them.
        """
        start = f"{folder}/" if folder else ""
        inside = and_(f.folder > start, _before_end(f.folder, folder))
        first = select(func.min(f.folder).label("at")).where(inside)
        step = first.cte("step", recursive=True)
        rest = func.substr(step.c.at, len(start) + 1)
        slash = _position(self._connection, rest)
        bound = case(
            (slash == 0, step.c.at.concat(_NEXT)),
            else_=func.substr(step.c.at, 1, len(start) + slash - 1).concat("0"),
        )
        following = select(func.min(f.folder)).where(f.folder >= bound, _before_end(f.folder, folder))
        step = step.union_all(
            select(following.correlate(step).scalar_subquery()).where(step.c.at.is_not(None))
        )
        found = self._connection.execute(select(step.c.at).where(step.c.at.is_not(None))).scalars()
        return {start + at[len(start) :].partition("/")[0] for at in found}

    def _check_room(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        # Where a file lies in the folder already, none of the folders above it is a file.
        settled = _BESIDE.first(self._connection, path=folder) is not None
        for folder in () if settled else folders_of(path):
            if _GET.first(self._connection, path=folder) is not None:
                rule = "a file cannot also be a folder"
                message = f"{folder} is a file, so that {path} cannot lie in it"
                raise ConflictError(message, [Reason("path", rule)])
        inside = _INSIDE.first(self._connection, path=path, **_range(path))
        if inside is not None:
            rule = "a folder cannot also be a file"
            raise ConflictError(
                f"{path} is a folder, so that no file can have its name", [Reason("path", rule)]
            )


class SqlKeptFiles:
    """Implements ``core.ports.tracking.KeptFiles``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def freeze(self, paths: Mapping[str, Digest], holder: str) -> None:
        """Keep these names as they are, because ``holder`` (a version's address) was made from them."""
        rows = [{"path": path, "digest": digest, "holder": holder} for path, digest in paths.items()]
        insert_missing(self._connection, t.frozen_files, rows)

    def release(self, holder: str) -> None:
        """Let go of the names that ``holder`` kept; those that another one holds stay as they are."""
        self._connection.execute(delete(t.frozen_files).where(z.holder == holder))

    def frozen(self, path: str) -> str:
        """Return which version keeps this name, or a name below it, from changing; "" for none."""
        row = _FROZEN.first(self._connection, path=path, **_range(path))
        return "" if row is None else str(row[0])


def _file(path: str, digest: str, size_bytes: int, at_ms: int) -> StoredFile:
    return StoredFile(path, Digest(digest), size_bytes, at_ms)


def _below(column: Column[Any], folder: str) -> Any:
    """Return the condition that a path lies below a folder, at any depth."""
    return and_(column >= f"{folder}/", _before_end(column, folder)) if folder else true()


def _range(folder: str) -> dict[str, str]:
    """Return the same as values: from where on, and before which path."""
    return {"start": f"{folder}/", "end": f"{folder}0"} if folder else {"start": "", "end": _LAST}


def _before_end(column: Column[Any], folder: str) -> Any:
    return column < f"{folder}0" if folder else true()


def _position(connection: Connection, text: Any) -> Any:
    """Return where the first ``/`` stands in ``text``, 0 for nowhere."""
    return func.instr(text, "/") if connection.dialect.name == "sqlite" else func.strpos(text, "/")
